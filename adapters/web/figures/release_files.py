"""Files of a release, signed by the agency as those of the command `figures`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import orjson
from starlette.responses import Response

from adapters.web.errors import PageNotFoundError
from adapters.web.figures.chosen import READERS, chosen_release
from adapters.web.pages import PageRoute
from adapters.web.visit import Visit
from broker.operations.figure_publishers import require_publisher_now
from broker.operations.figure_signatures import ReleaseAuthor
from broker.releases.figures_release import FiguresRelease
from broker.releases.html_page import page_of
from broker.releases.release_csv import csv_metadata, csv_of
from broker.releases.release_json import json_of
from broker.releases.svg_plot import svg_of

_NOTE: Final = ".note"
_FILES: Final[Mapping[str, tuple[str, Callable[[FiguresRelease], str]]]] = {
    "csv": ("text/csv; charset=utf-8", csv_of),
    "html": ("text/html; charset=utf-8", page_of),
    "svg": ("image/svg+xml", svg_of),
}
"""Suffix of each file that has its note beside it, with its media type and its content."""
_DOCUMENTS: Final[Mapping[str, tuple[str, Callable[[FiguresRelease], Mapping[str, object]]]]] = {
    "csv-metadata.json": (
        "application/csvm+json",
        lambda found: csv_metadata(found, f"{stem_of(found)}.csv"),
    ),
    "json": ("application/json", json_of),
}
"""Suffix of each JSON file, which carries its note, with its media type and its content."""


def release_file(visit: Visit) -> Response:
    """Give a release as a file, or the signed note of such a file.

    Raises:
        NotPublishedError: the agreement now names another party that publishes.
    """
    _, found = chosen_release(visit)
    agency = visit.agency
    require_publisher_now(agency.participant(), found.contract.name, agency.clock())
    kind = visit.path["kind"]
    name = f"{stem_of(found)}.{kind}"
    if kind in _DOCUMENTS:
        media_type, document = _DOCUMENTS[kind]
        signed = _author(visit, found).signed(document(found))
        return visit.download(orjson.dumps(signed, option=orjson.OPT_INDENT_2), name, media_type)
    file = kind.removesuffix(_NOTE)
    if file not in _FILES:
        raise PageNotFoundError(visit=visit)
    media_type, content_of = _FILES[file]
    content = content_of(found).encode()
    if kind == file:
        return visit.download(content, name, media_type)
    note = _author(visit, found).note(content)
    return visit.download(note, name, "text/plain; charset=utf-8")


def stem_of(found: FiguresRelease) -> str:
    """Return the name of its files without the suffix: `figures-2026-Q3-borough-strand`."""
    kind = "figures" if found.published.of == "cases" else "referrals"
    return "-".join((kind, found.period.name, *found.published.by)).replace("_", "-")


def _author(visit: Visit, found: FiguresRelease) -> ReleaseAuthor:
    return ReleaseAuthor(visit.agency.participant(), found, visit.agency.clock())


PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", "/figures/{number}/file/{kind}", READERS, release_file),
)
