"""Reader of one sheet of an XLSX file, row by row (ECMA-376, part 1, chapter 18).

Only stored values are read: no formula is computed, no macro is run, no link is followed.
"""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Iterator, Mapping
from typing import BinaryIO, Final

from adapters.formats.cells import (
    NO_STORED_VALUE,
    CellBudget,
    NumberFormat,
    SheetRow,
    clean,
    column_index,
    formatted,
    parse_format,
)
from adapters.formats.office_archive import OfficeArchive, malformed, open_archive
from adapters.formats.sheet_choice import chosen
from adapters.limits import MAX_SHARED_BYTES, MAX_SHARED_STRINGS, MAX_SHEET_TEXT_BYTES

MAX_FORMATS: Final = 100_000
"""Formats of cells in one file."""
MAX_SHEETS: Final = 1_000
_ESCAPED: Final = re.compile("_x([0-9A-Fa-f]{4})_")
_BUILT_IN: Final[Mapping[int, NumberFormat]] = {
    **dict.fromkeys((14, 15, 16, 17), NumberFormat("date")),
    **dict.fromkeys((18, 19, 20, 21, 45, 46, 47), NumberFormat("time")),
    22: NumberFormat("moment"),
    **dict.fromkeys((*range(27, 32), 36, *range(50, 59)), NumberFormat("date")),
    **dict.fromkeys((32, 33, 34, 35), NumberFormat("time")),
}
"""Formats that files name only by their numbers."""


def xlsx_rows(stream: BinaryIO, sheet: str | None) -> Iterator[SheetRow]:
    """Yield the rows of a sheet that have a value.

    Args:
        stream: the file.
        sheet: its name; None for the only one.

    Raises:
        MappingError: file_malformed, file_too_large.
    """
    with open_archive(stream) as archive:
        book = _Book()
        name = _main_part(archive)
        archive.read(name, book)
        links = _Links()
        folder = posixpath.dirname(name)
        archive.read(posixpath.join(folder, "_rels", posixpath.basename(name) + ".rels"), links)
        relation = book.sheets[chosen(list(book.sheets), sheet)]
        strings, styles = _Strings(), _Styles()
        for kind, target in (("sharedStrings", strings), ("styles", styles)):
            part = links.of_kind(kind, folder)
            if part is not None and archive.has(part):
                archive.read(part, target)
        rows = _Rows(strings.texts, styles.formats(), from_1904=book.from_1904)
        for _ in archive.feed(links.part(relation, folder), rows):
            yield from rows.ended()


def xlsx_sheets(stream: BinaryIO) -> list[str]:
    """Return the names of the sheets."""
    with open_archive(stream) as archive:
        book = _Book()
        archive.read(_main_part(archive), book)
        return list(book.sheets)


def _main_part(archive: OfficeArchive) -> str:
    links = _Links()
    if not archive.has("_rels/.rels"):
        raise malformed("the file is not an XLSX workbook")
    archive.read("_rels/.rels", links)
    part = links.of_kind("officeDocument", "")
    if part is None or not archive.has(part):
        raise malformed("the file is not an XLSX workbook")
    return part


class _Links:
    """Relations of a part: id -> kind and name of another part."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[str, str]] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship" and attributes.get("TargetMode") != "External":
            kind = attributes.get("Type", "").rpartition("/")[2]
            self._found[attributes.get("Id", "")] = (kind, attributes.get("Target", ""))
            if len(self._found) > MAX_SHEETS * 4:
                raise malformed("the file has too many parts")

    def end(self, name: str) -> None:
        pass

    def data(self, text: str) -> None:
        pass

    def part(self, relation: str, folder: str) -> str:
        """Return the name of the part of a relation."""
        kind, target = self._found.get(relation, ("", ""))
        if kind != "worksheet":
            raise malformed("the sheet is a chart or a macro, and not a table")
        return _resolved(target, folder)

    def of_kind(self, kind: str, folder: str) -> str | None:
        """Return the name of the first part of a kind, or None."""
        for found, target in self._found.values():
            if found == kind:
                return _resolved(target, folder)
        return None


def _resolved(target: str, folder: str) -> str:
    if target.startswith("/"):
        return target[1:]
    return posixpath.normpath(posixpath.join(folder, target))


class _Book:
    """Names of the sheets and their relations, in order."""

    def __init__(self) -> None:
        self.sheets: dict[str, str] = {}
        self.from_1904 = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "sheet":
            self.sheets[attributes.get("name", "")] = attributes.get("id", "")
            if len(self.sheets) > MAX_SHEETS:
                raise malformed("the file has too many sheets")
        elif name == "workbookPr":
            self.from_1904 = attributes.get("date1904") in ("1", "true")

    def end(self, name: str) -> None:
        pass

    def data(self, text: str) -> None:
        pass


class _Strings:
    """Shared texts of the cells."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._text: list[str] = []
        self._inside = False
        self._phonetic = 0
        self._size = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "si":
            self._text = []
        elif name == "rPh":
            self._phonetic += 1
        elif name == "t":
            self._inside = not self._phonetic

    def end(self, name: str) -> None:
        if name == "t":
            self._inside = False
        elif name == "rPh":
            self._phonetic -= 1
        elif name == "si":
            text = _unescaped("".join(self._text))
            self.texts.append(text)
            self._size += sys.getsizeof(text)
            if len(self.texts) > MAX_SHARED_STRINGS or self._size > MAX_SHARED_BYTES:
                raise malformed("the file has too many texts", fix="Export fewer rows at a time.")

    def data(self, text: str) -> None:
        if self._inside:
            self._text.append(text)
            self._size += len(text)
            if self._size > MAX_SHARED_BYTES:
                raise malformed("the file has too many texts", fix="Export fewer rows at a time.")


class _Styles:
    """Number formats of the cells."""

    def __init__(self) -> None:
        self._codes: dict[int, NumberFormat] = {}
        self._of_cells: list[int] = []
        self._inside = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "numFmt":
            number = _whole(attributes.get("numFmtId"))
            self._codes[number] = parse_format(attributes.get("formatCode", "")[:500])
        elif name == "cellXfs":
            self._inside = True
        elif name == "xf" and self._inside:
            self._of_cells.append(_whole(attributes.get("numFmtId")))
        if len(self._codes) + len(self._of_cells) > MAX_FORMATS:
            raise malformed("the file has too many formats of cells")

    def end(self, name: str) -> None:
        if name == "cellXfs":
            self._inside = False

    def data(self, text: str) -> None:
        pass

    def formats(self) -> list[NumberFormat]:
        """Return the number format of each format of cells."""
        plain = NumberFormat()
        return [self._codes.get(n) or _BUILT_IN.get(n, plain) for n in self._of_cells]


class _Rows:
    """Rows of a sheet that have ended."""

    def __init__(self, strings: list[str], formats: list[NumberFormat], *, from_1904: bool) -> None:
        self._strings = strings
        self._formats = formats
        self._from_1904 = from_1904
        self._budget = CellBudget()
        self._ended: list[SheetRow] = []
        self._row = SheetRow(0)
        self._column = -1
        self._kind = "n"
        self._style = 0
        self._value: list[str] = []
        self._has_value = self._has_formula = False
        self._reading = False
        self._phonetic = 0
        self._size = 0

    def ended(self) -> Iterator[SheetRow]:
        """Yield the rows that ended since the last call."""
        ended, self._ended = self._ended, []
        yield from ended

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "row":
            stated = attributes.get("r")
            number = self._row.number + 1 if stated is None else _whole(stated)
            if number <= self._row.number:
                raise malformed("the rows of the sheet are out of order")
            self._row, self._column = SheetRow(number), -1
        elif name == "c":
            self._begin_cell(attributes)
        elif name == "v":
            self._reading = self._has_value = True
        elif name == "t":
            self._reading = not self._phonetic
            self._has_value = True
        elif name == "f":
            self._has_formula = True
        elif name == "rPh":
            self._phonetic += 1
        elif name == "mergeCell":
            rows = [int(n) for n in re.findall("[0-9]{1,7}", attributes.get("ref", ""))]
            if rows:
                self._ended.append(SheetRow(max(rows), merged=True))

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        reference = attributes.get("r")
        column = self._column + 1 if reference is None else column_index(reference)
        if column is None or column <= self._column:
            raise malformed("the cells of a row are out of order", where=self._where())
        self._column = column
        self._kind = attributes.get("t", "n")
        self._style = _whole(attributes.get("s"))
        self._value, self._size = [], 0
        self._has_value = self._has_formula = False

    def _where(self) -> str:
        return f"line {self._row.number}"

    def end(self, name: str) -> None:
        if name in ("v", "t"):
            self._reading = False
        elif name == "rPh":
            self._phonetic -= 1
        elif name == "c":
            text = clean(self._text())
            if text:
                self._budget.spend(self._column, self._row.number)
                self._row.cells[self._column] = text
        elif name == "row" and self._row.cells:
            self._ended.append(self._row)

    def data(self, text: str) -> None:
        if self._reading:
            self._value.append(text)
            self._size += len(text)
            if self._size > MAX_SHEET_TEXT_BYTES:
                raise malformed("a cell is too long", where=self._where())

    def _text(self) -> str:
        value = "".join(self._value)
        if not self._has_value:
            return NO_STORED_VALUE if self._has_formula else ""
        if self._kind == "s":
            index = _whole(value)
            if not value.strip() or index >= len(self._strings):
                raise malformed("a text of a cell is missing", where=self._where())
            return self._strings[index]
        if self._kind in ("str", "inlineStr"):
            return _unescaped(value)
        if self._kind == "b":
            return "TRUE" if value.strip() == "1" else "FALSE"
        if self._kind == "n" and value.strip():
            style = self._formats[self._style] if self._style < len(self._formats) else None
            return formatted(value.strip(), style or NumberFormat(), from_1904=self._from_1904)
        return value  # an error such as #N/A, which the mapping refuses, or an ISO date


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def _whole(text: str | None) -> int:
    """Return a number of the file's structure; 0 when it is absent."""
    if text is None:
        return 0
    if not re.fullmatch(r"\s*[0-9]{1,9}\s*", text):
        raise malformed("a number in the structure of the spreadsheet is broken")
    return int(text)
