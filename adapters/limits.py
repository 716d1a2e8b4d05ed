"""Limits of what is read of an agency's own exports. All are checked before the work is done.

An export is written by systems and people outside the broker, so it is not trusted to be small.
Whatever a file holds, reading it takes less than ``MAX_MEMORY_BYTES``.
"""

from __future__ import annotations

from typing import Final

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
"""Of one export. A day's export is some hundred kilobytes; more is a mistake."""
MAX_RECORD_BYTES: Final = 512 * 1024
"""Of one row, line or case. The largest event takes less."""
MAX_HEAD_BYTES: Final = 16 * 1024
"""Of a header line, or of what stands before the first case. A mapping's own has a thousand."""
MAX_PARTS: Final = 20_000
"""Values of one JSON line, or elements of one case."""
MAX_DEPTH: Final = 8
"""Values inside each other. The deepest form here has five."""
MAX_NAMES: Final = 1_000
"""Different names of elements, attributes and namespaces in one XML file."""
MAX_NAMESPACE: Final = 200
"""Characters of a namespace. The parser repeats it for each element: a long one costs time."""
MAX_TOKEN_BYTES: Final = 256 * 1024
"""Of one XML tag or comment."""
MAX_SKIPPED: Final = 100_000
"""Elements in the refused cases of one XML file. A file with more is refused as a whole."""
MAX_REFUSED: Final = 1_000
"""Refused records of one file. What comes after them is put aside unread."""
CHUNK_ROWS: Final = 200
"""Records that are taken in one transaction."""
CHUNK_BYTES: Final = 512 * 1024
"""Bytes of the file that are taken in one transaction, besides one more record."""
MAX_MEMORY_BYTES: Final = 60 * 1000 * 1000
"""What reading any file adds to the memory of an idle adapter, at most."""
