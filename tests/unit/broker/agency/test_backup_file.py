"""Entries of a backup: what is written is read, and unsafe paths and lengths are refused."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import pytest

from broker.agency.backup_file import (
    MAGIC,
    PIECE_BYTES,
    BackupWriter,
    Entry,
    FileEnd,
    FileEntry,
    FolderEntry,
    Index,
    entries,
)
from broker.errors import BackupError
from broker.keys import sealed_stream
from broker.keys.sealed_stream import SealingStream, begin_opening, begin_sealing, read_header


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed_stream, "scrypt_key", lambda p, s, _cost: (p + s)[:32].ljust(32))


def read(write: Callable[[BackupWriter, SealingStream], None]) -> list[Entry]:
    file = io.BytesIO()
    stream = begin_sealing(file, MAGIC, {}, b"p")
    write(BackupWriter(stream), stream)
    file.seek(0)
    return list(entries(begin_opening(file, read_header(file, MAGIC), b"p")))


def refusal(write: Callable[[BackupWriter, SealingStream], None]) -> str:
    with pytest.raises(BackupError) as caught:
        read(write)
    return caught.value.code


def test_folders_files_and_the_index_are_read_as_they_were_written() -> None:
    def write(writer: BackupWriter, _: SealingStream) -> None:
        writer.folder(FolderEntry(b"import", 0o2770))
        writer.begin(FileEntry(b"import/\xff x.csv", 0o640, 7, 8))
        writer.data(b"a" * PIECE_BYTES)
        writer.data(b"b")
        writer.end(changed=True)
        writer.begin(FileEntry(b"empty", 0o4755, 1, 2))
        writer.end(changed=False)
        writer.close({"x": [1]})

    assert read(write) == [
        FolderEntry(b"import", 0o2770),
        FileEntry(b"import/\xff x.csv", 0o640, 7, 8),
        b"a" * PIECE_BYTES,
        b"b",
        FileEnd(PIECE_BYTES + 1, True),
        FileEntry(b"empty", 0o755, 1, 2),
        FileEnd(0, False),
        Index(2, PIECE_BYTES + 1, {"x": [1]}),
    ]


@pytest.mark.parametrize(
    "path",
    [b"../x", b"a/../../x", b"/etc/passwd", b"a//b", b"./a", b"a/.", b"a/", b"..", b"a\0b",
     b"x" * 256, b"/".join([b"a"] * 65), b"a/" * 3000 + b"a"],
)  # fmt: skip
def test_a_path_that_leaves_the_folder_is_refused(path: bytes) -> None:
    def a_file(writer: BackupWriter, _: SealingStream) -> None:
        writer.begin(FileEntry(path, 0o600, 0, 0))
        writer.end(changed=False)
        writer.close({})

    def a_folder(writer: BackupWriter, _: SealingStream) -> None:
        writer.folder(FolderEntry(path, 0o700))
        writer.close({})

    assert refusal(a_file) == refusal(a_folder) == "backup_malformed"


def test_a_path_that_stands_there_twice_is_refused() -> None:
    def write(writer: BackupWriter, _: SealingStream) -> None:
        writer.folder(FolderEntry(b"a", 0o700))
        writer.begin(FileEntry(b"a", 0o600, 0, 0))
        writer.end(changed=False)
        writer.close({})

    assert refusal(write) == "backup_malformed"


@pytest.mark.parametrize("kind", [b"D", b"M", b"E", b"Z", b"F", b"Q"])
def test_a_length_beyond_the_limit_is_refused_before_it_is_read(kind: bytes) -> None:
    def write(writer: BackupWriter, stream: SealingStream) -> None:
        writer.begin(FileEntry(b"a", 0o600, 0, 0))
        stream.write(struct.pack(">cI", kind, 2**32 - 1))
        stream.close()

    assert refusal(write) == "backup_malformed"


def test_a_file_without_an_end_or_an_index_that_does_not_fit_is_refused() -> None:
    def no_end(writer: BackupWriter, _: SealingStream) -> None:
        writer.begin(FileEntry(b"a", 0o600, 0, 0))
        writer.close({})

    def no_index(writer: BackupWriter, stream: SealingStream) -> None:
        writer.folder(FolderEntry(b"a", 0o700))
        stream.close()

    def other_count(writer: BackupWriter, _: SealingStream) -> None:
        writer.files = 1
        writer.close({})

    def more(writer: BackupWriter, stream: SealingStream) -> None:
        stream.close = lambda: None  # type: ignore[method-assign]
        writer.close({})
        writer.folder(FolderEntry(b"a", 0o700))
        SealingStream.close(stream)

    for write in (no_end, no_index, other_count, more):
        assert refusal(write) == "backup_malformed"
