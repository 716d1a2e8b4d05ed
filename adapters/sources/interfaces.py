"""What a source is: something that hands over whole files and puts them away when they are done.

The source knows about places (a folder now; SFTP or a mailbox would be one more file), the handler
about contents. They share three values: the file, the verdict on it, and a report for the log that
names a file by its hash alone, because file names may hold names of people.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, Protocol, TypeAlias

from broker.held.reason_file import RowReason


class FileChangedError(Exception):
    """The file changed while it was read: it has not settled, and will be offered again."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A complete file. It is read in pieces, because it may be larger than the memory.

    Attributes:
        name: the name it was dropped under. May hold personal data: never log it.
        sha256: of the content, 64 hexadecimal digits; what logs call the file.
        size: bytes.
        open: makes a new reader of the content, from its first byte.
        path: where it is for now.
        check: raises FileChangedError if the content may have changed since it was offered. To be
            called after reading and before what was read takes effect.
    """

    name: str
    sha256: str
    size: int
    open: Callable[[], BinaryIO]
    path: Path
    check: Callable[[], None] = lambda: None

    @classmethod
    def of(cls, name: str, content: bytes, path: Path | None = None) -> SourceFile:
        """A file whose content is in memory."""
        return cls(
            name,
            hashlib.sha256(content).hexdigest(),
            len(content),
            lambda: io.BytesIO(content),
            path or Path(name),
        )


Piece: TypeAlias = bytes | tuple[int, int]
"""Bytes as they are, or (start, end): bytes that stand in the file."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the handler says of a file.

    Attributes:
        taken: True sends it to ``processed``, False to ``quarantine``.
        code: ``taken``, or the reason for refusing the file as a whole.
        detail: one sentence without personal values.
        rows: the rows that were not taken.
        rejected: those rows as they stood, as a file of the same form that can be corrected and
            dropped again; empty when there are none.
        rest: what was not read because too much before it was refused, as a file of the same form;
            empty when all was read.
        left_out: content of a report of what was left out, to lie beside the file; None for none.
    """

    taken: bool
    code: str = "taken"
    detail: str = "The file was taken."
    rows: tuple[RowReason, ...] = ()
    rejected: tuple[Piece, ...] = ()
    rest: tuple[Piece, ...] = ()
    left_out: bytes | None = None


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of a file, fit for a log: no name, no value.

    Attributes:
        sha256: hash of the content; empty when it was not read.
        status: ``waiting`` is left where it is and tried again.
        code: as in ``Verdict``, or the source's own (see ``folder``).
        detail: one sentence.
        rows: number of rows that were not taken.
    """

    sha256: str
    status: Literal["processed", "quarantined", "waiting"]
    code: str
    detail: str
    rows: int = 0


Handler: TypeAlias = Callable[[SourceFile], Awaitable[Verdict]]
"""Takes a file; everything it took is durable when it returns. It may be given the same file again
(after a crash, or dropped twice) and must take each row once. Raising a ConcordantError of exit
code 4 refuses the file; another one, or OSError, leaves the file for another try."""

Reporter: TypeAlias = Callable[[FileReport], None]


class Source(Protocol):
    """Watches a place for exports."""

    async def run(self, handler: Handler, stop: asyncio.Event) -> None:
        """Hand over one complete file after another until ``stop`` is set."""
