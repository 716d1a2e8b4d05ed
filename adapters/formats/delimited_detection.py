"""Detection of the dialect of a delimited text file: encoding, delimiter, header, line ends."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from adapters.base import MappingError
from adapters.formats.encoding import UTF8_BOM, check_encoding
from adapters.formats.settings import FormatSettings

DELIMITERS: Final = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a vertical bar"}
"""Delimiters that are tried, in this order, with their names."""
LOOKED_AT_BYTES: Final = 256 * 1024
LOOKED_AT_RECORDS: Final = 100
MAX_TITLE_LINES: Final = 20
"""Lines that may stand above the header of a sample."""
_VALUE: Final = re.compile(
    r"[-+]?[\d.,\s]+%?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*|\d{1,2}:\d{2}.*|[^@\s]+@[^@\s]+", re.ASCII
)
"""A number, date, time or mail address: a value and not the name of a column."""


def is_value(text: str) -> bool:
    """Return whether a text is a value, such as a number or date, and not the name of a column."""
    return _VALUE.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One delimiter and how the beginning of the file looks with it."""

    delimiter: str
    width: int
    regular: int
    header: list[str]
    header_line: int


def delimited_settings(content: bytes) -> tuple[FormatSettings, list[str], list[str]]:
    """Return the settings that read a sample, its header, and notes in words.

    Raises:
        MappingError: the encoding, the delimiter or the header cannot be told.
    """
    found = check_encoding(io.BytesIO(content), legacy="cp1252")
    text = content[found.mark : LOOKED_AT_BYTES].decode(found.codec, "ignore")
    if "\n" not in text and "\r" in text:
        raise MappingError(
            "the lines end with CR alone",
            code="file_malformed",
            where="line 1",
            fix="Export with line ends LF or CR LF.",
        )
    best = _best(text)
    crlf = content.count(b"\r\n") * 2 > content.count(b"\n")
    whole = content.endswith(b"\n")
    notes = [
        f"delimiter is {DELIMITERS[best.delimiter]}",
        *_encoding_notes(content, found.codec, found.mark),
        f"lines end with {'CR LF' if crlf else 'LF'}",
    ]
    if not whole:
        notes.append(
            "the file does not end with a line end, so a file that was cut off cannot be told "
            "from a whole one"
        )
    if best.header_line > 1:
        notes.append(
            f"the header is in line {best.header_line}; the lines above it are skipped in each file"
        )
    settings = FormatSettings(
        type="csv",
        delimiter=best.delimiter,
        encoding=_pinned(content, found.codec),
        bom=found.mark > 0,
        line_end="crlf" if crlf else "lf",
        ends_with_line_end=whole,
        header_line=best.header_line,
    )
    return settings, best.header, notes


def _pinned(content: bytes, codec: str) -> str | None:
    """Return the encoding to pin; None when the sample has only ASCII and does not tell it."""
    if codec != "utf-8":
        return "windows-1252"
    return None if content.removeprefix(UTF8_BOM).isascii() else "utf-8"


def _encoding_notes(content: bytes, codec: str, mark: int) -> Iterator[str]:
    if codec != "utf-8":
        yield "encoding is windows-1252 (the file is not UTF-8): look at names with accents"
    elif content.removeprefix(UTF8_BOM).isascii():
        yield "encoding is not told by this file, which has only ASCII characters"
    else:
        yield "encoding is UTF-8"
    if mark:
        yield "the file begins with a byte order mark"


def _best(text: str) -> _Candidate:
    candidates = [one for d in DELIMITERS if (one := _candidate(text, d)) is not None]
    if not candidates:
        raise MappingError(
            "no delimiter gives records of two or more columns below a header",
            code="file_malformed",
            where="line 1",
            fix="Export with column names in one line, and with a comma, semicolon, tab or "
            "vertical bar between the fields.",
        )
    best = max(candidates, key=lambda one: (one.regular, one.width))
    values = [name for name in best.header if not name or is_value(name)]
    twice = len(set(best.header)) != len(best.header)
    if values or twice:
        problem = (
            "two columns have the same name"
            if twice and not values
            else "a column has no name, or a number, date or address in place of a name"
        )
        raise MappingError(
            f"the line of column names is missing or broken: {problem}",
            code="missing_column",
            where=f"line {best.header_line}",
            fix="Export with a different name for each column in the line above the first record.",
        )
    return best


def _candidate(text: str, delimiter: str) -> _Candidate | None:
    """Return how the text looks with a delimiter; None if it gives one column or no records."""
    records: list[tuple[int, list[str]]] = []
    lines = (line + "\n" for line in text.split("\n"))
    reader = csv.reader(lines, delimiter=delimiter)
    line = 1
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                records.append((line, [field.strip() for field in fields]))
            line = reader.line_num + 1
            if len(records) == LOOKED_AT_RECORDS:
                break
    except csv.Error:
        pass  # the records before the error are enough, or there are none
    widths = Counter(len(fields) for _, fields in records if len(fields) > 1)
    if not widths:
        return None
    # Of equally frequent widths take the larger one: title lines have few fields.
    width, regular = max(widths.items(), key=lambda item: (item[1], item[0]))
    at, header = next((at, fields) for at, fields in records if len(fields) == width)
    first = records[0][0]
    if at == first:
        at = 1  # blank lines above a header are skipped without a setting
    elif at > MAX_TITLE_LINES:
        return None
    return _Candidate(delimiter, width, regular, header, at)
