"""Detection of the format of a spreadsheet sample: kind of file, sheet and header."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from adapters.base import MappingError
from adapters.formats.cells import SheetRow
from adapters.formats.delimited_detection import MAX_TITLE_LINES, is_value
from adapters.formats.ods_sheet import CONTENT, ods_rows, ods_sheets
from adapters.formats.office_archive import malformed, open_archive
from adapters.formats.record_format import Columns
from adapters.formats.settings import FormatSettings
from adapters.formats.xlsx_sheet import xlsx_rows, xlsx_sheets

LOOKED_AT_ROWS: Final = 100
MAX_SHEETS_LOOKED_AT: Final = 20
_FULL_ENOUGH: Final = 0.6
"""Part of the widest row that a header fills at least; a title has fewer cells."""


def spreadsheet_settings(content: bytes) -> tuple[FormatSettings, Columns, list[str]]:
    """Return the settings that read a sample, its columns, and notes in words.

    Raises:
        MappingError: it is no spreadsheet, or has no sheet with a header.
    """
    stream = io.BytesIO(content)
    with open_archive(stream) as archive:
        is_ods = archive.has(CONTENT)
        if not is_ods and not archive.has("xl/workbook.xml") and not archive.has("_rels/.rels"):
            raise malformed("the file is a ZIP archive and not a spreadsheet")
    names = ods_sheets(stream) if is_ods else xlsx_sheets(stream)
    for name in names[:MAX_SHEETS_LOOKED_AT]:
        rows = ods_rows(stream, name) if is_ods else xlsx_rows(stream, name)
        header = _header(list(_first(rows)))
        if header is None:
            continue
        row, header_line = header
        columns = tuple(row.cells[index].strip() for index in sorted(row.cells))
        settings = FormatSettings(
            type="ods" if is_ods else "xlsx",
            header_line=header_line,
            sheet=name if len(names) > 1 else None,
        )
        notes = list(_notes(names, name, is_ods=is_ods))
        if header_line > 1:
            notes.append(
                f"the header is in line {header_line}; the lines above it are skipped in each file"
            )
        return settings, Columns(columns, multiline=frozenset(columns)), notes
    raise MappingError(
        "no sheet has a line of column names above its records",
        code="missing_column",
        fix="Export with a different name for each column in the line above the first record.",
    )


def _notes(names: Sequence[str], name: str, *, is_ods: bool) -> Iterator[str]:
    yield f"the file is {'an OpenDocument spreadsheet' if is_ods else 'an XLSX workbook'}"
    if len(names) > 1:
        yield f"it has {len(names)} sheets; the sheet {name} is read, and each file must have it"
    yield "dates of cells are read as ISO text: 2026-11-02, 13:05 or 2026-11-02T13:05"


def _first(rows: Iterator[SheetRow]) -> Iterator[SheetRow]:
    filled = (row for row in rows if any(cell.strip() for cell in row.cells.values()))
    return islice(filled, LOOKED_AT_ROWS)


def _header(rows: list[SheetRow]) -> tuple[SheetRow, int] | None:
    """Return the header and the setting of its line; None if the rows have none."""
    if len(rows) < 2:
        return None
    width = max(len(row.cells) for row in rows)
    for place, row in enumerate(rows[:MAX_TITLE_LINES]):
        cells = [cell.strip() for cell in row.cells.values()]
        if len(cells) < max(2, width * _FULL_ENOUGH):
            continue
        if len(set(cells)) != len(cells) or not all(cells) or any(map(is_value, cells)):
            return None
        return row, 1 if place == 0 else row.number
    return None
