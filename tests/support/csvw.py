"""Check of a CSV file against its metadata, written from the W3C recommendations alone.

Metadata Vocabulary for Tabular Data (https://www.w3.org/TR/tabular-metadata/) and Model for Tabular
Data (https://www.w3.org/TR/tabular-data-model/), as far as one table with simple datatypes needs.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

CONTEXT = "http://www.w3.org/ns/csvw"
TABLE = {"@context", "@id", "@type", "url", "tableSchema", "dialect", "notes", "tableDirection"}
SCHEMA = {"columns", "primaryKey", "foreignKeys", "rowTitles", "@id", "@type"}
COLUMN = {
    "name", "titles", "datatype", "required", "null", "default", "lang", "ordered", "separator",
    "suppressOutput", "virtual", "propertyUrl", "valueUrl", "aboutUrl", "textDirection",
}  # fmt: skip
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]*")
FORMS = {"integer": r"[+-]?[0-9]+", "boolean": "true|false|1|0", "string": ".*"}


def csvw_faults(table: str, metadata: Mapping[str, Any], file: str) -> Iterator[str]:
    """Yield each fault of a table and its metadata.

    Args:
        table: the CSV file.
        metadata: the description beside it.
        file: name of the CSV file, to which the description must refer.
    """
    yield from _faulty_description(metadata, file)
    schema = metadata["tableSchema"]
    columns = schema["columns"]
    header, *rows = list(csv.reader(io.StringIO(table, newline="")))
    if header != [one.get("titles", one["name"]) for one in columns]:
        yield "the titles of the columns are not the header of the file"
    for number, row in enumerate(rows, 1):
        if len(row) != len(columns):
            yield f"row {number} has {len(row)} cells"
            continue
        for one, cell in zip(columns, row, strict=True):
            yield from (f"row {number}, {one['name']}: {fault}" for fault in _of_cell(one, cell))
    keys = schema.get("primaryKey", [])
    places = [[one["name"] for one in columns].index(key) for key in keys]
    found = [tuple(row[at] for at in places) for row in rows]
    if keys and len(set(found)) != len(found):
        yield "two rows have the same primary key"


def _faulty_description(metadata: Mapping[str, Any], file: str) -> Iterator[str]:
    context = metadata.get("@context")
    first, *more = context if isinstance(context, list) else [context]
    if first != CONTEXT or len(more) > 1 or any(set(one) - {"@base", "@language"} for one in more):
        yield "another @context"
    if metadata.get("url") != file:
        yield "the url is not the name of the file"
    levels = [(metadata, TABLE), (metadata["tableSchema"], SCHEMA)]
    levels += [(one, COLUMN) for one in metadata["tableSchema"]["columns"]]
    for level, known in levels:
        for member in level:
            if member not in known and not re.fullmatch(r"[a-z]+:\w+", member):
                yield f"{member} is neither a property nor a common property"
    names = [one["name"] for one in metadata["tableSchema"]["columns"]]
    if len(set(names)) != len(names) or not all(NAME.fullmatch(one) for one in names):
        yield "names of columns are not unique, or not of the form of a variable"


def _of_cell(column: Mapping[str, Any], cell: str) -> Iterator[str]:
    null = column.get("null", "")
    if cell in (null if isinstance(null, list) else [null]):
        if column.get("required", False):
            yield "a required cell is empty"
        return
    datatype = column.get("datatype", "string")
    limits = datatype if isinstance(datatype, Mapping) else {"base": datatype}
    base = limits.get("base", "string")
    if base not in FORMS or not re.fullmatch(FORMS[base], cell, re.S):
        yield f"{cell!r} is no {base}"
        return
    if base == "integer":
        number = int(cell)
        if not int(limits.get("minimum", number)) <= number <= int(limits.get("maximum", number)):
            yield f"{cell} is outside the limits"
    if base == "string" and not re.fullmatch(limits.get("format", ".*"), cell, re.S):
        yield f"{cell!r} is not of the format {limits['format']}"
