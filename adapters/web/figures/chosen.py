"""Roles of the pages of figures, and the release that an address names."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from adapters.web.errors import PageNotFoundError
from adapters.web.people import Role
from adapters.web.visit import Visit
from broker.figures.counting import Period
from broker.operations.figure_releases import read_release
from broker.releases.figures_release import FiguresRelease
from contracts.phrases import Phrase, month_name, phrase

READERS: Final = frozenset({Role.OFFICER, Role.SIGNATORY, Role.AUDITOR, Role.OPERATOR})
"""Roles that read releases; they have no personal data."""
MAKERS: Final = frozenset({Role.OFFICER})
"""Role that makes a release, which counts as published."""
_MOST_DIGITS: Final = 12


def chosen_release(visit: Visit) -> tuple[int, FiguresRelease]:
    """Return the release of the address, with its number.

    Raises:
        PageNotFoundError: there is none.
    """
    text, store = visit.path["number"], visit.agency.state()
    if store is not None and text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS:
        found = read_release(visit.agency.participant(), store, int(text))
        if found is not None:
            return int(text), found
    raise PageNotFoundError(visit=visit)


def quarter_in_words(period: Period) -> Phrase:
    """Return a quarter as a person reads it, for example ``July to September 2026``."""
    first, last = (
        datetime.fromtimestamp(ms / 1000, UTC) for ms in (period.first_ms, period.end_ms - 1)
    )
    return phrase(
        "%(first)s to %(last)s %(year)s",
        first=month_name(first.month),
        last=month_name(last.month),
        year=last.year,
    )
