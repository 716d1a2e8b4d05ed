"""Pages: the list of agreements, and one agreement as it concerns this agency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.responses import Response

from adapters.web.officer.chosen import READERS, chosen_agreement, state_of
from adapters.web.officer.words import STATES
from adapters.web.pages import PageRoute
from adapters.web.visit import Visit
from broker.operations.agreement_state import agreement_states
from contracts.calendar import agreement_dates, day_ms
from contracts.model import Contract
from contracts.party_overview import party_overview


def agreements(visit: Visit) -> Response:
    """List the agreements with their state, those that await this agency first."""
    participant = visit.agency.participant()
    now = visit.agency.clock()
    held = {one.hash.hex(): one.contract for one in participant.contracts.all()}
    states = agreement_states(participant, now)
    return visit.page(
        "officer/agreements.html",
        waiting=[one for one in states if one.awaits_us],
        others=[one for one in states if not one.awaits_us],
        titles={sha256: contract.title for sha256, contract in held.items()},
        next_dates={sha256: _next_date(contract, now) for sha256, contract in held.items()},
        states=STATES,
        day_ms=day_ms,
    )


def _next_date(contract: Contract, now: int) -> tuple[str, int] | None:
    """Return what the agreement asks for next and the day of it, in ms; None if nothing more."""
    coming = ((one.what, day_ms(one.day)) for one in agreement_dates(contract))
    return next(((what, day) for what, day in coming if day > now), None)


def agreement(visit: Visit) -> Response:
    """Show one agreement as it concerns this agency; made to be printed."""
    participant = visit.agency.participant()
    signed = chosen_agreement(visit)
    contract = signed.contract
    waiting = [
        one
        for one in agreement_states(participant, visit.agency.clock())
        if one.awaits_us and one.line.name == contract.name
    ]
    return visit.page(
        "officer/agreement.html",
        signed=signed,
        contract=contract,
        state=state_of(visit, signed),
        states=STATES,
        us=party_overview(contract, participant.agency),
        waiting=[one for one in waiting if one.line.sha256 != signed.hash.hex()],
        day_ms=day_ms,
    )


def agreement_file(visit: Visit) -> Response:
    """Give the signed text of the agreement as a file."""
    signed = chosen_agreement(visit)
    name = f"{signed.contract.name}-{signed.contract.version}.yaml"
    return visit.download(signed.text.raw, name, "application/yaml")


PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", "/agreements", READERS, agreements),
    PageRoute("GET", "/agreements/{sha256}", READERS, agreement),
    PageRoute("GET", "/agreements/{sha256}/file", READERS, agreement_file),
)
