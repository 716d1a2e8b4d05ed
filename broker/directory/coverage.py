"""Coverage: for each need and motivation, the services that work in each area of the grid.

It is an audit of activity: it shows areas without a service or with one alone, and where referrals
wait longest, by the need and the area that each of them states. It counts what partners publish, so
a partner that published nothing is not in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from broker.directory.areas import GridArea, covering, grid
from broker.directory.listing import Listing, Service, known_capacity
from broker.directory.listing_file import ListedCodes
from contracts.csv_text import csv_text

Kind: TypeAlias = Literal["need", "strand"]
COLUMNS = (
    "kind", "code", "label", "area", "area_name", "services", "agencies", "with_capacity",
    "longest_wait_days",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class WaitingReferral:
    """A referral of this agency that has no answer.

    Attributes:
        agency: id of the agency that was asked.
        days: since the referral was made.
        need: code of what it asks for; None if it is not known.
        area: code of the area of the incident; None if it is not known.
    """

    agency: str
    days: int
    need: str | None = None
    area: str | None = None


@dataclass(frozen=True, slots=True)
class CoverageCell:
    """Services for one need or motivation in one area.

    Attributes:
        kind, code, label: what is offered.
        area: the area of the grid.
        services: number of services.
        agencies: ids of the agencies that offer them.
        with_capacity: number of services that state capacity now.
        longest_wait_days: longest time for which an unanswered referral of this agency waits for
            this need in this area. Where a referral does not say one of the two, and for a
            motivation, it counts where the agency that was asked works. None if none waits.
    """

    kind: Kind
    code: str
    label: str
    area: GridArea
    services: int
    agencies: tuple[str, ...]
    with_capacity: int
    longest_wait_days: int | None


def coverage(
    listings: Sequence[tuple[str, Listing]],
    codes: ListedCodes,
    waits: Sequence[WaitingReferral],
    now: int,
) -> tuple[CoverageCell, ...]:
    """Return a cell for each need and each motivation in each area of the grid.

    Args:
        listings: agency id and listing of this agency and each partner.
        codes: needs and motivations of the agreements, with their labels.
        waits: the referrals of this agency that have no answer.
        now: ms.
    """
    kinds: tuple[tuple[Kind, Mapping[str, str]], ...] = (
        ("need", codes.needs),
        ("strand", codes.strands),
    )
    return tuple(
        _cell(kind, code, label, area, listings, waits, now)
        for kind, listed in kinds
        for code, label in listed.items()
        for area in grid().values()
    )


def coverage_csv(cells: Sequence[CoverageCell]) -> str:
    """Return the cells as CSV, one row each."""
    rows = [
        (
            cell.kind,
            cell.code,
            cell.label,
            cell.area.code,
            cell.area.name,
            str(cell.services),
            " ".join(cell.agencies),
            str(cell.with_capacity),
            "" if cell.longest_wait_days is None else str(cell.longest_wait_days),
        )
        for cell in cells
    ]
    return csv_text(COLUMNS, rows)


def _cell(
    kind: Kind,
    code: str,
    label: str,
    area: GridArea,
    listings: Sequence[tuple[str, Listing]],
    waits: Sequence[WaitingReferral],
    now: int,
) -> CoverageCell:
    found = list(_working(kind, code, area, listings))
    agencies = tuple(sorted({agency for agency, _ in found}))
    capacities = [known_capacity(service, now) for _, service in found]
    return CoverageCell(
        kind,
        code,
        label,
        area,
        len(found),
        agencies,
        sum(one is not None and one.state == "capacity" for one in capacities),
        max(
            (one.days for one in waits if _waits_in(one, kind, code, area, agencies)),
            default=None,
        ),
    )


def _waits_in(
    referral: WaitingReferral, kind: Kind, code: str, area: GridArea, agencies: Sequence[str]
) -> bool:
    """Return whether a referral waits in a cell with these agencies."""
    need = referral.need if kind == "need" else None
    if need not in (None, code) or referral.area not in (None, area.code):
        return False
    certain = need is not None and referral.area is not None
    return certain or referral.agency in agencies


def _working(
    kind: Kind, code: str, area: GridArea, listings: Sequence[tuple[str, Listing]]
) -> Iterator[tuple[str, Service]]:
    for agency, listing in listings:
        for service in listing.services.values():
            offered = code in service.needs if kind == "need" else _works_on(code, service)
            here = covering(area.code, service.areas) is not None
            if service.status == "active" and offered and here:
                yield agency, service


def _works_on(strand: str, service: Service) -> bool:
    return not service.strands or strand in service.strands
