"""Release of figures as a page that needs no other file (HTML)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from broker.releases.figures_release import FiguresRelease
from broker.releases.release_notes import notes_of
from broker.releases.release_sources import sources_in_words
from broker.releases.svg_plot import escaped, svg_of
from broker.releases.table_cells import heading_of, rows_of, table_headings
from broker.utc_text import day

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


def page_of(release: FiguresRelease) -> str:
    """Return a page with sources, table, plot and limits; it loads nothing."""
    title = escaped(f"{release.contract.title}: {heading_of(release)}")
    return "\n".join(
        (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>",
            f"<h1>{title}</h1>",
            f"<p>Published by {escaped(release.agency)} on {day(release.made_ms)}, "
            f"under the agreement {escaped(release.contract.name)}.</p>",
            f"<p>{escaped(sources_in_words(release))}</p>",
            *_table(release),
            "<h2>Plot</h2>",
            svg_of(release),
            "<h2>What the figures do not say</h2>\n<ul>",
            *(f"<li>{escaped(one)}</li>" for one in notes_of(release)),
            "</ul>\n<h2>Counts behind these figures</h2>",
            "<p>These SHA-256 hashes stand for the exact counts of each agency. An agency that has "
            "the counts can compare them.</p>\n<ul>",
            *(
                f"<li>{escaped(agency)}: <code>{digest}</code></li>"
                for agency, digest in sorted(release.published.contributors.items())
            ),
            "</ul>\n</main>\n</body>\n</html>\n",
        )
    )


def _table(release: FiguresRelease) -> Iterator[str]:
    yield "<h2>Table</h2>\n<table>"
    yield f"<caption>{escaped(heading_of(release))}</caption>"
    heads = "".join(f'<th scope="col">{escaped(one)}</th>' for one in table_headings(release))
    yield f"<thead><tr>{heads}</tr></thead>\n<tbody>"
    places = len(release.published.by)
    for first, *others in rows_of(release):
        cells = "".join(f"<td>{escaped(one)}</td>" for one in others[: places - 1])
        cells += "".join(f'<td class="number">{escaped(one)}</td>' for one in others[places - 1 :])
        yield f'<tr><th scope="row">{escaped(first)}</th>{cells}</tr>'
    yield "</tbody>\n</table>"
