"""Roles of the pages of the directory, and what an address searches for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from adapters.web.people import EVERY_ROLE, Role
from adapters.web.visit import Visit
from broker.directory.areas import grid, larger_areas
from broker.directory.listing_file import ListedCodes
from broker.directory.search import Query
from broker.operations.directory.publishing import agreed_codes

READERS: Final = EVERY_ROLE
"""The directory has no personal data."""
WRITERS: Final = frozenset({Role.CASEWORKER, Role.OPERATOR})
"""Roles that state the capacity of a service."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A search, with the choices for it.

    Attributes:
        codes: needs and motivations of the agreements, with their labels.
        areas: ONS code to name: larger areas, then the areas of the grid by name.
        query: the search; a code that is not known is left out.
    """

    codes: ListedCodes
    areas: dict[str, str]
    query: Query

    @property
    def address(self) -> str:
        """Return the search as the part of an address after the question mark."""
        query = self.query
        found = {"need": query.need, "area": query.area, "strand": query.strand}
        return "&".join(f"{name}={code}" for name, code in found.items() if code)


def choice_of(visit: Visit) -> Choice:
    """Return what the address or the form of a visit searches for."""
    codes = agreed_codes(visit.agency.participant())
    by_name = sorted(grid().values(), key=lambda one: one.name)
    areas = {**larger_areas(), **{one.code: one.name for one in by_name}}

    def known(name: str, among: dict[str, str]) -> str | None:
        code = visit.form.text(name) or visit.query.text(name)
        return code if code in among else None

    return Choice(
        codes,
        areas,
        Query(
            known("need", dict(codes.needs)),
            known("area", areas),
            known("strand", dict(codes.strands)),
        ),
    )
