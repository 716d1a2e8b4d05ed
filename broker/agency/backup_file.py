"""Entries of a backup: folders and files in a sealed stream, and an index at the end.

An entry is a length, a letter and its content. Nothing is compressed, so an entry never becomes
larger than the file that holds it (no decompression bomb). Each length is limited before it is
read. A path that leaves the folder, or that stands there twice, is refused (path traversal).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Final

import orjson

from broker.envelope.primitives import HASH_BYTES, sha256
from broker.errors import BackupError
from broker.keys.sealed_stream import OpeningStream, SealingStream
from broker.strict_json import parse_strict_json

MAGIC: Final = b"concordant.backup/v1"
PIECE_BYTES: Final = 64 * 1024
ENTRIES_LIMIT: Final = 1_000_000
"""Maximum number of files and folders of a backup."""
INDEX_LIMIT_BYTES: Final = 256 * 1024
_PATH_BYTES, _NAME_BYTES, _DEPTH = 4096, 255, 64
_FOLDER, _FILE, _DATA, _END, _INDEX = b"F", b"M", b"D", b"E", b"Z"
_FRAME: Final = struct.Struct(">cI")
_ABOUT: Final = struct.Struct(">IQQ")
_ENDED: Final = struct.Struct(f">Q{HASH_BYTES}s?")


@dataclass(frozen=True, slots=True)
class FolderEntry:
    """A folder: path and permissions."""

    path: bytes
    mode: int


@dataclass(frozen=True, slots=True)
class FileEntry:
    """The beginning of a file.

    Attributes:
        path: relative to the agency's folder, with `/`.
        mode: permissions.
        modified_ns: time of the last change of its content.
        placed_ms: time since which it is in its folder under its name.
    """

    path: bytes
    mode: int
    modified_ns: int
    placed_ms: int


@dataclass(frozen=True, slots=True)
class FileEnd:
    """The end of a file; its hash was compared.

    Attributes:
        size: its bytes.
        changed: whether it changed while it was copied, so that the copy is of no moment.
    """

    size: int
    changed: bool


@dataclass(frozen=True, slots=True)
class Index:
    """The end of a backup.

    Attributes:
        files: number of files.
        size: their bytes.
        about: facts that the maker added.
    """

    files: int
    size: int
    about: dict[str, object]


Entry = FolderEntry | FileEntry | bytes | FileEnd | Index


class BackupWriter:
    """Writes entries to a sealed stream."""

    def __init__(self, stream: SealingStream) -> None:
        """Args: stream: where entries go."""
        self._stream = stream
        self._hash = hashlib.sha256()
        self._size = 0
        self.files = 0
        self.bytes = 0

    def folder(self, folder: FolderEntry) -> None:
        """Add a folder."""
        self._put(_FOLDER, _ABOUT.pack(folder.mode, 0, 0) + folder.path)

    def begin(self, file: FileEntry) -> None:
        """Begin a file."""
        about = _ABOUT.pack(file.mode, file.modified_ns, file.placed_ms)
        self._put(_FILE, about + file.path)
        self._hash, self._size = hashlib.sha256(), 0

    def data(self, piece: bytes) -> None:
        """Add a piece of the file, at most `PIECE_BYTES`."""
        self._hash.update(piece)
        self._size += len(piece)
        self._put(_DATA, piece)

    def end(self, *, changed: bool) -> None:
        """End the file."""
        self._put(_END, _ENDED.pack(self._size, self._hash.digest(), changed))
        self.files += 1
        self.bytes += self._size

    def close(self, about: dict[str, object]) -> None:
        """Write the index and end the stream."""
        index = {"files": self.files, "bytes": self.bytes, "about": about}
        self._put(_INDEX, orjson.dumps(index))
        self._stream.close()

    def _put(self, kind: bytes, content: bytes) -> None:
        self._stream.write(_FRAME.pack(kind, len(content)) + content)


def entries(stream: OpeningStream) -> Iterator[Entry]:
    """Yield the entries of a backup, each checked; the last is the index.

    Raises:
        BackupError: `backup_altered` or `backup_malformed`.
    """
    seen: set[bytes] = set()
    files = size = 0
    while True:
        kind, content = _frame(stream)
        if kind == _INDEX:
            index = _index(content)
            if (index.files, index.size) != (files, size) or stream.read(1):
                raise _malformed("its index does not fit its entries")
            yield index
            return
        if kind not in {_FOLDER, _FILE} or len(content) <= _ABOUT.size:
            raise _malformed("an entry is of no known kind")
        mode, modified_ns, placed_ms = _ABOUT.unpack_from(content)
        path = content[_ABOUT.size :]
        _require_safe(path)
        mark = sha256(path)[:16]
        if mark in seen or len(seen) >= ENTRIES_LIMIT:
            raise _malformed("a path stands there twice, or there are too many entries")
        seen.add(mark)
        if kind == _FOLDER:
            yield FolderEntry(path, mode & 0o2777)  # set-group-id: files of a shared folder
            continue
        yield FileEntry(path, mode & 0o777, modified_ns, placed_ms)
        ended = yield from _content(stream)
        files, size = files + 1, size + ended


def _content(stream: OpeningStream) -> Generator[Entry, None, int]:
    """Yield the pieces of a file and its end; return its size."""
    digest, size = hashlib.sha256(), 0
    while True:
        kind, content = _frame(stream)
        if kind == _DATA:
            digest.update(content)
            size += len(content)
            yield content
        elif kind == _END and len(content) == _ENDED.size:
            stated, expected, changed = _ENDED.unpack(content)
            if (stated, expected) != (size, digest.digest()):
                raise _malformed("a file is not what its end says")
            yield FileEnd(size, changed)
            return size
        else:
            raise _malformed("a file has no end")


def _frame(stream: OpeningStream) -> tuple[bytes, bytes]:
    head = stream.read(_FRAME.size)
    if not head:
        raise _malformed("it has no index")
    kind, length = _FRAME.unpack(head)
    limit = {
        _DATA: PIECE_BYTES,
        _INDEX: INDEX_LIMIT_BYTES,
        _END: _ENDED.size,
    }.get(kind, _ABOUT.size + _PATH_BYTES)
    if length > limit:
        raise _malformed("an entry is larger than one may be")
    return kind, stream.read(length)


def _index(content: bytes) -> Index:
    try:
        document = parse_strict_json(content)
        if not isinstance(document, dict):
            raise TypeError
        files, size, about = (document[name] for name in ("files", "bytes", "about"))
    except (ValueError, TypeError, KeyError):
        raise _malformed("its index cannot be read") from None
    if not isinstance(files, int) or not isinstance(size, int) or not isinstance(about, dict):
        raise _malformed("its index cannot be read")
    return Index(files, size, about)


def _require_safe(path: bytes) -> None:
    """Refuse a path that leaves the folder, or that no file system takes."""
    parts = path.split(b"/")
    if (
        b"\0" in path
        or len(parts) > _DEPTH
        or any(part in {b"", b".", b".."} or len(part) > _NAME_BYTES for part in parts)
    ):
        raise _malformed("a path leaves the folder or is no path")


def _malformed(why: str) -> BackupError:
    return BackupError(f"The backup has another form: {why}.", code="backup_malformed")
