"""Case export of the prosecution service: namespaced XML, and the names of its columns.

A record is a ``Case`` element. The path below it names each value (``Charging/Decision``). The
mapping file names a list by the element around its items (``Recipients``), and this module knows
the name of the items (``Recipients/Agency``). ``adapters.formats`` reads and writes the XML.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from adapters.base import Export, Records, Rejected, Row
from adapters.formats import Columns, FormatSettings, format_of
from adapters.mapping import RowMapping

NAMESPACE: Final = "urn:example:cps:case-export:3"

ITEM_NAMES: Final = {
    "Recipients": "Agency",
    "HateCrime/Flags": "Flag",
    "HateCrime/LinkedFactors": "Factor",
    "File/Forms": "Form",
    "File/Offences": "Offence",
    "Defendants": "Defendant",
    "Received/NotShared": "Element",
}
"""Element name of one list item; items of other lists are called Item."""

_FORMAT: Final = format_of(FormatSettings(type="xml", records=f"/{{{NAMESPACE}}}CaseExport/Case"))


@dataclass(frozen=True, slots=True)
class Schema:
    """The paths that a case may have.

    Attributes:
        columns: paths of the values, in order.
        path_of: column of the mapping file -> path; they differ for lists.
    """

    columns: Columns
    path_of: Mapping[str, str]


def schema_of(mapping: RowMapping) -> Schema:
    """Return the paths that a mapping file declares."""
    document = mapping.document
    lists = {
        c.column for c in document.columns if c.kind in ("codes", "texts", "records", "leaves")
    }
    lists |= {document.roles.recipients, document.roles.not_shared}
    path_of = {
        column: f"{column}/{ITEM_NAMES.get(column, 'Item')}" if column in lists else column
        for column in mapping.known_columns
    }
    columns = Columns(
        known=tuple(path_of.values()),
        lists=frozenset(path_of[column] for column in lists if column in path_of),
        parts={
            path_of[c.column]: frozenset(part.column for part in c.parts)
            for c in document.columns
            if c.parts
        },
    )
    return Schema(columns, path_of)


def parse_export(export: Export, schema: Schema, encoding: str | None = None) -> Records:
    """Parse bytes to rows. The whole file is checked before the first row is returned.

    Args:
        export: the file.
        schema: result of ``schema_of``.
        encoding: encoding that the agency states, if any; otherwise the file states it.

    Raises:
        MappingError: file_empty, file_too_large, file_encoding, file_malformed, unknown_column.
    """
    records = _FORMAT.read(export, schema.columns, encoding)
    return replace(records, items=lambda: _renamed(records, schema))


def _renamed(records: Records, schema: Schema) -> Iterator[Row | Rejected]:
    """Yield records with the columns of the mapping file."""
    for item in records:
        if isinstance(item, Row):
            named = {column: item.values[path] for column, path in schema.path_of.items()}
            yield replace(item, values=named)
        else:
            yield item


def format_file(rows: Sequence[Mapping[str, object]], schema: Schema) -> bytes:
    """Write records as UTF-8 bytes; empty values get no element.

    Raises:
        MappingError: ``invalid_value`` for a character that XML does not have.
    """
    named = [{path: row.get(column, "") for column, path in schema.path_of.items()} for row in rows]
    return _FORMAT.write(named, schema.columns)
