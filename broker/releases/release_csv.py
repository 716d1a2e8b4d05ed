"""Release of figures as CSV, and its metadata as CSV on the Web."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from broker.figures.disclosure import Mark
from broker.figures.tables import label_of
from broker.releases.figures_release import FiguresRelease
from broker.releases.release_notes import notes_of
from broker.releases.release_sources import sources_in_words
from broker.releases.table_cells import heading_of, labels_of, table_cells
from broker.utc_text import day
from contracts.csv_text import csv_text

_SUPPRESSED: Final = (
    "primary: hidden to protect people. secondary: hidden, because a number that is marked primary "
    "could be worked out from it. Empty: the number is shown."
)
"""Description of the column of the reason."""


def csv_of(release: FiguresRelease) -> str:
    """Return every cell as CSV: codes, labels, number, why it is hidden, whether it is kept."""
    by = release.published.by
    columns = (*by, *(f"{name}_label" for name in by), release.published.of, "suppressed", "kept")
    return csv_text(columns, _csv_rows(release))


def _csv_rows(release: FiguresRelease) -> Iterator[Sequence[str]]:
    for one in table_cells(release):
        places = dict(one.where)
        yield (
            *(places[name] for name in release.published.by),
            *labels_of(release, one),
            "" if one.shown is None else str(one.shown),
            "" if one.mark is None else one.mark.value,
            "true" if one.kept else "false",
        )


def csv_metadata(release: FiguresRelease, name: str) -> Mapping[str, object]:
    """Return the CSV on the Web metadata of a file with ``csv_of`` (W3C, tabular metadata)."""
    by = release.published.by
    columns: list[dict[str, object]] = [
        {
            "name": one,
            "titles": one,
            "required": True,
            "dc:description": label_of(one, release.figures),
        }
        for one in by
    ]
    columns += [{"name": f"{one}_label", "titles": f"{one}_label"} for one in by]
    of = release.published.of
    columns.append({"name": of, "titles": of, "datatype": {"base": "integer", "minimum": 0}})
    marks = {"base": "string", "format": "|".join(Mark)}
    described = {"datatype": marks, "dc:description": _SUPPRESSED}
    columns.append({"name": "suppressed", "titles": "suppressed", **described})
    columns.append({"name": "kept", "titles": "kept", "required": True, "datatype": "boolean"})
    return {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "en"}],
        "url": name,
        "dc:title": heading_of(release),
        "dc:publisher": release.agency,
        "dc:created": day(release.made_ms),
        "rdfs:comment": [sources_in_words(release), *notes_of(release)],
        "tableSchema": {"columns": columns, "primaryKey": list(by)},
    }
