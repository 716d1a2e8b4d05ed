"""Formats of JSON exports: one document with a list of records, or one object in each line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

from adapters.base import Export, FilePlace, MappingError, Records, Rejected, Row
from adapters.formats.delimited import split_escaped
from adapters.formats.encoding import UTF8_BOM, Encoding, as_stream, check_encoding
from adapters.formats.json_records import SEPARATOR, JsonRecords, broken
from adapters.formats.json_scanner import JsonScanner
from adapters.formats.record_format import Columns
from adapters.formats.settings import SUFFIXES, FormatSettings
from adapters.formats.splitting import Cut, Splitter
from adapters.limits import MAX_RECORD_BYTES


class JsonLinesFormat:
    """Reads and writes JSON lines: one object in each line."""

    def __init__(self, settings: FormatSettings) -> None:
        self.suffixes: Sequence[str] = SUFFIXES[settings.type]
        self._settings = settings

    def read(self, export: Export, columns: Columns, encoding: str | None = None) -> Records:
        """See ``RecordFormat.read``."""
        stream = as_stream(export)
        found = check_encoding(stream, legacy=None, stated=encoding or self._settings.encoding)
        if stream.read(4096).removeprefix(UTF8_BOM).lstrip().startswith(b"["):
            raise MappingError(
                "the file is one JSON list; one JSON object per line is expected",
                code="file_malformed",
                fix="Export as JSON lines, or state type: json in the mapping file.",
            )
        records = JsonRecords(columns)
        return Records(
            lambda: _items(_lines(stream, found), records, found), head=UTF8_BOM[: found.mark]
        )

    def write(self, rows: Sequence[Mapping[str, object]], columns: Columns) -> bytes:
        """See ``RecordFormat.write``."""
        records = JsonRecords(columns)
        lines = "".join(_text(records, row) + "\n" for row in rows)
        return _encoded(lines, bom=self._settings.bom)


class JsonFormat:
    """Reads and writes one JSON document with a list of records, or with one record."""

    def __init__(self, settings: FormatSettings) -> None:
        self.suffixes: Sequence[str] = SUFFIXES[settings.type]
        self._settings = settings
        self._path = split_escaped(settings.records, SEPARATOR) if settings.records else []

    def read(self, export: Export, columns: Columns, encoding: str | None = None) -> Records:
        """See ``RecordFormat.read``."""
        stream = as_stream(export)
        found = check_encoding(stream, legacy=None, stated=encoding or self._settings.encoding)
        for _ in self._cuts(stream, found):
            pass  # the nesting of the whole document is checked before the first record
        records = JsonRecords(columns)
        head, tail = self._around()
        return Records(
            lambda: _items(self._cuts(stream, found), records, found),
            head=UTF8_BOM[: found.mark] + head,
            tail=tail,
            separator=b",\n",
        )

    def _cuts(self, stream: BinaryIO, found: Encoding) -> Iterator[Cut]:
        ignored = frozenset(self._settings.ignored)
        return JsonScanner(stream, at=found.mark, path=self._path, ignored=ignored).records()

    def _around(self) -> tuple[bytes, bytes]:
        """Return the text of a document before and after its records."""
        head = "".join(f"{{{json.dumps(name)}: " for name in self._path)
        return f"{head}[\n".encode(), f"\n]{'}' * len(self._path)}\n".encode()

    def write(self, rows: Sequence[Mapping[str, object]], columns: Columns) -> bytes:
        """See ``RecordFormat.write``."""
        records = JsonRecords(columns)
        head, tail = self._around()
        objects = ",\n".join(_text(records, row) for row in rows)
        return _encoded(f"{head.decode()}{objects}{tail.decode()}", bom=self._settings.bom)


def _lines(stream: BinaryIO, encoding: Encoding) -> Iterator[Cut]:
    for cut in Splitter(stream, "\n", at=encoding.mark, line=1, quotes=False):
        if cut.content.strip():
            yield cut


def _items(
    cuts: Iterator[Cut], records: JsonRecords, encoding: Encoding
) -> Iterator[Row | Rejected]:
    for cut in cuts:
        try:
            if cut.problem is not None:
                raise broken(f"this record is longer than {MAX_RECORD_BYTES // 1024} KiB")
            values = records.parse(cut.content, encoding.codec)
        except MappingError as error:
            column = (error.where or "").removeprefix("column ")
            error.where = str(FilePlace(cut.line, column))
            torn = error.code == "row_malformed"
            yield Rejected(cut.line, error, cut.start, cut.end, torn=torn)
        else:
            yield Row(cut.line, values, cut.start, cut.end)


def _text(records: JsonRecords, row: Mapping[str, object]) -> str:
    return json.dumps(records.build(row), ensure_ascii=False, allow_nan=False)


def _encoded(text: str, *, bom: bool) -> bytes:
    try:
        return text.encode("utf-8-sig" if bom else "utf-8")
    except UnicodeEncodeError:
        raise MappingError(
            "a value holds half of a surrogate pair, which no file can hold", code="invalid_value"
        ) from None
