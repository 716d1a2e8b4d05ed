"""Formats of spreadsheets: XLSX and OpenDocument.

A sheet is converted to CSV in memory, and its rows are read from that. Refused rows become a small
CSV file with the same header, because a spreadsheet file cannot be cut. The format reads that file
too: it is corrected in any program and dropped again.
"""

from __future__ import annotations

import csv
import io
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

from adapters.base import Export, FilePlace, MappingError, Records, Rejected, Row
from adapters.formats.cells import SheetRow, column_letters
from adapters.formats.delimited import Dialect, guarded, read_delimited
from adapters.formats.encoding import UTF8_BOM, as_stream, check_size
from adapters.formats.ods_sheet import ods_rows, write_ods
from adapters.formats.office_archive import malformed
from adapters.formats.record_format import Columns
from adapters.formats.settings import SUFFIXES, FormatSettings
from adapters.formats.tables import check_cells
from adapters.formats.xlsx_sheet import xlsx_rows
from adapters.limits import MAX_SHEET_TEXT_BYTES

SHEET: Final = "Records"
"""Name of the sheet of a written file, if the settings state none."""
MAX_CELL: Final = 32_767
"""Characters that a cell of an XLSX file can hold."""
CONVERTED: Final = Dialect(bom=True)
"""Dialect of a converted sheet and of the file of refused rows. Spreadsheet programs take UTF-8 for
UTF-8 only with a byte order mark.
"""
ZIP: Final = b"PK"

Rows = Callable[[BinaryIO, str | None], Iterator[SheetRow]]


@dataclass(slots=True)
class Converted:
    """A sheet as CSV.

    Attributes:
        content: the CSV, which begins with the header.
        header: row number of the header.
        starts: offset of each record.
        numbers: row number of each record.
    """

    content: io.BytesIO
    header: int
    starts: array[int]
    numbers: array[int]

    def number(self, start: int) -> int:
        """Return the row number of the record at an offset."""
        at = bisect_right(self.starts, start) - 1
        return self.numbers[at] if at >= 0 else self.header


class SpreadsheetFormat:
    """Reads and writes one sheet of a spreadsheet file."""

    def __init__(self, settings: FormatSettings) -> None:
        self.suffixes: Sequence[str] = SUFFIXES[settings.type]
        self._settings = settings
        self._rows: Rows = xlsx_rows if settings.type == "xlsx" else ods_rows

    def read(self, export: Export, columns: Columns, encoding: str | None = None) -> Records:
        """See ``RecordFormat.read``; ``encoding`` is that of a file of refused rows."""
        stream = as_stream(export)
        check_size(stream)
        if stream.read(len(ZIP)) != ZIP:
            return _read_csv(stream, columns, encoding)
        converted = converted_sheet(
            self._rows(stream, self._settings.sheet), self._settings.header_line
        )
        try:
            records = _read_csv(converted.content, columns, "utf-8", converted.starts)
        except MappingError as error:
            error.where = str(FilePlace(converted.header))
            raise
        return replace(
            records,
            items=lambda: _renumbered(records, converted),
            source=converted.content,
            suffix=".csv",
        )

    def write(self, rows: Sequence[Mapping[str, object]], columns: Columns) -> bytes:
        """See ``RecordFormat.write``; all cells are texts."""
        check_cells(rows, columns)
        for row in rows:
            for name in columns.known:
                if len(str(row.get(name, ""))) > MAX_CELL:
                    detail = f"a cell holds at most {MAX_CELL} characters"
                    raise FilePlace(0, name).error("text_too_long", detail)
        table: list[Sequence[str]] = [[]] * (self._settings.header_line - 1)
        table.append(columns.known)
        table += [[str(row.get(name, "")) for name in columns.known] for row in rows]
        sheet = self._settings.sheet or SHEET
        return write_ods(table, sheet) if self._settings.type == "ods" else _xlsx(table, sheet)


def _read_csv(
    stream: BinaryIO,
    columns: Columns,
    encoding: str | None,
    starts: Sequence[int] | None = None,
) -> Records:
    # The mapping refuses a line break in a column that has none: in a sheet it breaks no other row.
    return read_delimited(
        stream,
        CONVERTED,
        known=columns.known,
        needed=columns.needed,
        encoding=encoding,
        starts=starts,
    )


def _renumbered(records: Records, converted: Converted) -> Iterator[Row | Rejected]:
    """Yield the records with the row numbers of the sheet as their lines."""
    for item in records:
        number = converted.number(item.start)
        if isinstance(item, Rejected):
            item.error.where = str(FilePlace(number))
        yield replace(item, line=number)


def converted_sheet(rows: Iterator[SheetRow], header_line: int) -> Converted:
    """Return a sheet as CSV: the named columns, without the rows above the header.

    Args:
        rows: rows of the sheet that have a value.
        header_line: row number of the header; with 1, the first row that has a value.

    Raises:
        MappingError: file_empty, file_malformed, file_too_large, missing_column.
    """
    content = io.BytesIO(UTF8_BOM)
    text = io.TextIOWrapper(content, encoding="utf-8", newline="", write_through=True)
    text.seek(0, io.SEEK_END)
    writer = csv.writer(text, lineterminator=CONVERTED.line_end)
    header: SheetRow | None = None
    named: list[int] = []
    result = Converted(content, header_line, array("Q"), array("I"))
    for row in rows:
        if header is None:
            if row.number < header_line or not any(cell.strip() for cell in row.cells.values()):
                continue
            if header_line > 1 and row.number > header_line:
                break
            header, result.header = row, row.number
            named = sorted(index for index, name in row.cells.items() if name.strip())
            _check_names(row, named)
            writer.writerow([row.cells[index] for index in named])
            _check_not_merged(row)
            continue
        if row.number >= header.number:
            _check_not_merged(row)
        if not any(cell.strip() for cell in row.cells.values()):
            continue
        result.starts.append(content.tell())
        result.numbers.append(row.number)
        writer.writerow([guarded(cell) for cell in _fields(row, named)])
        if content.tell() > MAX_SHEET_TEXT_BYTES:
            raise MappingError(
                f"the sheet has more than {MAX_SHEET_TEXT_BYTES >> 20} MiB of text",
                code="file_too_large",
                fix="Export fewer rows at a time.",
            )
    text.detach()
    if header is None:
        raise MappingError(
            "the sheet has no header where one is expected",
            code="missing_column" if header_line > 1 else "file_empty",
            where=f"line {header_line}",
            fix="Check that this is the right sheet, and `header_line` in the mapping file.",
        )
    return result


def _fields(row: SheetRow, named: list[int]) -> list[str]:
    """Return the cells of the named columns, then values of columns without a name.

    The latter make more fields than the header has, so that the row is refused.
    """
    fields = [row.cells.get(index, "") for index in named]
    if len(row.cells) > len(named) or not row.cells.keys() <= set(named):
        fields += [c for i, c in sorted(row.cells.items()) if i not in named and c.strip()]
    return fields


def _check_names(row: SheetRow, named: list[int]) -> None:
    for index in named:
        if "\n" in row.cells[index].strip():
            raise MappingError(
                f"the name of column {column_letters(index)} has a line break",
                code="file_malformed",
                where=f"line {row.number}",
                fix="Write the name of each column on one line.",
            )


def _check_not_merged(row: SheetRow) -> None:
    if row.merged:
        raise malformed(
            "cells are merged, so it is unclear to which rows and columns their value belongs",
            where=f"line {row.number}",
            fix="Unmerge the cells below the header, and fill in each of them.",
        )


def _xlsx(table: Sequence[Sequence[str]], sheet: str) -> bytes:
    import xlsxwriter  # late: commands that write no spreadsheet answer sooner

    out = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "strings_to_urls": False,
    }
    with xlsxwriter.Workbook(out, options) as book:
        page = book.add_worksheet(sheet)
        text = book.add_format({"num_format": "@"})
        # A program that edits or exports the cell keeps a text that looks like a formula.
        quoted = book.add_format({"num_format": "@", "quote_prefix": True})
        for number, row in enumerate(table):
            for column, cell in enumerate(row):
                if cell:
                    page.write_string(
                        number, column, cell, quoted if guarded(cell) != cell else text
                    )
    return out.getvalue()
