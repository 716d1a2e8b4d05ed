"""Reader and writer of a council's exports: JSON lines or CSV.

The CSV has semicolons and a byte order mark. Both forms hold the same records. The first character
of a file shows its form: a JSON object begins with a brace, and a CSV header never does. ``flat``
converts between CSV fields and JSON values, so both forms share one mapping and one idempotency
key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

from adapters.base import Export, Records
from adapters.council.flat import FlatRecords
from adapters.formats import Columns, FormatSettings, format_of
from adapters.formats.encoding import UTF8_BOM, as_stream
from adapters.mapping import Dialect, RowMapping, read_delimited, write_delimited
from adapters.mapping.parts import LIST_KINDS

Form: TypeAlias = Literal["jsonl", "csv"]

_LINES: Final = format_of(FormatSettings(type="jsonl"))
CSV: Final = Dialect(delimiter=";", bom=True, legacy=None)


class CouncilFormat:
    """Reads and writes both forms for one mapping file."""

    def __init__(self, mapping: RowMapping) -> None:
        self._mapping = mapping
        document = mapping.document
        lists = {c.column for c in document.columns if c.kind in LIST_KINDS}
        lists |= {document.roles.recipients, document.roles.not_shared}
        self._columns = Columns(mapping.known_columns, lists=frozenset(lists))
        self._flat = FlatRecords(mapping.document)

    def read(self, export: Export, encoding: str | None = None) -> Records:
        """Parse an export or an import.

        Raises:
            MappingError: file_empty, file_too_large, file_encoding, file_malformed,
                unknown_column, missing_column.
        """
        stream = as_stream(export)
        start = stream.read(4096).removeprefix(UTF8_BOM).lstrip()
        if start.startswith((b"{", b"[")):
            return _LINES.read(stream, self._columns, encoding)
        records = read_delimited(
            stream,
            CSV,
            known=self._mapping.known_columns,
            needed=self._mapping.export_columns,
            multiline=self._mapping.multiline_columns,
            encoding=encoding,
        )
        return self._flat.read(records)

    def write(
        self,
        rows: Sequence[Mapping[str, object]],
        form: Form,
        *,
        header: Sequence[str] | None = None,
    ) -> bytes:
        """Write records in one of the forms.

        Args:
            rows: own key -> value of the JSON form.
            form: the form to write.
            header: columns of the CSV; None writes every known column, as for an import.
        """
        if form == "csv":
            flat = [self._flat.write(row) for row in rows]
            return write_delimited(flat, CSV, header=header or self._mapping.known_columns)
        return _LINES.write(rows, self._columns)
