"""Reader and writer of a council's exports: JSON lines or CSV.

The CSV has semicolons and a byte order mark. Both forms hold the same records. The first character
of a file shows its form: a JSON object begins with a brace, and a CSV header never does. ``flat``
converts between CSV fields and JSON values, so both forms share one mapping and one idempotency
key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO, Final, Literal, TypeAlias

from adapters.base import Export, MappingError, Records, Rejected, Row
from adapters.council.flat import FlatRecords
from adapters.formats.encoding import UTF8_BOM, Encoding, as_stream, check_text
from adapters.formats.splitting import Splitter
from adapters.limits import MAX_DEPTH, MAX_PARTS, MAX_RECORD_BYTES
from adapters.mapping import Dialect, RowMapping, read_delimited, write_delimited
from broker.strict_json import RepeatedMemberError, parse_strict_json

Form: TypeAlias = Literal["jsonl", "csv"]

CSV: Final = Dialect(delimiter=";", bom=True, legacy=None)


class CouncilFormat:
    """Reads and writes both forms for one mapping file."""

    def __init__(self, mapping: RowMapping) -> None:
        self._mapping = mapping
        self._known = frozenset(mapping.known_columns)
        self._flat = FlatRecords(mapping.document)

    def read(self, export: Export, encoding: str | None = None) -> Records:
        """Parse an export or an import.

        Raises:
            MappingError: file_empty, file_too_large, file_encoding, file_malformed,
                unknown_column, missing_column.
        """
        stream = as_stream(export)
        start = stream.read(4096).removeprefix(UTF8_BOM).lstrip()
        if start.startswith(b"["):
            raise MappingError(
                "the file is one JSON list; one JSON object per line is expected",
                code="file_malformed",
                fix="Export as JSON lines.",
            )
        if start.startswith(b"{"):
            found = check_text(stream, legacy=None, stated=encoding)
            return Records(lambda: self._objects(stream, found), head=UTF8_BOM[: found.mark])
        records = read_delimited(
            stream,
            CSV,
            known=self._mapping.known_columns,
            needed=self._mapping.export_columns,
            multiline=self._mapping.multiline_columns,
            encoding=encoding,
        )
        return self._flat.read(records)

    def _objects(self, stream: BinaryIO, encoding: Encoding) -> Iterator[Row | Rejected]:
        lines = Splitter(stream, "\n", at=encoding.mark, line=1, quotes=False)
        for cut in lines:
            if not cut.content.strip():
                continue
            try:
                if cut.problem is not None:
                    raise _broken(f"this line is longer than {MAX_RECORD_BYTES // 1024} KiB")
                values = self._object(cut.content, encoding.codec)
            except MappingError as error:
                error.where = f"line {cut.line}"
                torn = error.code == "row_malformed"
                yield Rejected(cut.line, error, cut.start, cut.end, torn=torn)
            else:
                yield Row(cut.line, values, cut.start, cut.end)

    def _object(self, line: bytes, codec: str) -> Mapping[str, object]:
        if sum(map(line.count, (b",", b"[", b"{"))) > MAX_PARTS:
            raise _broken(f"this line has more than {MAX_PARTS} values")
        try:
            text = line.decode(codec)
            values = parse_strict_json(text)
        except RepeatedMemberError:
            raise _broken("a key appears twice in the record") from None
        except ValueError:
            raise _broken("this line is not one complete JSON object") from None
        if not isinstance(values, dict):
            raise _broken("this line is not one complete JSON object")
        if not self._known.issuperset(values):
            raise MappingError(
                "the record has a key that the mapping does not know",
                code="unknown_column",
                fix="Remove the key from the export, or add it to the mapping file.",
            )
        if not _is_flat(values, MAX_DEPTH):
            raise _broken(f"values are nested deeper than {MAX_DEPTH}")
        if all(value in ("", None, []) for value in values.values()):
            raise MappingError(
                "the record has no value",
                code="missing_value",
                fix="Remove the line, or export the record again.",
            )
        return values

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
        lines = (
            json.dumps({n: v for n, v in row.items() if v not in ("", [])}, ensure_ascii=False)
            for row in rows
        )
        return "".join(line + "\n" for line in lines).encode()


def _is_flat(value: object, depth: int) -> bool:
    """Return whether a value has at most ``depth`` nested levels."""
    if not isinstance(value, dict | list):
        return True
    items = value.values() if isinstance(value, dict) else value
    return depth > 0 and all(_is_flat(item, depth - 1) for item in items)


def _broken(detail: str) -> MappingError:
    return MappingError(
        detail, code="row_malformed", fix="Run the export again, or correct the row."
    )
