"""File formats of agencies' exports and imports: bytes to records of own columns, and back.

The package is pure: it reads bytes or a stream and returns ``Records``. It knows no folder, no
store and no event; ``adapters.mapping`` turns records into events.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from adapters.formats.delimited_format import DelimitedFormat
from adapters.formats.detected import Detected
from adapters.formats.detection import detect
from adapters.formats.json_format import JsonFormat, JsonLinesFormat
from adapters.formats.record_format import Columns, RecordFormat
from adapters.formats.settings import FormatSettings, FormatType
from adapters.formats.spreadsheet_format import SpreadsheetFormat
from adapters.formats.xml_format import XmlFormat
from adapters.formats.xml_schema import tree

__all__ = [
    "Columns",
    "Detected",
    "FormatSettings",
    "RecordFormat",
    "check_columns",
    "detect",
    "format_of",
]

_FORMATS: Final[dict[FormatType, Callable[[FormatSettings], RecordFormat]]] = {
    "csv": DelimitedFormat,
    "json": JsonFormat,
    "jsonl": JsonLinesFormat,
    "xml": XmlFormat,
    "xlsx": SpreadsheetFormat,
    "ods": SpreadsheetFormat,
}


def check_columns(settings: FormatSettings, columns: Columns) -> None:
    """Check that the names of columns can stand in files of a format.

    Raises:
        MappingError: unknown_column: a name is no path of XML elements, or stands inside a list.
    """
    if settings.type == "xml":
        tree(columns)


def format_of(settings: FormatSettings) -> RecordFormat:
    """Return the reader and writer for the ``format:`` part of a mapping file."""
    return _FORMATS[settings.type](settings)
