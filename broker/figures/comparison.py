"""Comparison of a release with earlier periods: differences of numbers that are both shown.

A case belongs to one period, so the cases of two periods are apart. The difference of two shown
numbers tells no more than the numbers themselves (docs/adr/0116-releases-carry-a-signed-note.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from broker.figures.counting import parse_period, quarter_of
from broker.figures.remembered import RememberedReleases
from broker.figures.tables import Published, PublishedFigure, Where
from broker.store.transaction import Transaction

__all__ = ["Comparison", "comparisons"]

_QUARTERS_BEFORE: Final = (1, 4)
"""The quarter before, and the same quarter of the year before."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The last release of the same table in an earlier period.

    Attributes:
        period: `YYYY-Qn`.
        earlier: the release; None if this agency has made none by these dimensions.
        number: its number in the list of releases.
        made_ms: when it was made.
    """

    period: str
    earlier: Published | None
    number: int = 0
    made_ms: int = 0
    _figures: Mapping[Where, PublishedFigure] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Find figures by their place once, for all cells."""
        figures = {} if self.earlier is None else self.earlier.by_place
        object.__setattr__(self, "_figures", figures)

    def shown_of(self, figure: PublishedFigure) -> int | None:
        """Return the number of the same cell; None if it is hidden or missing."""
        found = self._figures.get(figure.where)
        return None if found is None else found.shown

    def change_of(self, figure: PublishedFigure) -> int | None:
        """Return by how much a number has grown; None unless both are shown."""
        before = self.shown_of(figure)
        return None if before is None or figure.shown is None else figure.shown - before


def comparisons(
    tx: Transaction,
    secret: bytes,
    agreement: str,
    period: str,
    release: Published,
    before: int | None = None,
) -> tuple[Comparison, ...]:
    """Return the comparisons of a release with earlier periods.

    Args:
        tx: a transaction.
        secret: this agency's key for pseudonyms.
        agreement: its name.
        period: `YYYY-Qn`, of the release.
        release: the release.
        before: number of the release, if it is remembered: later ones are left out.

    Raises:
        SealBroken: a release in the state was changed.
    """

    def with_last_of(name: str) -> Comparison:
        for row in reversed(tx.figure_releases.of(agreement, name, before)):
            earlier = RememberedReleases.opened(tx, secret, row)
            if earlier.of == release.of and set(earlier.by) == set(release.by):
                return Comparison(name, earlier, row.number, row.made_ms)
        return Comparison(name, None)

    first_ms = parse_period(period).first_ms
    return tuple(with_last_of(quarter_of(first_ms, back).name) for back in _QUARTERS_BEFORE)
