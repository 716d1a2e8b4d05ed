"""Reader and writer of one sheet of an OpenDocument spreadsheet (ODF 1.3, part 3, chapter 9)."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final
from xml.sax.saxutils import escape, quoteattr  # writes only

from adapters.formats.cells import (
    NO_STORED_VALUE,
    CellBudget,
    SheetRow,
    clean,
    number_text,
)
from adapters.formats.office_archive import malformed, open_archive
from adapters.formats.sheet_choice import chosen
from adapters.limits import MAX_RECORD_BYTES

CONTENT: Final = "content.xml"
TYPE: Final = "application/vnd.oasis.opendocument.spreadsheet"
_NOT_TEXT: Final = frozenset(
    ("annotation", "shapes", "frame", "custom-shape", "control", "caption", "rect", "circle")
)
"""Notes and drawings in a cell, whose text is not the cell's."""
_MAX_ROW: Final = 2**24
_MAX_SHEETS: Final = 1_000
_BREAKS: Final = re.compile("[\t\r\n]+")
_TIME: Final = re.compile(r"PT(\d{1,2})H(\d{1,2})M(\d{1,2})(?:[.,]\d+)?S")
_MOMENT: Final = re.compile(r"(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2})(:\d{2})?(?:\.0+)?)?")


def ods_rows(stream: BinaryIO, sheet: str | None) -> Iterator[SheetRow]:
    """Yield the rows of a sheet that have a value.

    Args:
        stream: the file.
        sheet: its name; None for the only one.

    Raises:
        MappingError: file_malformed, file_too_large.
    """
    with open_archive(stream) as archive:
        if not archive.has(CONTENT):
            raise malformed("the file is not an OpenDocument spreadsheet")
        rows = _Rows(sheet)
        for _ in archive.feed(CONTENT, rows):
            yield from rows.ended()
        chosen(rows.sheets, sheet)


def ods_sheets(stream: BinaryIO) -> list[str]:
    """Return the names of the sheets."""
    with open_archive(stream) as archive:
        if not archive.has(CONTENT):
            raise malformed("the file is not an OpenDocument spreadsheet")
        names = _SheetNames()
        archive.read(CONTENT, names)
        return names.found


class _SheetNames:
    """Names of the sheets, in order."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._depth = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "table":
            self._depth += 1
            if self._depth == 1:
                self.found.append(attributes.get("name", ""))
                if len(self.found) > _MAX_SHEETS:
                    raise malformed("the file has too many sheets")

    def end(self, name: str) -> None:
        self._depth -= name == "table"

    def data(self, text: str) -> None:
        pass


class _Rows:
    """Rows of one sheet that have ended."""

    def __init__(self, sheet: str | None) -> None:
        self.sheets: list[str] = []
        """Names of the sheets up to this place."""
        self._sheet = sheet
        self._depth = 0
        """Depth of open tables; a table may stand inside a cell."""
        self._inside = False
        self._budget = CellBudget()
        self._ended: list[tuple[SheetRow, int]] = []
        """Rows, each with the number of times that it stands there."""
        self._number = 0
        self._rows = 0
        self._row = SheetRow(0)
        self._column = 0
        self._cell: dict[str, str] | None = None
        self._repeated = 1
        self._text: list[str] = []
        self._size = 0
        self._paragraphs = 0
        self._in_paragraph = False
        self._skipped = 0
        """Depth of open annotations and shapes, whose text is not the cell's."""

    def ended(self) -> Iterator[SheetRow]:
        """Yield the rows that ended since the last call."""
        ended, self._ended = self._ended, []
        for row, count in ended:
            for copy in range(count):
                yield SheetRow(row.number + copy, row.cells, row.merged)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "table":
            self._depth += 1
            if self._depth == 1:
                self._begin_sheet(attributes.get("name", ""))
        if not self._inside or self._depth > 1:
            return
        if self._skipped or name in _NOT_TEXT:
            self._skipped += 1
        elif name == "table-row":
            self._rows = _repeats(attributes, "number-rows-repeated")
            self._row, self._column = SheetRow(self._number + 1), 0
        elif name in ("table-cell", "covered-table-cell"):
            self._cell = attributes
            self._repeated = _repeats(attributes, "number-columns-repeated")
            self._text, self._size, self._paragraphs = [], 0, 0
            spanned = (
                attributes.get("number-rows-spanned"),
                attributes.get("number-columns-spanned"),
            )
            if name != "table-cell" or any(one not in (None, "1") for one in spanned):
                self._row.merged = True
        elif self._cell is not None:
            self._in_cell(name, attributes)

    def _begin_sheet(self, name: str) -> None:
        self.sheets.append(name)
        if len(self.sheets) > _MAX_SHEETS:
            raise malformed("the file has too many sheets")
        # Without a stated sheet the first one is read, and `chosen` refuses a second one.
        self._inside = name == (self.sheets[0] if self._sheet is None else self._sheet)
        self._number = 0

    def _in_cell(self, name: str, attributes: dict[str, str]) -> None:
        if name == "p":
            self._paragraphs += 1
            self._in_paragraph = True
            if self._paragraphs > 1:
                self._add("\n")
        elif name == "s" and self._size <= MAX_RECORD_BYTES:
            self._add(" " * min(_repeats(attributes, "c"), MAX_RECORD_BYTES))
        elif name == "tab":
            self._add("\t")
        elif name == "line-break":
            self._add("\n")

    def end(self, name: str) -> None:
        if name == "table":
            self._depth -= 1
            if self._depth == 0:
                self._inside = False
            return
        if not self._inside or self._depth > 1:
            return
        if self._skipped:
            self._skipped -= 1
        elif name == "p":
            self._in_paragraph = False
        elif name in ("table-cell", "covered-table-cell"):
            self._end_cell()
        elif name == "table-row":
            self._end_row()

    def data(self, text: str) -> None:
        if self._in_paragraph and self._inside and not self._skipped and self._depth == 1:
            self._add(_BREAKS.sub(" ", text))

    def _add(self, text: str) -> None:
        self._size += len(text)
        if self._size <= MAX_RECORD_BYTES * 2:  # a longer cell is refused with its row
            self._text.append(text)

    def _end_cell(self) -> None:
        cell, self._cell = self._cell or {}, None
        text = clean(_cell_text(cell, "".join(self._text)))
        if text:
            self._budget.spend(self._column, self._row.number, self._repeated)
            for column in range(self._column, self._column + self._repeated):
                self._row.cells[column] = text
        self._column += self._repeated

    def _end_row(self) -> None:
        self._number += self._rows
        if self._number > _MAX_ROW:
            raise malformed("the sheet has too many rows")
        if self._row.cells:
            self._budget.repeat(len(self._row.cells) * (self._rows - 1))
            self._ended.append((self._row, self._rows))
        elif self._row.merged:
            self._ended.append((self._row, 1))


def _cell_text(cell: dict[str, str], shown: str) -> str:
    kind = cell.get("value-type")
    if kind in ("float", "currency", "percentage"):
        text = _number(cell.get("value", ""), shown.strip(), kind)
    elif kind == "date":
        text = _date(cell.get("date-value", ""))
    elif kind == "time":
        text = _time(cell.get("time-value", ""))
    elif kind == "boolean":
        text = cell.get("boolean-value", "").upper()
    elif kind is None and not shown and "formula" in cell:
        text = NO_STORED_VALUE
    else:
        text = cell.get("string-value", shown)
    return text


def _time(value: str) -> str:
    found = _TIME.fullmatch(value)
    if found is None:
        return value
    hours, minutes, seconds = (part.zfill(2) for part in found.groups())
    return f"{hours}:{minutes}" + (f":{seconds}" if seconds != "00" else "")


def _number(value: str, shown: str, kind: str) -> str:
    """Return a number, or the text that the cell shows if it has zeros or letters around it."""
    number = number_text(value)
    if kind == "float" and number.isdecimal() and len(number) <= 15:
        digits = re.sub(r"\D", "", shown, flags=re.ASCII)
        padded = shown.startswith("0") and len(digits) > len(number)
        with_letters = any(sign.isalpha() for sign in shown) and "," not in shown
        if digits and int(digits) == int(number) and (padded or with_letters):
            return shown
    return number


def _date(value: str) -> str:
    found = _MOMENT.fullmatch(value)
    if found is None or found[2] is None:
        return value
    seconds = found[3] if found[3] not in (None, ":00") else ""
    return f"{found[1]}T{found[2]}{seconds}"


def _repeats(attributes: dict[str, str], name: str) -> int:
    text = attributes.get(name, "1")
    if not re.fullmatch("[0-9]{1,8}", text) or not int(text):
        raise malformed("a number in the structure of the spreadsheet is broken")
    return int(text)


# --- writing --------------------------------------------------------------------------------------

_HEAD: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<office:document-content'
    ' xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
    ' xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
    ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    ' office:version="1.3"><office:body><office:spreadsheet>'
)
_TAIL: Final = "</table:table></office:spreadsheet></office:body></office:document-content>\n"
_MANIFEST: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<manifest:manifest'
    ' xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.3">'
    f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{TYPE}"'
    ' manifest:version="1.3"/><manifest:file-entry manifest:full-path="content.xml"'
    ' manifest:media-type="text/xml"/></manifest:manifest>\n'
)
_BLANKS: Final = re.compile(" {2,}|^ | $|\t|\n")


def write_ods(rows: Sequence[Sequence[str]], sheet: str) -> bytes:
    """Return an OpenDocument spreadsheet whose cells are all texts.

    Args:
        rows: texts of the cells, row by row.
        sheet: name of the sheet.
    """
    lines = "".join(
        f"<table:table-row>{''.join(map(_cell, row))}</table:table-row>" for row in rows
    )
    content = f"{_HEAD}<table:table table:name={quoteattr(sheet)}>{lines}{_TAIL}"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text, form in (
            ("mimetype", TYPE, zipfile.ZIP_STORED),  # first and not packed, as the standard says
            (CONTENT, content, zipfile.ZIP_DEFLATED),
            ("META-INF/manifest.xml", _MANIFEST, zipfile.ZIP_DEFLATED),
        ):
            archive.writestr(zipfile.ZipInfo(name), text, form)
    return out.getvalue()


def _cell(text: str) -> str:
    if not text:
        return "<table:table-cell/>"
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    paragraphs = "".join(f"<text:p>{_BLANKS.sub(_blank, escape(line))}</text:p>" for line in lines)
    return f'<table:table-cell office:value-type="string">{paragraphs}</table:table-cell>'


def _blank(found: re.Match[str]) -> str:
    return "<text:tab/>" if found[0] == "\t" else f'<text:s text:c="{len(found[0])}"/>'
