"""Bounded reader of compressed files, to search them for a case.

The adapter takes no compressed file as an export, except a spreadsheet. Any other one can lie in
the agency's folders and hold a case. ZIP (including the office formats `.xlsx`, `.ods`, `.docx`),
gzip and bzip2 are read, also nested. A file that cannot be read to its end within the limits is
unsearchable: a person must search it.
"""

from __future__ import annotations

import bz2
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, Literal, TypeAlias

from adapters.limits import MAX_FILE_BYTES

__all__ = ["PackedKind", "SmallReads", "UnsearchableError", "packed_kind", "unpacked_pieces"]

PIECE_BYTES: Final = 1024 * 1024
MAX_UNPACKED_BYTES: Final = MAX_FILE_BYTES
"""Total unpacked size of one file over all levels: the maximum size of an export."""
MAX_NESTED_BYTES: Final = 16 * 1024 * 1024
"""Size of a compressed file inside another one, which is held in memory."""
MAX_NESTING: Final = 3
MAX_ENTRIES: Final = 4096
MAX_DIRECTORY_BYTES: Final = 1024 * 1024
"""Size of the list of a ZIP file's entries, which is held in memory."""
_MAGIC_BYTES: Final = 8

PackedKind: TypeAlias = Literal["zip", "gzip", "bzip2", "other"]

_KINDS: Final[tuple[tuple[bytes, PackedKind], ...]] = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"PK\x07\x08", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "other"),
    (b"\x28\xb5\x2f\xfd", "other"),  # Zstandard
    (b"7z\xbc\xaf\x27\x1c", "other"),
    (b"Rar!\x1a\x07", "other"),
    (b"MSCF\x00\x00\x00\x00", "other"),  # cabinet
    (b"%PDF-", "other"),
)
_ENCRYPTED_OFFICE: Final = "EncryptedPackage".encode("utf-16-le")
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_WITHIN_A_CELL: Final = re.compile(
    rb"</(?:\w{1,16}:)?t>\s{0,64}</(?:\w{1,16}:)?r>\s{0,64}<(?:\w{1,16}:)?r(?:\s[^<>]{0,200})?>\s{0,64}"
    rb"(?:<(?:\w{1,16}:)?rPr>.{0,600}?</(?:\w{1,16}:)?rPr>)?\s{0,64}"
    rb"<(?:\w{1,16}:)?t(?:\s[^<>]{0,100})?>"
    rb"|</?text:(?:span|a)(?:\s[^<>]{0,200})?>",
    re.DOTALL,
)
"""Markup between two differently formatted pieces of one cell."""
_CARRIED_BYTES: Final = 4096


class UnsearchableError(Exception):
    """A compressed file cannot be searched to its end. The message holds nothing of its content."""


@dataclass(slots=True)
class _Budget:
    """Number of bytes that may still be unpacked."""

    left: int = MAX_UNPACKED_BYTES

    def spend(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise UnsearchableError("it unpacks to more than may be read")


def packed_kind(stream: BinaryIO) -> PackedKind | None:
    """Return the compressed form of a file by its first bytes; None if it is not compressed.

    ``other`` is a known form that cannot be read. Afterwards the stream is at its start.
    """
    stream.seek(0)
    start = stream.read(_MAGIC_BYTES)
    kind = next((kind for magic, kind in _KINDS if start.startswith(magic)), None)
    if start == _OLE and _has(stream, _ENCRYPTED_OFFICE):
        kind = "other"
    stream.seek(0)
    return kind


def unpacked_pieces(stream: BinaryIO, kind: PackedKind) -> Iterator[bytes]:
    """Yield the content of a compressed file, and the names in it, in overlapping pieces.

    Args:
        stream: the file.
        kind: result of ``packed_kind``.

    Raises:
        UnsearchableError: it is encrypted, broken, in another form, or larger than the limits.
            Everything before that place was yielded.
    """
    try:
        yield from _pieces(stream, kind, _Budget(), MAX_NESTING)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        OverflowError,
        OSError,
    ) as error:
        raise UnsearchableError("it is broken, or locked by a password") from error


def _pieces(stream: BinaryIO, kind: PackedKind, budget: _Budget, nesting: int) -> Iterator[bytes]:
    if nesting == 0:
        raise UnsearchableError("too many compressed files inside each other")
    if kind == "zip":
        yield from _zip_pieces(stream, budget, nesting)
    elif kind == "gzip":
        with gzip.GzipFile(fileobj=stream, mode="rb") as unpacked:
            yield from _content(unpacked, budget, nesting)  # type: ignore[arg-type]
    elif kind == "bzip2":
        with bz2.BZ2File(stream, mode="rb") as unpacked:
            yield from _content(unpacked, budget, nesting)  # type: ignore[arg-type]
    else:
        raise UnsearchableError("a compressed form that is not read here")


def _zip_pieces(stream: BinaryIO, budget: _Budget, nesting: int) -> Iterator[bytes]:
    with zipfile.ZipFile(SmallReads(stream)) as archive:
        entries = archive.infolist()
        if len(entries) > MAX_ENTRIES:
            raise UnsearchableError("too many entries")
        skipped = False
        for entry in entries:
            yield entry.filename.encode("utf-8", "surrogatepass")
            if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                # the other forms would be unpacked without a limit (decompression bomb)
                skipped = True
                continue
            with archive.open(entry) as unpacked:
                yield from _content(unpacked, budget, nesting)  # type: ignore[arg-type]
    if skipped:
        raise UnsearchableError("an entry in a form that is not read here")


class SmallReads:
    """A stream that returns a bounded number of bytes at once.

    ``zipfile`` reads the list of entries in one call, with the length that the file states, before
    any code can count the entries. Several records at the end of the file can give that length.
    This limit does not depend on them.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.seek = stream.seek
        self.tell = stream.tell
        self.seekable = stream.seekable

    def read(self, count: int = -1, /) -> bytes:
        """Read at most ``MAX_DIRECTORY_BYTES``. Raises UnsearchableError if more is requested."""
        if count > MAX_DIRECTORY_BYTES:
            raise UnsearchableError("too many entries")
        return self._stream.read(MAX_DIRECTORY_BYTES if count < 0 else count)


def _content(unpacked: BinaryIO, budget: _Budget, nesting: int) -> Iterator[bytes]:
    """Yield the unpacked bytes; a nested compressed file is unpacked in turn."""
    first = unpacked.read(PIECE_BYTES)
    budget.spend(len(first))
    kind = packed_kind(io.BytesIO(first))
    if kind is not None:
        held = io.BytesIO(first)
        held.seek(0, io.SEEK_END)
        while piece := unpacked.read(PIECE_BYTES):
            budget.spend(len(piece))
            if held.tell() + len(piece) > MAX_NESTED_BYTES:
                raise UnsearchableError("a compressed file inside is too large")
            held.write(piece)
        held.seek(0)
        yield from _pieces(held, kind, budget, nesting - 1)
        return
    carried = b""
    piece = first
    while piece:
        text = carried + piece
        yield text
        if b"</" in text:
            joined = _WITHIN_A_CELL.sub(b"", text)
            if len(joined) != len(text):
                yield joined
        carried = text[-_CARRIED_BYTES:]
        piece = unpacked.read(PIECE_BYTES)
        budget.spend(len(piece))


def _has(stream: BinaryIO, wanted: bytes) -> bool:
    before = b""
    while piece := stream.read(PIECE_BYTES):
        if wanted in before + piece:
            return True
        before = piece[-len(wanted) :]
    return False
