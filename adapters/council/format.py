"""A council's exports: one JSON object a line, or a CSV with semicolons and a byte order mark.

Both are the same records; which form a file has shows in its first character (a JSON object begins
with a brace, a CSV header never does), and the suffix follows it. ``flat`` turns CSV fields into
the values that JSON has and back, so that there is one mapping and one idempotency key for both.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, TypeAlias

from adapters.base import MappingError, Rejected, Row
from adapters.council.flat import FlatRecords
from adapters.mapping import Dialect, RowMapping, decode_text, read_delimited, write_delimited

Form: TypeAlias = Literal["jsonl", "csv"]

CSV: Final = Dialect(delimiter=";", bom=True, legacy=None)
_BOM: Final = b"\xef\xbb\xbf"


class CouncilFormat:
    """Reads and writes both forms for one mapping file."""

    def __init__(self, mapping: RowMapping) -> None:
        self._mapping = mapping
        self._known = frozenset(mapping.known_columns)
        self._flat = FlatRecords(mapping.document)

    def read(self, content: bytes) -> Iterable[Row | Rejected]:
        """Parse an export or an import.

        Raises:
            MappingError: file_empty, file_too_large, file_encoding, file_malformed,
                unknown_column, missing_column.
        """
        start = content[:64].removeprefix(_BOM).lstrip()
        if start.startswith(b"["):
            raise MappingError(
                "the file is one JSON list; one JSON object a line is expected",
                code="file_malformed",
                fix="Export as JSON lines.",
            )
        if start.startswith(b"{"):
            return self._read_json(decode_text(content, legacy=None))
        rows = read_delimited(
            content, CSV, known=self._mapping.known_columns, needed=self._mapping.export_columns
        )
        return self._flat.read(rows)

    def _read_json(self, text: str) -> Iterator[Row | Rejected]:
        # Not splitlines(): it also splits at characters that free text may hold.
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip():
                continue
            try:
                values = self._object(line)
            except MappingError as error:
                error.where = f"line {number}"
                yield Rejected(number, line + "\n", error)
            else:
                if any(value not in ("", None, [], {}) for value in values.values()):
                    yield Row(number, values, line + "\n")

    def _object(self, line: str) -> Mapping[str, object]:
        broken = "this line is not one whole JSON object"
        fix = "Run the export again, or correct the row."
        try:
            values = json.loads(line, object_pairs_hook=_distinct, parse_constant=_refuse)
            line.encode()
            json.dumps(values, ensure_ascii=False).encode()  # an escaped half of a character pair
        except (ValueError, RecursionError):
            raise MappingError(broken, code="row_malformed", fix=fix) from None
        if not isinstance(values, dict):
            raise MappingError(broken, code="row_malformed", fix=fix)
        if not self._known.issuperset(values):
            raise MappingError(
                "the record has a key that the mapping does not know",
                code="unknown_column",
                fix="Remove the key from the export, or add it to the mapping file.",
            )
        return values

    def write(
        self,
        rows: Sequence[Mapping[str, object]],
        form: Form,
        *,
        header: Sequence[str] | None = None,
    ) -> bytes:
        """Records in one of the forms.

        Args:
            rows: own key -> value of the JSON form.
            form: which.
            header: columns of the CSV; every known one, as for an import, when None.
        """
        if form == "csv":
            flat = [self._flat.write(row) for row in rows]
            return write_delimited(flat, CSV, header=header or self._mapping.known_columns)
        lines = (
            json.dumps({n: v for n, v in row.items() if v not in ("", [])}, ensure_ascii=False)
            for row in rows
        )
        return "".join(line + "\n" for line in lines).encode()


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key appears twice")  # which one is meant would be a guess
    return found


def _refuse(_: str) -> object:
    raise ValueError("NaN and Infinity are not JSON")
