"""Detection of the format of a sample: kind of file, dialect, encoding and header."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Final

from adapters.base import MappingError, Rejected, Row
from adapters.formats.delimited_detection import delimited_settings
from adapters.formats.delimited_format import DelimitedFormat
from adapters.formats.detected import SAMPLE_ROWS, Detected
from adapters.formats.encoding import UTF8_BOM, check_size, check_wide
from adapters.formats.json_detection import json_settings
from adapters.formats.json_format import JsonFormat, JsonLinesFormat
from adapters.formats.record_format import Columns, RecordFormat
from adapters.formats.settings import SUFFIXES, FormatSettings
from adapters.formats.spreadsheet_detection import spreadsheet_settings
from adapters.formats.spreadsheet_format import ZIP, SpreadsheetFormat
from adapters.formats.xml_detection import xml_settings
from adapters.formats.xml_format import XmlFormat

_OLD_OFFICE: Final = b"\xd0\xcf\x11\xe0"
_BLANK: Final = b" \t\r\n"


def detect(content: bytes, name: str) -> Detected:
    """Find the format of a sample file.

    Args:
        content: the file.
        name: its name. Its ending must be one of the format, because the adapter takes only files
            with these endings.

    Raises:
        MappingError: the format cannot be told; the fix says what to export instead.
    """
    stream = io.BytesIO(content)
    check_size(stream)
    if content.startswith(_OLD_OFFICE):
        raise MappingError(
            "the file is in an old or encrypted format of an office program",
            code="file_malformed",
            fix="Save it without a password as .xlsx or .ods, or as CSV in UTF-8.",
        )
    if content.startswith(ZIP):
        return _with_ending(_spreadsheet(content), name)
    check_wide(stream)
    return _with_ending(_kind_of(content.removeprefix(UTF8_BOM).lstrip(_BLANK))(content), name)


def _with_ending(found: Detected, name: str) -> Detected:
    """Tell if the name of the sample has an ending that the adapter does not take."""
    endings = SUFFIXES[found.settings.type]
    if name.lower().endswith(endings):
        return found
    note = f"the adapter takes only files whose names end with {' or '.join(endings)}"
    return replace(found, notes=(*found.notes, note))


def _kind_of(start: bytes) -> Callable[[bytes], Detected]:
    if start.startswith((b"{", b"[")):
        return _json
    if start.startswith(b"<"):
        return _xml
    return _delimited


def _delimited(content: bytes) -> Detected:
    settings, header, notes = delimited_settings(content)
    columns = Columns(header, multiline=frozenset(header))
    return _detected(DelimitedFormat(settings), content, settings, columns, notes)


def _json(content: bytes) -> Detected:
    settings, columns, notes = json_settings(content)
    form = JsonLinesFormat(settings) if settings.type == "jsonl" else JsonFormat(settings)
    return _detected(form, content, settings, columns, notes)


def _spreadsheet(content: bytes) -> Detected:
    settings, columns, notes = spreadsheet_settings(content)
    return _detected(SpreadsheetFormat(settings), content, settings, columns, notes)


def _xml(content: bytes) -> Detected:
    settings, columns, notes = xml_settings(content)
    return _detected(XmlFormat(settings), content, settings, columns, notes)


def _detected(
    form: RecordFormat,
    content: bytes,
    settings: FormatSettings,
    columns: Columns,
    notes: list[str],
) -> Detected:
    """Read the first records with the settings that were detected."""
    rows: list[Row] = []
    refused: list[Rejected] = []
    for item in islice(form.read(content, columns), SAMPLE_ROWS):
        if isinstance(item, Row):
            rows.append(item)
        else:
            refused.append(item)
    if refused:
        first = refused[0]
        notes.append(
            f"{len(refused)} of the first {SAMPLE_ROWS} records cannot be read; the first one is "
            f"in line {first.line}: {first.error.detail}"
        )
    return Detected(settings, tuple(columns.known), tuple(rows), tuple(notes), len(refused))
