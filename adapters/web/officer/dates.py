"""Page: the days on which an agreement asks for something, also as a file for a calendar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.responses import Response

from adapters.web.officer.chosen import READERS, chosen_agreement, state_of
from adapters.web.pages import PageRoute
from adapters.web.visit import Visit
from broker.operations.contract_calendar import calendar_file
from contracts.calendar import agreement_dates, day_ms


def dates(visit: Visit) -> Response:
    """Show every day on which the parties have something to do."""
    signed = chosen_agreement(visit)
    now = visit.agency.clock()
    return visit.page(
        "officer/dates.html",
        signed=signed,
        contract=signed.contract,
        state=state_of(visit, signed),
        dates=[(one, day_ms(one.day)) for one in agreement_dates(signed.contract)],
        now=now,
        own_id=visit.agency.participant().agency,
    )


def calendar(visit: Visit) -> Response:
    """Give the days as a file for a calendar program."""
    signed = chosen_agreement(visit)
    content = calendar_file([signed.contract], visit.agency.clock())
    name = f"{signed.contract.name}-{signed.contract.version}.ics"
    return visit.download(content, name, "text/calendar; charset=utf-8")


PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", "/agreements/{sha256}/dates", READERS, dates),
    PageRoute("GET", "/agreements/{sha256}/dates.ics", READERS, calendar),
)
