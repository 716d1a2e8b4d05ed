"""Page: releases of figures, newest first, with the form for a new table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from starlette.responses import Response

from adapters.web.figures.chosen import MAKERS, READERS, quarter_in_words
from adapters.web.figures.table_choices import (
    choices_of,
    counted,
    dimension_labels,
    referral_figures,
)
from adapters.web.pages import PageRoute
from adapters.web.visit import Visit
from broker.figures.counting import parse_period
from broker.operations.figure_releases import ReleaseList, list_releases
from broker.operations.figures import MOST_DIMENSIONS

ROWS: Final = 25
"""Releases a page."""


def releases(visit: Visit) -> Response:
    """List the releases, newest first, with the form for a new table."""
    return list_page(visit)


def list_page(visit: Visit, faults: Sequence[tuple[str, str]] = ()) -> Response:
    """Return the page of the list.

    Args:
        visit: the request.
        faults: of the form for a new table: (id of the field, marked text).
    """
    at = visit.query.number("page", 1)
    held = _held(visit, most=ROWS, skipped=(at - 1) * ROWS)
    last = max(-(-held.total // ROWS), 1)
    if at > last:
        at, held = last, _held(visit, most=ROWS, skipped=(last - 1) * ROWS)
    return replace(visit, route="/figures").page(
        "figures/releases.html",
        status=422 if faults else 200,
        faults=faults,
        choices=choices_of(visit, visit.query),
        held=held,
        labels={
            one: label
            for contract, cases in counted(visit).values()
            for figures in (referral_figures(contract), cases)
            for one, label in ({} if figures is None else dimension_labels(figures)).items()
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


PAGES: Final[Sequence[PageRoute]] = (PageRoute("GET", "/figures", READERS, releases),)
