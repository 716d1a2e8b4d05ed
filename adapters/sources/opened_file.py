"""Reader of a file that settled in a watched folder, as long as it does not change."""

from __future__ import annotations

import hashlib
import io
import os
from typing import Any, BinaryIO, Final

from adapters.sources.late_writes import open_for_writing
from adapters.sources.rejects import COPY_BYTES, piece_bytes
from adapters.sources.settling import FileSignature, Settled
from adapters.sources.shelving import Content
from adapters.sources.source_file import FileChangedError, Piece, Verdict

STILL_OPEN_S: Final = 60 * 60.0
"""Time for which an unchanged file waits while a writer has it open. Then it is taken as it is, and
later changes are taken later.
"""


def open_settled(entry: Settled) -> OpenedFile:
    """Open exactly the file that settled. Raises FileChangedError, OSError."""
    try:
        # O_NOFOLLOW against a swapped link (race); O_NONBLOCK against a pipe that blocks.
        handle = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise FileChangedError from None
    content = OpenedFile(handle, entry.signature)
    try:
        content.check()
    except FileChangedError:
        os.close(handle)
        raise
    return content


class OpenedFile:
    """Bytes of exactly the file that settled, as long as it does not change."""

    def __init__(self, handle: int, signature: FileSignature) -> None:
        self._handle = handle
        self._signature = signature

    def __enter__(self) -> OpenedFile:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)

    def open(self) -> io.BufferedReader:
        """Open a new reader with its own position."""
        return io.BufferedReader(_Window(self._handle, self._signature.size), COPY_BYTES)

    def check(self) -> None:
        """Raise FileChangedError if the file changed."""
        if FileSignature.of(os.fstat(self._handle)) != self._signature:
            raise FileChangedError

    def not_now(self, rest_s: float) -> Verdict | None:
        """Return why an unchanged file is not taken now, or None.

        Args:
            rest_s: seconds since its last change.
        """
        if os.fstat(self._handle).st_nlink > 1:
            return Verdict(
                False, "hard_link", "It has a second name (hard link), so it is left in place."
            )
        if rest_s < STILL_OPEN_S and open_for_writing(self._handle):
            return Verdict(
                False,
                "still_open",
                "A program still has it open for writing, so the adapter waits.",
            )
        return None

    def sha256(self) -> str:
        """Return the hash of the whole content. Raises FileChangedError, OSError."""
        digest = hashlib.file_digest(self.open(), "sha256").hexdigest()
        self.check()
        return digest

    def of(self, pieces: tuple[Piece, ...], source: BinaryIO | None = None) -> Content:
        """Return pieces of the file, or of its conversion, for a report beside it."""
        return lambda: piece_bytes(pieces, self.open() if source is None else source)


class _Window(io.RawIOBase):
    """Reader of a file descriptor that does not move the descriptor's own position."""

    def __init__(self, handle: int, size: int) -> None:
        super().__init__()
        self._handle = handle
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        with memoryview(buffer) as view:
            wanted = max(0, min(len(view), self._size - self._at))
            count = os.preadv(self._handle, [view[:wanted]], self._at) if wanted else 0
        self._at += count
        return count
