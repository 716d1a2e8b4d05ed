"""Pages: the confirmation of a new table, and the wait for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from starlette.responses import Response

from adapters.web.figures.chosen import MAKERS, quarter_in_words
from adapters.web.figures.release_list import list_page
from adapters.web.figures.table_choices import (
    Choices,
    choices_of,
    counted,
    faults_in,
    wanted_table,
)
from adapters.web.figures.work import WantedTable
from adapters.web.pages import PageRoute
from adapters.web.visit import Visit
from broker.figures.counting import parse_period
from broker.operations.figure_counts import quarter_counts
from broker.operations.figure_publishers import require_publisher
from broker.operations.figure_releases import release_number, releases_of_quarter
from broker.releases.release_notes import not_counted_notes
from broker.releases.too_early import lacks_in_words
from contracts.phrases import N_

PATIENCE_S: Final = 2.0
"""Time for which the answer to a form waits, so that a small table appears at once."""
MADE: Final = N_("The table is made. It counts as published from now on.")
REPEATED: Final = N_("This table was published before with the same numbers. Nothing has changed.")
BUSY: Final = N_("Another table is being made. Ask for yours again when it is ready.")
_AGREE: Final = (
    "incomplete",
    N_("Tick this box to publish the table although it is incomplete, or wait"),
)


def confirm(visit: Visit) -> Response:
    """Show whose cases are counted and what making the table means, before it is made."""
    choices = choices_of(visit, visit.query)
    wanted = wanted_table(visit.query, choices)
    faults = faults_in(wanted, choices)
    return list_page(visit, faults) if faults else _confirmation(visit, wanted, choices)


def make(visit: Visit) -> Response:
    """Begin to make the table, once the person has confirmed it."""
    visit.require_recent_sign_in()
    choices = choices_of(visit, visit.form)
    wanted = wanted_table(visit.form, choices)
    if faults_in(wanted, choices):
        return visit.redirect("/figures")
    contract, _ = counted(visit)[wanted.agreement]
    require_publisher(contract, visit.agency.participant().agency)
    if not wanted.incomplete and _lacks(visit, wanted):
        return _confirmation(visit, wanted, choices, [_AGREE])
    work = visit.agency.figures.begin(wanted)
    if work is None:
        return visit.redirect("/figures/making", BUSY)
    work.wait(PATIENCE_S)
    return visit.redirect("/figures/making")


def making(visit: Visit) -> Response:
    """Show that a table is being made; go to it once it is made.

    Raises:
        ConcordantError: it was refused; the page of the error says what to do.
    """
    work = visit.agency.figures.last
    if work is None or not work.over:
        return replace(visit, route="/figures").page("figures/making.html", work=work)
    if work.release is None:
        assert work.error is not None
        raise work.error
    number = release_number(visit.agency.participant(), visit.agency.store(), work.release)
    said = REPEATED if work.release.repeated else MADE
    return visit.redirect("/figures" if number is None else f"/figures/{number}", said)


def _lacks(visit: Visit, wanted: WantedTable) -> bool:
    """Return whether the table is too early to publish."""
    contract, _ = counted(visit)[wanted.agreement]
    period, agency = parse_period(wanted.period), visit.agency
    held = quarter_counts(agency.participant(), agency.store(), contract, period)
    return bool(held.shortfalls(period, wanted.of, agency.clock()))


def _confirmation(
    visit: Visit,
    wanted: WantedTable,
    choices: Choices,
    faults: Sequence[tuple[str, str]] = (),
) -> Response:
    agency = visit.agency
    contract, _ = counted(visit)[wanted.agreement]
    participant, period = agency.participant(), parse_period(wanted.period)
    require_publisher(contract, participant.agency)
    store = agency.store()
    held = quarter_counts(participant, store, contract, period)
    lacks = held.shortfalls(period, wanted.of, agency.clock())
    return replace(visit, route="/figures").page(
        "figures/confirm.html",
        status=422 if faults else 200,
        faults=faults,
        wanted=wanted,
        choices=choices,
        quarter=quarter_in_words(period),
        counted=[one.agency for one in held.counted],
        missing=list(not_counted_notes(held.not_counted)),
        lacks=list(lacks_in_words(lacks, period, wanted.of)),
        others=sorted(contract.figures_publishers - {participant.agency}),
        earlier=[
            one
            for one in releases_of_quarter(participant, store, wanted.agreement, wanted.period)
            if one.of == wanted.of
        ],
    )


PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", "/figures/new", MAKERS, confirm),
    PageRoute("POST", "/figures/new", MAKERS, make),
    PageRoute("GET", "/figures/making", MAKERS, making),
)
