"""Plot of a release: which rows it draws, and how wide."""

from __future__ import annotations

from adapters.web.figures.release_plot import MOST_BARS, plot_of
from adapters.web.figures.release_table import Line, ReleaseTable
from broker.figures.disclosure import Mark
from broker.figures.tables import PublishedFigure


def figure(shown: int | None) -> PublishedFigure:
    return PublishedFigure((), 5, shown, None if shown is not None else Mark.PRIMARY, {})


def table(*totals: int | None) -> ReleaseTable:
    lines = tuple(Line(f"row {number}", (), figure(one)) for number, one in enumerate(totals))
    return ReleaseTable("Rows", "", (), lines, (), figure(100), ())


def test_the_longest_bar_is_as_wide_as_the_plot_and_a_hidden_number_has_none() -> None:
    (plot,) = plot_of(table(10, 40, None)).plots

    assert [bar.width for bar in plot.bars] == [25.0, 100.0, 0.0]


def test_the_rows_with_most_cases_are_drawn_in_the_order_of_the_table() -> None:
    found = plot_of(table(5, *(range(10, 10 * MOST_BARS + 1, 10))))

    assert [bar.label for bar in found.plots[0].bars] == [
        f"row {number}" for number in range(1, MOST_BARS + 1)
    ]
    assert found.not_drawn == 1


def test_one_row_has_the_most_or_none_has() -> None:
    assert plot_of(table(10, 40)).most == ("row 1", 40)
    assert plot_of(table(40, 40)).most is None
    assert plot_of(table(None)).most is None
    assert plot_of(table()).plots[0].bars == []
