"""Pages: releases of figures, a new table with its confirmation, and the wait for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from starlette.responses import Response

from adapters.web.figures.chosen import MAKERS, READERS, quarter_in_words
from adapters.web.figures.work import WantedTable
from adapters.web.pages import PageRoute
from adapters.web.visit import Visit
from broker.errors import RegistryError
from broker.figures.combined import table_dimensions
from broker.figures.counting import Period, last_quarters, parse_period
from broker.figures.referral_dimensions import counted_referrals
from broker.figures.tables import label_of
from broker.operations.figure_releases import ReleaseList, list_releases, number_of
from broker.operations.figures import MOST_DIMENSIONS, counted_agreements
from contracts.model import Contract
from contracts.phrases import N_
from contracts.vocabulary.figures import Figures

ROWS: Final = 25
"""Releases a page."""
QUARTERS: Final = 8
"""Quarters to choose from, with the present one."""
PATIENCE_S: Final = 2.0
"""Time for which the answer to a form waits, so that a small table appears at once."""
MADE: Final = N_("The table is made. It counts as published from now on.")
REPEATED: Final = N_("This table was published before with the same numbers. Nothing has changed.")
BUSY: Final = N_("Another table is being made. Ask for yours again when it is ready.")


@dataclass(frozen=True, slots=True)
class Choices:
    """Choices for a new table.

    Attributes:
        titles: name of each agreement with its title.
        quarters: the quarters, the present one first.
        dimensions: name of each dimension with its label, of the chosen agreement.
        agreement: name of the chosen agreement; empty if no agreement counts cases.
    """

    titles: Mapping[str, str]
    quarters: Sequence[Period]
    dimensions: Mapping[str, str]
    agreement: str


def releases(visit: Visit) -> Response:
    """List the releases, newest first, with the form for a new table."""
    return _list_page(visit)


def confirm(visit: Visit) -> Response:
    """Show what making the table means, before it is made."""
    choices = _choices(visit)
    wanted = WantedTable(
        choices.agreement, visit.query.text("period"), tuple(visit.query.all("by"))
    )
    faults = _faults(wanted, choices)
    if faults:
        return _list_page(visit, faults)
    quarter = next(one for one in choices.quarters if one.name == wanted.period)
    held = _held(visit, most=ROWS).releases
    return replace(visit, route="/figures").page(
        "figures/confirm.html",
        wanted=wanted,
        choices=choices,
        quarter=quarter_in_words(quarter),
        ended=quarter.end_ms <= visit.agency.clock(),
        earlier=[
            one for one in held if (one.agreement, one.period) == (wanted.agreement, wanted.period)
        ],
    )


def make(visit: Visit) -> Response:
    """Begin to make the table, once the person has confirmed it."""
    visit.require_recent_sign_in()
    choices = _choices(visit)
    wanted = WantedTable(choices.agreement, visit.form.text("period"), tuple(visit.form.all("by")))
    if _faults(wanted, choices):
        return visit.redirect("/figures")
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
    number = number_of(visit.agency.participant(), visit.agency.store(), work.release)
    said = REPEATED if work.release.repeated else MADE
    return visit.redirect("/figures" if number is None else f"/figures/{number}", said)


def _list_page(visit: Visit, faults: Sequence[tuple[str, str]] = ()) -> Response:
    at = visit.query.number("page", 1)
    held = _held(visit, most=ROWS, skipped=(at - 1) * ROWS)
    last = max(-(-held.total // ROWS), 1)
    if at > last:
        at, held = last, _held(visit, most=ROWS, skipped=(last - 1) * ROWS)
    choices = _choices(visit)
    return replace(visit, route="/figures").page(
        "figures/releases.html",
        status=422 if faults else 200,
        faults=faults,
        choices=choices,
        held=held,
        labels={
            one: label
            for contract, cases in _counted(visit).values()
            for figures in (_referrals(contract), cases)
            for one, label in ({} if figures is None else _labels(figures)).items()
        },
        at=at,
        last=last,
        first_row=(at - 1) * ROWS + 1,
        may_make=visit.may(MAKERS),
        most_dimensions=MOST_DIMENSIONS,
        parse_period=parse_period,
        quarter_in_words=quarter_in_words,
        now=visit.agency.clock(),
        has_state=visit.agency.state() is not None,
    )


def _held(visit: Visit, *, most: int, skipped: int = 0) -> ReleaseList:
    store = visit.agency.state()
    if store is None:
        return ReleaseList((), 0)
    return list_releases(visit.agency.participant(), store, most=most, skipped=skipped)


def _choices(visit: Visit) -> Choices:
    found = _counted(visit)
    asked = visit.form.text("agreement") or visit.query.text("agreement")
    name = asked if asked in found else next(iter(sorted(found)), "")
    return Choices(
        titles={one: contract.title for one, (contract, _) in found.items()},
        quarters=last_quarters(visit.agency.clock(), QUARTERS),
        dimensions=_labels(found[name][1]) if name else {},
        agreement=name,
    )


def _counted(visit: Visit) -> Mapping[str, tuple[Contract, Figures]]:
    """Return the agreements that this agency counts under, by name; none if none is in force."""
    agency = visit.agency
    try:
        found = counted_agreements(agency.participant(), agency.clock())
    except RegistryError as error:
        if error.code not in ("contract_missing", "contract_not_in_force"):
            raise
        return {}
    return {name: (contract, figures) for name, (contract, figures, _) in found.items()}


def _referrals(contract: Contract) -> Figures | None:
    counted = counted_referrals(contract)
    return None if counted is None else counted[0]


def _labels(figures: Figures) -> Mapping[str, str]:
    """Return each dimension with its label, in the order of the vocabulary."""
    names = dict.fromkeys((*figures.dimensions, *table_dimensions(figures)))
    return {one: label_of(one, figures) for one in names}


def _faults(wanted: WantedTable, choices: Choices) -> Sequence[tuple[str, str]]:
    """Return the faults of a form: (id of the field, marked text)."""
    known = {one.name for one in choices.quarters}
    by = set(wanted.by)
    return [
        (field, text)
        for field, text, wrong in (
            ("period", N_("Choose a quarter"), wanted.period not in known),
            (
                "by",
                N_("Choose one, two or three of the characteristics"),
                not 1 <= len(wanted.by) <= MOST_DIMENSIONS
                or len(by) != len(wanted.by)
                or not by <= choices.dimensions.keys(),
            ),
        )
        if wrong
    ]


PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", "/figures", READERS, releases),
    PageRoute("GET", "/figures/new", MAKERS, confirm),
    PageRoute("POST", "/figures/new", MAKERS, make),
    PageRoute("GET", "/figures/making", MAKERS, making),
)
