"""Reader and writer of a casework spreadsheet saved as CSV, with free text and line breaks.

People save it from different programs, so UTF-8 (with or without a byte order mark) and cp1252 are
read. UTF-8 with the mark is written, which every spreadsheet program opens correctly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from adapters.base import Export, Records
from adapters.mapping import Dialect, RowMapping, read_delimited, write_delimited

SHEET: Final = Dialect(delimiter=",", bom=True, legacy="cp1252")


def read_sheet(export: Export, mapping: RowMapping, encoding: str | None = None) -> Records:
    """Parse a spreadsheet. Raises MappingError when the file as a whole cannot be read."""
    return read_delimited(
        export,
        SHEET,
        known=mapping.known_columns,
        needed=mapping.export_columns,
        multiline=mapping.multiline_columns,
        encoding=encoding,
    )


def write_sheet(
    rows: Sequence[Mapping[str, object]],
    mapping: RowMapping,
    *,
    header: Sequence[str] | None = None,
) -> bytes:
    """Write rows as a spreadsheet.

    Args:
        rows: own column -> text.
        mapping: the service's mapping.
        header: columns; None writes every known one, as for an import.
    """
    return write_delimited(rows, SHEET, header=header or mapping.known_columns)
