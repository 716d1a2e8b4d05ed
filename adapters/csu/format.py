"""The export of a Community Safety Unit: comma-separated, in cp1252 or UTF-8, one row per action.

The header is in capitals; the import has the same columns and four more at its end. The system ends
every row with CR LF, so a last row without it is a file still being written or cut off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.base import Export, Records
from adapters.mapping import Dialect, RowMapping, read_delimited, write_delimited

DIALECT = Dialect(delimiter=",", legacy="cp1252", line_end="\r\n", ends_with_line_end=True)


def parse_export(export: Export, mapping: RowMapping, encoding: str | None = None) -> Records:
    """Bytes to rows.

    Raises:
        MappingError: file_empty, file_too_large, file_encoding, file_malformed, unknown_column,
            missing_column.
    """
    return read_delimited(
        export,
        DIALECT,
        known=mapping.known_columns,
        needed=mapping.export_columns,
        multiline=mapping.multiline_columns,
        encoding=encoding,
    )


def format_import(rows: Sequence[Mapping[str, object]], mapping: RowMapping) -> bytes:
    """Rows to bytes, in UTF-8, with the columns of an import."""
    return write_delimited(rows, DIALECT, header=mapping.known_columns)


def format_export(rows: Sequence[Mapping[str, object]], mapping: RowMapping) -> bytes:
    """Rows to bytes, in UTF-8, with the columns that the system itself exports."""
    return write_delimited(rows, DIALECT, header=mapping.export_columns)
