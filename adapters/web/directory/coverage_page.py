"""Page: the gaps of the directory by borough, as a grid, tables and files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from adapters.web.directory.chosen import READERS
from adapters.web.errors import PageNotFoundError
from adapters.web.pages import PageRoute
from adapters.web.visit import Visit
from broker.directory.coverage import CoverageCell, coverage_csv
from broker.directory.coverage_grid import coverage_svg, summaries
from broker.operations.directory.covering import coverage_of

_FILES: Final[Mapping[str, str]] = {"csv": "text/csv; charset=utf-8", "svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """Numbers of one need or motivation over all areas.

    Attributes:
        kind, code, label: what is offered.
        none, one, more: areas without an agency, with one alone, and with several.
        longest_wait_days: longest wait of an unanswered referral of ours; None if none waits.
    """

    kind: str
    code: str
    label: str
    none: int
    one: int
    more: int
    longest_wait_days: int | None


def coverage(visit: Visit) -> Response:
    """Show where no service works, or one agency alone."""
    cells = _cells(visit)
    if cells is None:
        return visit.page("directory/no_state.html")
    rows = _rows(cells)
    chosen = _chosen(visit, cells)
    return visit.page(
        "directory/coverage.html",
        rows=rows,
        areas=sorted(summaries(chosen), key=lambda one: one.area.name),
        of=_of(visit),
        label=chosen[0].label if _of(visit) and chosen else "",
        gaps=sum(one.none for one in rows),
    )


def coverage_file(visit: Visit) -> Response:
    """Give the coverage as CSV, or the grid of the chosen need or motivation as SVG.

    Raises:
        PageNotFoundError: there is no such file.
    """
    kind, cells = visit.path["kind"], _cells(visit)
    if kind not in _FILES or cells is None:
        raise PageNotFoundError(visit=visit)
    text = coverage_csv(cells) if kind == "csv" else coverage_svg(_chosen(visit, cells))
    return visit.download(text.encode(), f"coverage.{kind}", _FILES[kind])


def _cells(visit: Visit) -> Sequence[CoverageCell] | None:
    """Return the coverage; None if the adapter has not run yet."""
    store = visit.agency.state()
    if store is None:
        return None
    return coverage_of(visit.agency.participant(), store, visit.agency.clock())


def _of(visit: Visit) -> str:
    return visit.query.text("of")


def _chosen(visit: Visit, cells: Sequence[CoverageCell]) -> Sequence[CoverageCell]:
    """Return the cells of the need or motivation of the address; all if it names none."""
    return [one for one in cells if f"{one.kind}.{one.code}" == _of(visit)] or cells


def _rows(cells: Sequence[CoverageCell]) -> Sequence[CoverageRow]:
    found: dict[tuple[str, str], list[CoverageCell]] = defaultdict(list)
    for one in cells:
        found[one.kind, one.code].append(one)
    return [
        CoverageRow(
            kind,
            code,
            of[0].label,
            none=sum(not one.agencies for one in of),
            one=sum(len(one.agencies) == 1 for one in of),
            more=sum(len(one.agencies) > 1 for one in of),
            longest_wait_days=max(
                (one.longest_wait_days for one in of if one.longest_wait_days is not None),
                default=None,
            ),
        )
        for (kind, code), of in found.items()
    ]


PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", "/coverage", READERS, coverage),
    PageRoute("GET", "/coverage/file/{kind}", READERS, coverage_file),
)
