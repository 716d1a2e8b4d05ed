"""Strict reader and writer of delimited text files (CSV and similar).

A broken record (a stray quote, too few fields, the file cut off in the middle) is rejected with its
line, and the other records are read. The first row must be the header. If it is not, its values may
be personal, so errors name only positions. One record is in memory at a time.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

from adapters.base import Export, MappingError, Records, Rejected, Row
from adapters.formats.encoding import Encoding, as_stream, check_encoding
from adapters.formats.splitting import Cut, Splitter, known_cuts
from adapters.limits import MAX_HEAD_BYTES, MAX_RECORD_BYTES

# CSV injection (OWASP): a partner's narrative must not become code on an officer's screen. A '
# before a value that a spreadsheet would run as a formula keeps it a text. A spreadsheet set to
# Chinese or Japanese also runs the wide signs. Some programs drop invisible and control characters
# before they look for a formula.
_FORMULA = re.compile("[\\s'\x00-\x1f\u200b-\u200f\u2060\ufeff]*[=+\\-@\uff1d\uff0b\uff0d\uff20]")


@dataclass(frozen=True, slots=True)
class Dialect:
    """Dialect of a system's files.

    Attributes:
        delimiter: between fields.
        bom: whether a byte order mark is written.
        legacy: encoding of files that are not UTF-8, or None.
        line_end: written after each record.
        ends_with_line_end: whether a file without a final line end counts as cut off.
        guard: whether ``'`` is written before values that a spreadsheet would run, and removed on
            reading.
        header_line: line of the column names; the lines above it are skipped.
    """

    delimiter: str = ","
    bom: bool = False
    legacy: str | None = "cp1252"
    line_end: str = "\r\n"
    ends_with_line_end: bool = True
    guard: bool = True
    header_line: int = 1


def read_delimited(
    export: Export,
    dialect: Dialect,
    *,
    known: Sequence[str],
    needed: Sequence[str],
    multiline: Collection[str] | None = None,
    encoding: str | None = None,
    starts: Sequence[int] | None = None,
) -> Records:
    """Parse an export. The file as a whole is checked before the first record is given.

    Args:
        export: the file.
        dialect: its dialect.
        known: all allowed columns.
        needed: all required columns.
        multiline: the columns whose values may have line breaks; None for all.
        encoding: encoding of the file, if the agency states one.
        starts: offset of each record, if it is known where the records are.

    Returns:
        Rows whose values have no surrounding blanks; repeated header lines are skipped.

    Raises:
        MappingError: file_empty, file_too_large, file_encoding, file_malformed, unknown_column,
            missing_column.
    """
    stream = as_stream(export)
    found = check_encoding(stream, legacy=dialect.legacy, stated=encoding)
    cut = _header_line(stream, found.mark, dialect.header_line)
    header = _header(cut, found, dialect, known, needed)
    stream.seek(0)
    above = stream.read(found.mark if dialect.header_line == 1 else cut.start)
    divider = cut.content
    divider = divider if divider.endswith(b"\n") else divider + dialect.line_end.encode()
    names = frozenset(known)
    sheet = _Sheet(stream, cut, header, names, divider, found, dialect, multiline, starts)
    return Records(sheet.rows, head=above + divider, divider=divider)


def _header_line(stream: BinaryIO, mark: int, wanted: int) -> Cut:
    """Return the header's line; skipped lines are not kept in memory.

    Args:
        stream: the file.
        mark: bytes of the byte order mark.
        wanted: line of the header; with 1, the first line that is not blank.
    """
    stream.seek(mark)
    beginning = stream.read(MAX_HEAD_BYTES)
    if wanted == 1:
        blank = len(beginning) - len(beginning.lstrip())
        before = beginning[:blank].rfind(b"\n") + 1
        line = beginning.count(b"\n", 0, before) + 1
    else:
        blank, before, line = 0, 0, 1
        while line < wanted and (end := beginning.find(b"\n", before)) >= 0:
            before, line = end + 1, line + 1
        if line < wanted:
            raise MappingError(
                f"line {wanted} is not the header: the file has fewer lines, or more than "
                f"{MAX_HEAD_BYTES // 1024} KiB stand before it",
                code="file_malformed",
                where=f"line {line}",
                fix="Check header_line in the mapping file.",
            )
    stream.seek(mark + before)
    content = stream.readline(MAX_HEAD_BYTES + 1)
    if len(content) > MAX_HEAD_BYTES or blank == MAX_HEAD_BYTES:
        only_cr = b"\r" in content and b"\n" not in content
        raise MappingError(
            f"the header is longer than {MAX_HEAD_BYTES // 1024} KiB, or so much stands before it",
            code="file_malformed",
            where=f"line {line}",
            fix="End lines with LF or CR LF: this file has CR alone." if only_cr else None,
        )
    at = mark + before
    return Cut(line, at, at + len(content), content)


def _header(
    cut: Cut, encoding: Encoding, dialect: Dialect, known: Sequence[str], needed: Sequence[str]
) -> list[str]:
    where = f"line {cut.line}"
    try:
        header = [name.strip() for name in _fields(cut.content.decode(encoding.codec), dialect)]
    except (csv.Error, UnicodeDecodeError):
        raise MappingError(
            "the header cannot be read", code="file_malformed", where=where
        ) from None
    if not set(header) & set(known):
        raise MappingError(
            "the first row is not the header of this export",
            code="missing_column",
            where=where,
            fix="Export with column names, and check that this is the right file.",
        )
    for position, name in enumerate(header, 1):
        if name not in known:
            raise MappingError(
                f"column {position} has a name that the mapping does not know",
                code="unknown_column",
                where=where,
                fix="Remove the column from the export, or add it to the mapping file.",
            )
        if name in header[: position - 1]:
            raise MappingError(
                f"column {name} appears twice",
                code="file_malformed",
                where=where,
            )
    missing = [name for name in needed if name not in header]
    if missing:
        raise MappingError(
            f"the export lacks {', '.join(missing)}", code="missing_column", where=where
        )
    return header


@dataclass(frozen=True, slots=True)
class _Sheet:
    """A file whose header has been read."""

    stream: BinaryIO
    head: Cut
    header: list[str]
    known: frozenset[str]
    divider: bytes
    encoding: Encoding
    dialect: Dialect
    multiline: Collection[str] | None
    starts: Sequence[int] | None

    def _cuts(self) -> Iterator[Cut]:
        line = self.head.line + 1
        if self.starts is not None:
            return known_cuts(self.stream, self.starts, line=line)
        delimiter, at = self.dialect.delimiter, self.head.end
        return iter(Splitter(self.stream, delimiter, at=at, line=line, divider=self.divider))

    def rows(self) -> Iterator[Row | Rejected]:
        foreign: int | None = None
        doubt = 0
        for cut in self._cuts():
            if cut.start < doubt:
                doubt = max(0 if cut.end == doubt else doubt, cut.doubt)
                if cut.content.strip() not in (b"", self.divider.strip()):
                    yield self._rejected(cut, _DOUBT)
                continue
            doubt = cut.doubt
            if not cut.content.strip():
                continue
            if cut.content.strip() == self.divider.strip():
                foreign = None
                continue
            item = self._row(cut)
            if isinstance(item, list):
                foreign = None if item == self.header else cut.start
                item = None if foreign is None else self._rejected(cut, _FOREIGN)
            if foreign is not None:
                if item is not None:
                    yield replace(self._rejected(cut, _FOREIGN), section=foreign)
                continue
            if item is not None:
                yield item

    def _row(self, cut: Cut) -> Row | Rejected | list[str] | None:
        """Parse a record: a row, None for one without any value, or the columns of a header."""
        if cut.problem is not None:
            return self._rejected(cut, _QUOTE if cut.problem == "quote" else _LONG)
        try:
            text = cut.content.decode(self.encoding.codec)
            fields = [field.strip() for field in _fields(text, self.dialect)]
        except (csv.Error, UnicodeDecodeError):
            long = len(cut.content) > csv.field_size_limit()
            return self._rejected(cut, _LONG_VALUE if long else _QUOTE)
        if len(self.known.intersection(fields)) > 1 and (names := self._names(fields)):
            return names
        fault = self._fault(text, fields)
        if fault is not None:
            lines = self.starts is None and b"\n" in cut.content.rstrip(b"\r\n")
            two = lines and fault != _QUOTE  # two broken quotes can join several rows
            return self._rejected(cut, f"{fault}; or {_QUOTE}" if two else fault)
        if not any(fields):
            return None
        if self.dialect.guard:
            fields = [unguarded(field).strip() for field in fields]
        return Row(cut.line, dict(zip(self.header, fields, strict=True)), cut.start, cut.end)

    def _names(self, fields: list[str]) -> list[str] | None:
        """Return the column names of a record that is a header, of this export or another one.

        Joined files can have their columns in different orders. Values under another header would
        be read into the wrong columns.
        """
        names = [field.strip("\ufeff") for field in fields]
        known = sum(name in self.known for name in names)
        return names if known * 2 > sum(map(bool, names)) else None

    def _fault(self, text: str, fields: list[str]) -> str | None:
        """Return the fault of a record as a whole, or None."""
        if self.dialect.ends_with_line_end and not text.endswith("\n"):
            return "the file ends in the middle of this row"
        if len(fields) != len(self.header):
            return f"{len(self.header)} values are expected, but there are {len(fields)}"
        if self.multiline is not None and text.count("\n") > 1:
            named = zip(self.header, fields, strict=True)
            if any("\n" in value and name not in self.multiline for name, value in named):
                return _QUOTE
        return None

    def _rejected(self, cut: Cut, detail: str) -> Rejected:
        error = MappingError(
            detail,
            code="row_malformed",
            where=f"line {cut.line}",
            fix="Run the export again, or correct the row.",
        )
        unclosed = b'"' in cut.content
        return Rejected(
            cut.line, error, cut.start, cut.end, unclosed=unclosed, torn=self.starts is None
        )


_FOREIGN: Final = "the header of another export, with other columns, stands here or above"
_DOUBT: Final = (
    "this line may be text of a value above it, which holds the header of this export: remove the "
    "header from the value, or close its quotes"
)
_QUOTE: Final = (
    "a quote is missing, or stands in a value without quotes around it: double a quote inside a "
    "value, and put quotes around the value"
)
_LONG_VALUE: Final = f"a value is longer than {csv.field_size_limit() // 1024} KiB"
_LONG: Final = f"the row is longer than {MAX_RECORD_BYTES // 1024} KiB"


def _fields(record: str, dialect: Dialect) -> list[str]:
    body = record[:-1] if record.endswith("\n") else record
    body = body[:-1] if body.endswith("\r") else body
    return next(csv.reader([body], delimiter=dialect.delimiter, strict=True))


def write_delimited(
    rows: Sequence[Mapping[str, object]], dialect: Dialect, *, header: Sequence[str]
) -> bytes:
    """Rows as a file in UTF-8 with a header.

    Args:
        rows: own column -> text; absent ones are written empty.
        dialect: how to write.
        header: column names, in order.
    """
    out = io.StringIO()
    writer = csv.writer(out, delimiter=dialect.delimiter, lineterminator=dialect.line_end)
    out.write(dialect.line_end * (dialect.header_line - 1))
    writer.writerow(header)
    for row in rows:
        texts = [str(row.get(name, "")) for name in header]
        writer.writerow([guarded(text) for text in texts] if dialect.guard else texts)
    return out.getvalue().encode("utf-8-sig" if dialect.bom else "utf-8")


def guarded(text: str) -> str:
    """Return a text that no spreadsheet runs as a formula."""
    return "'" + text if _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """Return the original text; the inverse of ``guarded``."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def escape(text: str, separator: str) -> str:
    r"""Escape a text for use between separators: put ``\`` before ``\`` and the separator."""
    return text.replace("\\", "\\\\").replace(separator, "\\" + separator)


def split_escaped(text: str, separator: str) -> list[str]:
    """Split what ``escape`` and a join made; a backslash before another character stays."""
    items, current, index = [], [], 0
    while index < len(text):
        char = text[index]
        if char == "\\" and index + 1 < len(text):
            following = text[index + 1]
            current.append(following if following in ("\\", separator) else char + following)
            index += 2
            continue
        if char == separator:
            items.append("".join(current))
            current = []
        else:
            current.append(char)
        index += 1
    items.append("".join(current))
    return items
