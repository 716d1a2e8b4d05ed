"""Pages: one release of figures, and its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import orjson
from starlette.responses import Response

from adapters.web.errors import PageNotFoundError
from adapters.web.figures.chosen import READERS, chosen_release, quarter_in_words
from adapters.web.figures.release_plot import plot_of
from adapters.web.figures.release_table import is_small, table_of, tables_of
from adapters.web.pages import PageRoute
from adapters.web.visit import Visit
from broker.figures.tables import WITHOUT_CONSENT, label_of
from broker.releases.figures_release import FiguresRelease
from broker.releases.html_page import page_of
from broker.releases.release_csv import csv_metadata, csv_of
from broker.releases.release_json import json_of
from broker.releases.release_notes import notes_of
from broker.releases.release_sources import sources_in_words
from broker.releases.svg_plot import svg_of
from contracts.vocabulary.figures import SOURCE


def release(visit: Visit) -> Response:
    """Show a release: table, plot, sources, and what the numbers do not say."""
    number, found = chosen_release(visit)
    tables = tables_of(found)
    others = [SOURCE] if found.figures.recording is None else [SOURCE, found.figures.recording]
    return replace(visit, route="/figures").page(
        "figures/release.html",
        number=number,
        release=found,
        quarter=quarter_in_words(found.period),
        by=[label_of(one, found.figures) for one in found.published.by],
        tables=tables,
        plot=plot_of(tables.main),
        sources=sources_in_words(found),
        margins=[table_of(found, one) for one in others if one not in found.published.by],
        without_consent=found.published.by_place[WITHOUT_CONSENT],
        notes=list(notes_of(found)),
        is_small=is_small,
        files=FILES,
        stem=_stem(found),
    )


def release_file(visit: Visit) -> Response:
    """Give a release as a file."""
    _, found = chosen_release(visit)
    kind = visit.path["kind"]
    if kind not in FILES:
        raise PageNotFoundError(visit=visit)
    media_type, content = FILES[kind]
    return visit.download(content(found), f"{_stem(found)}.{kind}", media_type)


def _stem(found: FiguresRelease) -> str:
    """Return the name of its files without the suffix: `figures-2026-Q3-borough-strand`."""
    kind = "figures" if found.published.of == "cases" else "referrals"
    return "-".join((kind, found.period.name, *found.published.by)).replace("_", "-")


def _metadata(found: FiguresRelease) -> bytes:
    return orjson.dumps(csv_metadata(found, f"{_stem(found)}.csv"), option=orjson.OPT_INDENT_2)


def _json(found: FiguresRelease) -> bytes:
    return orjson.dumps(json_of(found), option=orjson.OPT_INDENT_2)


FILES: Final[Mapping[str, tuple[str, Callable[[FiguresRelease], bytes]]]] = {
    "csv": ("text/csv; charset=utf-8", lambda found: csv_of(found).encode()),
    "csv-metadata.json": ("application/csvm+json", _metadata),
    "json": ("application/json", _json),
    "html": ("text/html; charset=utf-8", lambda found: page_of(found).encode()),
    "svg": ("image/svg+xml", lambda found: svg_of(found).encode()),
}
"""Suffix of each file with its media type and its content."""
PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", "/figures/{number}", READERS, release),
    PageRoute("GET", "/figures/{number}/file/{kind}", READERS, release_file),
)
