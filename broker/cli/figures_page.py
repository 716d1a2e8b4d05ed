"""Figures of a release as a plot (SVG) and as a page that needs no other file (HTML)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from broker.cli.figures_comparison import changes_in_words, compared
from broker.cli.figures_text import (
    HIDDEN,
    columns_of,
    heading_of,
    labels_of,
    notes_of,
    number_of,
    rows_of,
    sources_in_words,
    table_of,
)
from broker.cli.output import printable
from broker.cli.times import day
from broker.figures.tables import PublishedFigure
from broker.operations.figures import FiguresRelease

_WIDTH: Final = 760
_LABEL_WIDTH: Final = 330
_BAR: Final = 18
_ROW: Final = 26
_TOP: Final = 48
_NUMBER_WIDTH: Final = 70
_CHANGE_WIDTH: Final = 130
_LONGEST_LABEL: Final = 48
_STYLE: Final = """
body { font-family: Arial, Helvetica, sans-serif; max-width: 50rem; margin: 2rem auto;
  padding: 0 1rem; color: #0b0c0c; background: #ffffff; line-height: 1.5; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; font-weight: bold; padding-bottom: .5rem; }
th, td { text-align: left; padding: .4rem .6rem; border-bottom: 1px solid #b1b4b6; }
td.number { text-align: right; }
svg { max-width: 100%; height: auto; }
code { overflow-wrap: anywhere; }
"""


def svg_of(release: FiguresRelease) -> str:
    """Return a bar for each row of the table that has cases or is hidden.

    The plot has a title, and its description lists every number for a screen reader.
    """
    shown = [one for one in table_of(release) if one.shown != 0]
    height = _TOP + max(len(shown), 1) * _ROW + 12
    title = f"{heading_of(release)}, {release.agency}"
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
            'aria-labelledby="plot-title plot-text" font-family="Arial, Helvetica, sans-serif">',
            f'<title id="plot-title">{_text(title)}</title>',
            f'<desc id="plot-text">{_text(_described(release, shown))}</desc>',
            f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
            f'<text x="0" y="24" font-size="17" font-weight="bold">{_text(title)}</text>',
            *_bars(release, shown),
            "</svg>\n",
        )
    )


def _described(release: FiguresRelease, shown: Sequence[PublishedFigure]) -> str:
    rows = (
        f"{', '.join(labels_of(release, one))}: {number_of(one)}{changes_in_words(release, one)}"
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
            f"{_text(label)}</text>"
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
            f"{number_of(one)}{_text(changes_in_words(release, one))}</text>"
        )


def page_of(release: FiguresRelease) -> str:
    """Return a page with sources, table, plot and limits; it loads nothing."""
    title = _text(f"{release.contract.title}: {heading_of(release)}")
    return "\n".join(
        (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>",
            f"<h1>{title}</h1>",
            f"<p>Published by {_text(release.agency)}, {day(release.made_ms)}, under the agreement "
            f"{_text(release.contract.name)}.</p>",
            f"<p>{_text(sources_in_words(release))}</p>",
            *_table(release),
            "<h2>Plot</h2>",
            svg_of(release),
            "<h2>What the numbers do not say</h2>\n<ul>",
            *(f"<li>{_text(one)}</li>" for one in notes_of(release)),
            "</ul>\n<h2>Counts behind these figures</h2>",
            "<p>An agency that receives the counts compares their SHA-256 hash.</p>\n<ul>",
            *(
                f"<li>{_text(agency)}: <code>{digest}</code></li>"
                for agency, digest in sorted(release.published.contributors.items())
            ),
            "</ul>\n</main>\n</body>\n</html>\n",
        )
    )


def _table(release: FiguresRelease) -> Iterator[str]:
    yield "<h2>Table</h2>\n<table>"
    yield f"<caption>{_text(heading_of(release))}. Small numbers are {HIDDEN}.</caption>"
    heads = "".join(f'<th scope="col">{_text(one)}</th>' for one in columns_of(release))
    yield f"<thead><tr>{heads}</tr></thead>\n<tbody>"
    places = len(release.published.by)
    for first, *others in rows_of(release):
        cells = "".join(f"<td>{_text(one)}</td>" for one in others[: places - 1])
        cells += "".join(f'<td class="number">{_text(one)}</td>' for one in others[places - 1 :])
        yield f'<tr><th scope="row">{_text(first)}</th>{cells}</tr>'
    yield "</tbody>\n</table>"


def _text(value: str) -> str:
    """Return a text for HTML and SVG; hidden characters are shown by their code points."""
    return escape(printable(value))
