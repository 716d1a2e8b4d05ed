"""Format of delimited text files, for ``FormatSettings`` of the type csv."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from adapters.base import Export, Records
from adapters.formats.delimited import Dialect, read_delimited, write_delimited
from adapters.formats.record_format import Columns
from adapters.formats.settings import SUFFIXES, FormatSettings
from adapters.formats.tables import check_cells

LINE_ENDS: Final = {"crlf": "\r\n", "lf": "\n"}


class DelimitedFormat:
    """Reads and writes CSV of one dialect."""

    def __init__(self, settings: FormatSettings) -> None:
        self.suffixes: Sequence[str] = SUFFIXES[settings.type]
        self._encoding = settings.encoding
        self._dialect = Dialect(
            delimiter=settings.delimiter,
            bom=settings.bom,
            line_end=LINE_ENDS[settings.line_end],
            ends_with_line_end=settings.ends_with_line_end,
            header_line=settings.header_line,
        )

    def read(self, export: Export, columns: Columns, encoding: str | None = None) -> Records:
        """See ``RecordFormat.read``."""
        return read_delimited(
            export,
            self._dialect,
            known=columns.known,
            needed=columns.needed,
            multiline=columns.multiline,
            encoding=encoding or self._encoding,
        )

    def write(self, rows: Sequence[Mapping[str, object]], columns: Columns) -> bytes:
        """See ``RecordFormat.write``."""
        check_cells(rows, columns)
        return write_delimited(rows, self._dialect, header=columns.known)
