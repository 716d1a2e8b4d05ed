"""Reader and writer of a Community Safety Unit's export: CSV with one row per action.

The encoding is cp1252 or UTF-8. The header is in capitals. The import has the same columns and four
more at its end. The system ends every row with CR LF, so a last row without CR LF means that the
file is incomplete.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.base import Export, Records
from adapters.mapping import Dialect, RowMapping, read_delimited, write_delimited

DIALECT = Dialect(delimiter=",", legacy="cp1252", line_end="\r\n", ends_with_line_end=True)


def parse_export(export: Export, mapping: RowMapping, encoding: str | None = None) -> Records:
    """Parse bytes to rows.

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
    """Write rows as UTF-8 bytes, with the columns of an import."""
    return write_delimited(rows, DIALECT, header=mapping.known_columns)


def format_export(rows: Sequence[Mapping[str, object]], mapping: RowMapping) -> bytes:
    """Write rows as UTF-8 bytes, with the columns that the system itself exports."""
    return write_delimited(rows, DIALECT, header=mapping.export_columns)
