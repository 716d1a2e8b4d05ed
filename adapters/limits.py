"""Limits on reading an agency's own exports. All are checked before the work is done.

Systems and people outside the broker write exports, so a file may be of any size. Reading any file
takes less than ``MAX_MEMORY_BYTES``.
"""

from __future__ import annotations

from typing import Final

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
"""Size of one export. A day's export has some hundred kilobytes; a larger one is a mistake."""
MAX_RECORD_BYTES: Final = 512 * 1024
"""Size of one row, line or case. The largest event is smaller."""
MAX_HEAD_BYTES: Final = 16 * 1024
"""Size of a header line, or of the part before the first case. A mapping's own header has about a
thousand bytes.
"""
MAX_PARTS: Final = 20_000
"""Values of one JSON line, or elements of one case."""
MAX_ITEMS: Final = 100
"""Items of one list, in an export and in an event."""
MAX_DEPTH: Final = 8
"""Nesting depth of values. The deepest form of the shipped adapters has five levels."""
MAX_NAMES: Final = 1_000
"""Different names of elements, attributes and namespaces in one XML file."""
MAX_NAMESPACE: Final = 200
"""Characters of a namespace. The parser repeats it for each element: a long one costs time."""
MAX_TOKEN_BYTES: Final = 256 * 1024
"""Size of one XML tag or comment."""
MAX_SKIPPED: Final = 100_000
"""Elements in the refused cases of one XML file. A file with more is refused as a whole."""
MAX_REFUSED: Final = 1_000
"""Refused records of one file. The records after them are set aside unread."""
CHUNK_ROWS: Final = 200
"""Records taken in one transaction."""
CHUNK_BYTES: Final = 512 * 1024
"""Bytes of the file taken in one transaction, plus one more record."""
MAX_MEMORY_BYTES: Final = 60 * 1000 * 1000
"""Maximum memory that reading any file adds to an idle adapter."""
MAX_UNPACKED_BYTES: Final = 64 * 1024 * 1024
"""Unpacked size of the parts of a spreadsheet file that are read."""
MAX_CELLS: Final = 500_000
"""Cells with a value in one sheet."""
MAX_COLUMNS: Final = 1_000
"""Columns of a sheet."""
MAX_SHEET_TEXT_BYTES: Final = 16 * 1024 * 1024
"""Text of one sheet, which is held in memory."""
MAX_SHARED_STRINGS: Final = 300_000
"""Different texts of an XLSX file, which are held in memory."""
MAX_SHARED_BYTES: Final = 24 * 1024 * 1024
"""Memory of these texts."""
