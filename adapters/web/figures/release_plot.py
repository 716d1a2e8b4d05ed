"""Plot of a release as widths of bars. The page writes each label and number in words beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from adapters.web.figures.release_table import ReleaseTable
from broker.figures.tables import PublishedFigure

MOST_BARS: Final = 8
"""Bars of one plot; the table has the others."""
_SIZE: Final = 100.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes:
        label: its value in words.
        figure: its number.
        width: from 0 to 100.
    """

    label: str
    figure: PublishedFigure
    width: float


@dataclass(frozen=True, slots=True)
class Plot:
    """Bars of one column of the table, or of its totals.

    Attributes:
        title: value of the column in words; empty for the totals.
        bars: its bars, in the order of the table.
    """

    title: str
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True)
class ReleasePlot:
    """Plots of a release, which have one scale.

    Attributes:
        plots: one for each column of the table, or one of its totals.
        most: label and number of the longest bar of the totals; None if no number is shown, or
            several are the largest.
        not_drawn: number of rows that the plots leave out.
    """

    plots: Sequence[Plot]
    most: tuple[str, int] | None
    not_drawn: int


def plot_of(table: ReleaseTable) -> ReleasePlot:
    """Return the plots of a table: its rows with most cases, for each column."""
    places = sorted(
        range(len(table.lines)), key=lambda place: -(table.lines[place].total.shown or 0)
    )
    drawn = [table.lines[place] for place in sorted(places[:MOST_BARS])]
    series = [
        (head, [line.cells[number] for line in drawn]) for number, head in enumerate(table.heads)
    ]
    series = series or [("", [line.total for line in drawn])]
    longest = max((one.shown or 0 for _, figures in series for one in figures), default=0)
    return ReleasePlot(
        [
            Plot(
                title,
                [
                    Bar(line.label, figure, _width(figure, longest))
                    for line, figure in zip(drawn, figures, strict=True)
                ],
            )
            for title, figures in series
        ],
        _most(table),
        len(table.lines) - len(drawn),
    )


def _width(figure: PublishedFigure, longest: int) -> float:
    return round(_SIZE * (figure.shown or 0) / longest, 1) if longest else 0.0


def _most(table: ReleaseTable) -> tuple[str, int] | None:
    shown = [(line.total.shown or 0, line.label) for line in table.lines]
    largest = max(shown, default=(0, ""))
    if not largest[0] or [cases for cases, _ in shown].count(largest[0]) > 1:
        return None
    return largest[1], largest[0]
