"""Release of figures as a plot (SVG)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from broker.figures.tables import PublishedFigure
from broker.releases.figures_release import FiguresRelease
from broker.releases.quarter_changes import changes_in_words, compared
from broker.releases.table_cells import heading_of, labels_of, shown_number, table_cells
from contracts.hidden_characters import visible

_WIDTH: Final = 760
_LABEL_WIDTH: Final = 330
_BAR: Final = 18
_ROW: Final = 26
_TOP: Final = 48
_NUMBER_WIDTH: Final = 70
_CHANGE_WIDTH: Final = 130
_LONGEST_LABEL: Final = 48


def svg_of(release: FiguresRelease) -> str:
    """Return a bar for each row of the table that has cases or is hidden.

    The plot has a title, and its description lists every number for a screen reader.
    """
    shown = [one for one in table_cells(release) if not one.empty]
    height = _TOP + max(len(shown), 1) * _ROW + 12
    title = f"{heading_of(release)}, {release.agency}"
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
            'aria-labelledby="plot-title plot-text" font-family="Arial, Helvetica, sans-serif">',
            f'<title id="plot-title">{escaped(title)}</title>',
            f'<desc id="plot-text">{escaped(_described(release, shown))}</desc>',
            f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
            f'<text x="0" y="24" font-size="17" font-weight="bold">{escaped(title)}</text>',
            *_bars(release, shown),
            "</svg>\n",
        )
    )


def _described(release: FiguresRelease, shown: Sequence[PublishedFigure]) -> str:
    rows = (
        f"{', '.join(labels_of(release, one))}: {shown_number(one)}{changes_in_words(release, one)}"
        for one in shown
    )
    return "; ".join(rows) or "There are no cases."


def _bars(release: FiguresRelease, shown: Sequence[PublishedFigure]) -> Iterator[str]:
    longest = max((one.shown or 0 for one in shown), default=0) or 1
    room = _WIDTH - _LABEL_WIDTH - _NUMBER_WIDTH - _CHANGE_WIDTH * len(compared(release))
    for number, one in enumerate(shown):
        top = _TOP + number * _ROW
        label = ", ".join(labels_of(release, one))
        if len(label) > _LONGEST_LABEL:
            label = f"{label[: _LONGEST_LABEL - 1]}…"
        yield (
            f'<text x="{_LABEL_WIDTH - 8}" y="{top + 14}" font-size="13" text-anchor="end">'
            f"{escaped(label)}</text>"
        )
        width = 0 if one.shown is None else round(room * one.shown / longest)
        if one.shown is not None:
            yield (
                f'<rect x="{_LABEL_WIDTH}" y="{top}" width="{width}" height="{_BAR}" '
                'fill="#1d70b8"/>'
            )
        style = ' font-style="italic"' if one.shown is None else ""
        yield (
            f'<text x="{_LABEL_WIDTH + width + 6}" y="{top + 14}" font-size="13"{style}>'
            f"{shown_number(one)}{escaped(changes_in_words(release, one))}</text>"
        )


def escaped(value: str) -> str:
    """Return a text for HTML and SVG; hidden characters are shown by their code points."""
    return escape(visible(value))
