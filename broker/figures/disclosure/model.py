"""Input and output of disclosure control: atoms, cells, figures and releases."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from contracts.terms import StatisticalControl

__all__ = [
    "Cell",
    "Counts",
    "Figure",
    "Mark",
    "Release",
    "TooLargeError",
    "UnprotectedError",
    "threshold_for",
]

Counts = Mapping[str, Mapping[str, int]]
"""Number of cases for each atom, and in it for each contributor (agency).

An atom is one combination of the categories of every dimension, period included; the set of strands
of a case is one category. Its name is opaque here. Contributors that count none may be missing.
"""


class Mark(StrEnum):
    """Reason for which a cell is hidden (docs/spec/figures.md, Marks)."""

    PRIMARY = "primary"
    """The count is too small, for readers or for a contributor, or is part of one that is."""
    SECONDARY = "secondary"
    """A hidden count would follow from this one."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A number that a table shows: the cases of a set of atoms.

    Attributes:
        key: name of the cell; the same cell has the same key in every release.
        atoms: names of the atoms whose cases it counts; those without cases may be included.
        threshold: counts from 1 to below this are hidden; at least 2.
    """

    key: str
    atoms: frozenset[str]
    threshold: int


@dataclass(frozen=True, slots=True)
class Figure:
    """A cell as a release shows it.

    Attributes:
        cell: the cell.
        shown: the rounded count; None if it is hidden.
        mark: the reason for which it is hidden; None if it is shown.
        by_contributor: exact count of each contributor that has one, when the figure was made. It
            is never published. Later counts are compared with it.
        kept: whether it repeats an earlier release, and counts of earlier releases have changed
            since: this one or others.
    """

    cell: Cell
    shown: int | None
    mark: Mark | None
    by_contributor: Mapping[str, int]
    kept: bool = False

    @property
    def total(self) -> int:
        """The exact count, which is never published."""
        return sum(self.by_contributor.values())


@dataclass(frozen=True, slots=True)
class Release:
    """Figures that are published together.

    Attributes:
        figures: one for each cell that was asked for, in that order.
        round_to: base to which shown counts are rounded.
    """

    figures: tuple[Figure, ...]
    round_to: int

    def __getitem__(self, key: str) -> Figure:
        """The figure of a cell.

        Raises:
            KeyError: The release has no such cell.
        """
        for figure in self.figures:
            if figure.cell.key == key:
                return figure
        raise KeyError(key)


class TooLargeError(Exception):
    """A table is too large to be protected in the allowed work, so nothing may be published."""


class UnprotectedError(Exception):
    """No choice of hidden figures keeps the guarantee, so nothing may be published."""


BREAKDOWN_DIMENSIONS = 3
"""From so many dimensions at once the limit for breakdowns applies."""


def threshold_for(
    control: StatisticalControl, dimensions: Sequence[str], areas: Collection[str]
) -> int:
    """The limit of an agreement for a cell.

    Args:
        control: terms of the agreement.
        dimensions: those of which the cell fixes a category.
        areas: names of all dimensions whose categories are areas.
    """
    limits = [control.suppress_below]
    if len(dimensions) >= BREAKDOWN_DIMENSIONS:
        limits.append(control.suppress_breakdown_below)
    if control.suppress_area_below is not None and not set(areas).isdisjoint(dimensions):
        limits.append(control.suppress_area_below)
    return max(limits)
