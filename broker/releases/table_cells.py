"""Table of a release: its cells, headings and rows in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from broker.figures.combined import base_of
from broker.figures.tables import PublishedFigure, label_of, values_of
from broker.releases.figures_release import FiguresRelease
from broker.releases.quarter_changes import change_columns, changes_of
from contracts.phrases import N_, Phrase

HIDDEN: Final = N_("hidden")
"""Text of a hidden number in a table for people."""


def table_cells(release: FiguresRelease) -> tuple[PublishedFigure, ...]:
    """Return the cells that fix a value of each dimension of the table, without its margins."""
    by = set(release.published.by)
    return tuple(one for one in release.published.figures if {n for n, _ in one.where} == by)


def labels_of(release: FiguresRelease, figure: PublishedFigure) -> tuple[str, ...]:
    """Return the values of a cell in words, in the order of the table's dimensions.

    A label that is a sentence of the agreement ends without its full stop.
    """
    places = dict(figure.where)
    labels = (
        values_of(name, release.contract, release.figures)[places[name]]
        for name in release.published.by
    )
    return tuple(one if isinstance(one, Phrase) else one.rstrip(".") for one in labels)


def heading_of(release: FiguresRelease) -> str:
    """Return the title of the table."""
    by = "; ".join(label_of(name, release.figures) for name in release.published.by)
    return f"{release.published.of.capitalize()} of {release.period.name} by: {by}"


def table_headings(release: FiguresRelease) -> tuple[str, ...]:
    """Return the headings of the table's columns."""
    return (
        *(label_of(name, release.figures) for name in release.published.by),
        release.published.of,
        *change_columns(release),
    )


def rows_of(release: FiguresRelease) -> Iterator[tuple[str, ...]]:
    """Yield the rows of the table that have cases or are hidden, the total last."""
    for one in table_cells(release):
        if not one.empty:
            yield (*labels_of(release, one), shown_number(one), *changes_of(release, one))
    blank = [""] * (len(release.published.by) - 1)
    total = release.published.by_place[()]
    yield (f"All {release.published.of}", *blank, shown_number(total), *changes_of(release, total))
    unknown = [""] * len(change_columns(release))
    for name, number in factors_of(release).items():
        yield (
            f"All values of: {label_of(name, release.figures)}",
            *blank,
            HIDDEN if number is None else f"{number:,}",
            *unknown,
        )


def factors_of(release: FiguresRelease) -> Mapping[str, int | None]:
    """Return the values of each dimension of the table with several ones, over all cases."""
    return {
        name: release.published.factors(name)
        for name in release.published.by
        if base_of(name, release.figures) is None and has_several(release, name)
    }


def has_several(release: FiguresRelease, name: str) -> bool:
    """Return whether a case can have several values of a dimension."""
    dimension = release.figures.dimensions.get(base_of(name, release.figures) or name)
    return dimension is not None and dimension.several


def shown_number(figure: PublishedFigure) -> str:
    """Return a number for people; one that repeats an earlier release is marked as kept."""
    if figure.shown is None:
        return HIDDEN
    return f"{figure.shown:,} (kept)" if figure.kept else f"{figure.shown:,}"
