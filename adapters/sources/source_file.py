"""Interface of a source, which hands over complete files and moves them away when done.

The source knows about places (a folder now; SFTP or a mailbox would be one more file), the handler
about contents. They share three values: the file, the verdict on it, and a report for the log. The
report names a file only by its hash, because file names may hold names of people.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias

from broker.held.reason_file import RowReason


class FileChangedError(Exception):
    """The file changed while it was read. It has not settled and will be offered again."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A complete file. It is read in pieces, because it may be larger than the memory.

    Attributes:
        name: original file name. It may hold personal data: never log it.
        sha256: hash of the content, 64 hexadecimal digits; logs name the file by it.
        size: bytes.
        open: makes a new reader of the content, from its first byte.
        path: its present path.
        check: raises FileChangedError if the content may have changed since it was offered. Call it
            after reading, and before the result takes effect.
    """

    name: str
    sha256: str
    size: int
    open: Callable[[], BinaryIO]
    path: Path
    check: Callable[[], None] = lambda: None

    @classmethod
    def of(cls, name: str, content: bytes, path: Path | None = None) -> SourceFile:
        """Make a file from content in memory."""
        return cls(
            name,
            hashlib.sha256(content).hexdigest(),
            len(content),
            lambda: io.BytesIO(content),
            path or Path(name),
        )


Piece: TypeAlias = bytes | tuple[int, int]
"""Literal bytes, or (start, end): a range of bytes in the file."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The handler's verdict on a file.

    Attributes:
        taken: True moves it to ``processed``, False to ``quarantine``.
        code: ``taken``, or the reason for refusing the file as a whole.
        detail: one sentence without personal values.
        rows: the rows that were not taken.
        rejected: those rows as they stood, as a file of the same form that can be corrected and
            dropped again; empty when there are none.
        rest: the unread part after too many refusals, as a file of the same form; empty when all
            was read.
        left_out: content of the report of left-out fields, stored beside the file; None for none.
        source: the stream of which ``rejected`` and ``rest`` are pieces, when it is not the file:
            a spreadsheet is read through a conversion to CSV.
        suffix: ending of the files of refused and unread records; empty for that of the file.
    """

    taken: bool
    code: str = "taken"
    detail: str = "The file was taken."
    rows: tuple[RowReason, ...] = ()
    rejected: tuple[Piece, ...] = ()
    rest: tuple[Piece, ...] = ()
    left_out: bytes | None = None
    source: BinaryIO | None = None
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class FileReport:
    """Outcome of a file, fit for a log: no name, no value.

    Attributes:
        sha256: hash of the content; empty when it was not read.
        status: ``waiting`` means that it is left in place and tried again.
        code: as in ``Verdict``, or a code of the source (see ``watched_folder``).
        detail: one sentence.
        rows: number of rows that were not taken.
    """

    sha256: str
    status: Literal["processed", "quarantined", "waiting"]
    code: str
    detail: str
    rows: int = 0


Handler: TypeAlias = Callable[[SourceFile], Awaitable[Verdict]]
"""Takes a file; everything it took is durable when it returns. It may get the same file again
(after a crash, or dropped twice) and must take each row once. A ConcordantError with exit code 4
refuses the file; any other one, or OSError, leaves the file for another try.
"""

Reporter: TypeAlias = Callable[[FileReport], None]
