"""Page: pause, resume or leave an agreement, with what stops before one confirms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from starlette.responses import Response

from adapters.web.errors import PageNotFoundError
from adapters.web.officer.chosen import DECIDERS, READERS, chosen_agreement, state_of
from adapters.web.pages import PageRoute
from adapters.web.texts import N_
from adapters.web.visit import Visit
from broker.codes.meanings import next_step
from broker.operations.contract_departure import (
    STATES,
    DepartureReview,
    DepartureState,
    depart,
    review,
    review_of,
    stop_lines,
)
from broker.operations.contract_revision import version_without
from broker.operations.open_referrals import open_work
from broker.registry.contracts import SignedContract
from contracts.departure_reasons import (
    DEPARTURE_REASONS,
    RESUMPTION_REASONS,
    require_departure_reason,
    require_resumption_reason,
)
from contracts.errors import ConcordantError

_DONE: Final[Mapping[DepartureState, str]] = {
    "suspended": N_("Our part is paused. The running adapter tells the partners at once."),
    "resumed": N_("Our part goes on. The running adapter tells the partners at once."),
    "left": N_("We have left. The running adapter tells the partners at once."),
}


def stop(visit: Visit) -> Response:
    """Show what is open, what stops and what goes on, and the form."""
    return _page(visit, chosen_agreement(visit))


def decide(visit: Visit) -> Response:
    """Pause, resume or leave, after the person has confirmed it."""
    signed = chosen_agreement(visit)
    state, reason = STATES.get(visit.form.text("how")), visit.form.text("reason")
    known = RESUMPTION_REASONS if state == "resumed" else DEPARTURE_REASONS
    faults = [
        (field, text)
        for field, text, wrong in (
            ("how-suspended", N_("Choose whether to pause or to leave"), state is None),
            ("reason", N_("Choose a reason"), reason not in known),
            (
                "telephoned",
                N_("Confirm that you telephone the partners"),
                state != "resumed" and not visit.form.text("telephoned"),
            ),
            ("may", N_("Confirm that you may decide this"), not visit.form.text("may")),
        )
        if wrong
    ]
    if faults or state is None:
        return _page(visit, signed, faults)
    if state == "resumed":
        require_resumption_reason(reason)
    else:
        require_departure_reason(reason)
    now = visit.agency.clock()
    try:
        done = depart(review(visit.agency.root, signed.contract.name, state, now), reason, now)
    except ConcordantError as error:
        return _page(visit, signed, [("how-suspended", N_("Nothing was changed"))], error)
    said = _DONE[state] if done.changed else N_("Nothing was changed: it was so already.")
    return visit.redirect(f"/agreements/{signed.hash.hex()}/stop", visit.renderer.text(said))


def next_version(visit: Visit) -> Response:
    """Give a draft of the next version without one party."""
    signed = chosen_agreement(visit)
    agency = visit.form.text("agency")
    if agency not in signed.contract.by_id or agency == visit.agency.participant().agency:
        raise PageNotFoundError(visit=visit)
    content = version_without(Path(signed.text.where), agency, visit.agency.clock())
    return visit.download(content, f"{signed.contract.name}-next.yaml", "application/yaml")


def _page(
    visit: Visit,
    signed: SignedContract,
    faults: Sequence[tuple[str, str]] = (),
    refused: ConcordantError | None = None,
) -> Response:
    participant = visit.agency.participant()
    state = state_of(visit, signed)
    may_stop = participant.agency in signed.parties and state.state not in {"left", "expired"}
    reviewed: DepartureReview | None = None
    if may_stop:
        now = visit.agency.clock()
        reviewed = review_of(participant, signed.contract.name, "suspended", now)
    store = visit.agency.state()
    return visit.page(
        "officer/stop.html",
        status=422 if faults else 200,
        faults=faults,
        refused=None if refused is None else (refused, next_step(refused)),
        signed=signed,
        contract=signed.contract,
        state=state,
        reviewed=reviewed,
        paused=reviewed is not None and reviewed.suspended_since is not None,
        work=open_work(store),
        stops=stop_lines(participant, signed, store),
        own_id=participant.agency,
        keys_here=participant.holds_governance_keys(),
        departure_reasons=DEPARTURE_REASONS,
        resumption_reasons=RESUMPTION_REASONS,
        may_decide=visit.may(DECIDERS),
    )


PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", "/agreements/{sha256}/stop", READERS, stop),
    PageRoute("POST", "/agreements/{sha256}/stop", DECIDERS, decide),
    PageRoute("POST", "/agreements/{sha256}/next-version", DECIDERS, next_version),
)
