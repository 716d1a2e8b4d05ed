"""Delimited text files (CSV and its cousins) to rows and back, strictly.

A record that is broken (a quote never closed, too few fields, the file cut off in the middle) is
rejected with its line, and the others go on. The first row must be the header: if it is not, its
values may be personal, so errors name positions, never what stands there.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from adapters.base import MappingError, Rejected, Row
from adapters.mapping.encoding import decode_text

MAX_HEADER = 16 * 1024
"""Characters of the header, which every row carries with it; a mapping's own has a thousand."""

# A value that a spreadsheet would run as a formula. A ' before it keeps it a text (OWASP, CSV
# injection): a partner's narrative must not become code on an officer's screen.
# The wide signs are formulas to a spreadsheet set to Chinese or Japanese; marks that have no width
# and control characters are dropped by some before they look.
_FORMULA = re.compile("[\\s'\x00-\x1f\u200b-\u200f\u2060\ufeff]*[=+\\-@\uff1d\uff0b\uff0d\uff20]")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a system writes its files.

    Attributes:
        delimiter: between fields.
        bom: whether a byte order mark is written.
        legacy: encoding of files that are not UTF-8, or None.
        line_end: what is written after a record.
        ends_with_line_end: whether a file without one at its end counts as cut off.
        guard: whether ``'`` is put before values that a spreadsheet would run, and taken off again.
    """

    delimiter: str = ","
    bom: bool = False
    legacy: str | None = "cp1252"
    line_end: str = "\r\n"
    ends_with_line_end: bool = True
    guard: bool = True


def read_delimited(
    content: bytes, dialect: Dialect, *, known: Sequence[str], needed: Sequence[str]
) -> Iterator[Row | Rejected]:
    """Parse an export. The file as a whole is checked before the first record is given.

    Args:
        content: the file.
        dialect: how it is written.
        known: every column that it may have.
        needed: every column that it must have.

    Returns:
        Rows with values without surrounding blanks; ``raw`` is the header and the record, so that
        a quarantined one is a file that can be corrected and dropped again.

    Raises:
        MappingError: file_empty, file_too_large, file_encoding, file_malformed, unknown_column,
            missing_column.
    """
    text = decode_text(content, legacy=dialect.legacy)
    records = _records(text)
    first = next((record for record in records if record[1].strip()), None)
    if first is None:
        raise MappingError("the file is empty", code="file_empty")
    line, head = first
    header = _header(line, head, dialect, known, needed)
    return _rows(records, head, header, dialect)


def _header(
    line: int, head: str, dialect: Dialect, known: Sequence[str], needed: Sequence[str]
) -> list[str]:
    where = f"line {line}"
    if len(head) > MAX_HEADER:
        raise MappingError("the header is too long", code="file_malformed", where=where)
    try:
        header = [name.strip() for name in _fields(head, dialect)]
    except csv.Error:
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


def _rows(
    records: Iterator[tuple[int, str]], head: str, header: list[str], dialect: Dialect
) -> Iterator[Row | Rejected]:
    for line, record in records:
        if not record.strip():
            continue
        raw = head.rstrip("\r\n") + dialect.line_end + record
        try:
            fields = [field.strip() for field in _fields(record, dialect)]
        except csv.Error:
            yield _rejected(line, raw, "the row is broken: a quote is missing or a field too long")
            continue
        if dialect.ends_with_line_end and not record.endswith("\n"):
            yield _rejected(line, raw, "the file ends in the middle of this row")
        elif len(fields) != len(header):
            yield _rejected(line, raw, f"{len(header)} fields are expected")
        elif any(fields):
            if dialect.guard:
                fields = [unguarded(field).strip() for field in fields]
            yield Row(line, dict(zip(header, fields, strict=True)), raw)


def _rejected(line: int, raw: str, detail: str) -> Rejected:
    where = f"line {line}"
    error = MappingError(
        detail,
        code="row_malformed",
        where=where,
        fix="Run the export again, or correct the row.",
    )
    return Rejected(line, raw, error)


def _records(text: str) -> Iterator[tuple[int, str]]:
    """(line, record with its line end); a record is over when its quotes are even in number."""
    start, quotes = 1, 0
    parts: list[str] = []
    # Not splitlines(): it also splits at characters that free text may hold.
    for number, part in enumerate(io.StringIO(text, newline="\n"), 1):
        if not parts:
            start = number
        parts.append(part)
        quotes += part.count('"')
        if quotes % 2 == 0:
            yield start, "".join(parts)
            parts, quotes = [], 0
    if parts:
        yield start, "".join(parts)


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
    writer.writerow(header)
    for row in rows:
        texts = [str(row.get(name, "")) for name in header]
        writer.writerow([guarded(text) for text in texts] if dialect.guard else texts)
    return out.getvalue().encode("utf-8-sig" if dialect.bom else "utf-8")


def guarded(text: str) -> str:
    """A text that no spreadsheet runs."""
    return "'" + text if _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """The inverse of ``guarded``."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
