"""The board: health in one sentence, partners, and the last 24 hours."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from starlette.responses import Response

from adapters.web.operator.flow_plots import HOURS, flow_plots
from adapters.web.operator.texts_with_commands import told
from adapters.web.visit import Visit
from broker.observing.flow import last_hours
from broker.operations.health.agency_health import look_into, without_state
from broker.operations.partner_board import PartnerState, partner_board
from broker.operations.runbook.runbook import RUNBOOK
from contracts.phrases import N_

STATES: Final[dict[PartnerState, tuple[str, str, str]]] = {
    "stopped": (N_("Contradicts itself"), "stop", "warning"),
    "left": (N_("Has left"), "", ""),
    "suspended": (N_("Has paused its part"), "wait", "waits"),
    "never_heard": (N_("Not heard yet"), "wait", "warning"),
    "silent": (N_("Silent"), "stop", "warning"),
    "missing": (N_("Filling a gap"), "note", "clock"),
    "put_aside": (N_("Waits for a decision"), "wait", "waits"),
    "up_to_date": (N_("Up to date"), "good", "tick"),
}
"""Words, kind and sign of the tag of each state."""


def board(visit: Visit) -> Response:
    """Show whether everything flows, and if not, what to do."""
    agency = visit.agency
    participant, now = agency.participant(), agency.clock()
    common: dict[str, Any] = {
        "runbook": RUNBOOK,
        "told": partial(told, say=visit.renderer.text, folder=visit.agency.root),
    }
    store = agency.state()
    if store is None:
        return visit.page(
            "operator/board.html", health=without_state(now), partners=None, plots=None, **common
        )
    with store.reading() as tx:
        status, health = look_into(participant, tx, now)
        partners = partner_board(participant, tx, status)
        plots = flow_plots(last_hours(tx, now, HOURS))
    return visit.page(
        "operator/board.html",
        health=health,
        partners=partners,
        plots=plots,
        states=STATES,
        **common,
    )
