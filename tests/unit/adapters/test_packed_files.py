"""Content of compressed files: within limits of bytes, nesting, entries and memory."""

from __future__ import annotations

import bz2
import gzip
import io
import struct
import tracemalloc
import zipfile
from contextlib import suppress

import pytest

from adapters.packed_files import (
    MAX_ENTRIES,
    MAX_NESTED_BYTES,
    MAX_UNPACKED_BYTES,
    UnsearchableError,
    packed_kind,
    unpacked_pieces,
)

MIB = 1024 * 1024
MEMORY_BYTES = 60 * 1000 * 1000


def zipped(*contents: bytes, level: int = 9) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"{number}.csv", content)
    return out.getvalue()


def many_entries(count: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(count):
            archive.writestr(f"{number}", b"")
    return out.getvalue()


def directory_elsewhere(count: int) -> bytes:
    """A list of entries of which only the records of the 64-bit form, far from the end, tell."""
    local = b"PK\x03\x04" + bytes(26)
    listed = (b"PK\x01\x02" + bytes(42)) * count
    where = struct.pack("<QQQQ", count, count, len(listed), len(local))
    at = len(local) + len(listed)
    record = b"PK\x06\x06" + struct.pack("<QHHII", 44, 45, 45, 0, 0) + where
    pointer = b"PK\x06\x07" + struct.pack("<IQI", 0, at, 1)
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, 10, 0, 0xFFFF)
    return local + listed + record + pointer + end + bytes(0xFFFF)


def directory_before_the_comment(count: int) -> bytes:
    """A list of entries whose end record lies one byte before the last 64 KiB and 22 bytes."""
    listed = (b"PK\x01\x02" + bytes(42)) * count
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, len(listed), 30, 0xFFFF)
    return b"PK\x03\x04" + bytes(26) + listed + end + bytes(0x10000)


def nested(depth: int) -> bytes:
    content = b"CRN"
    for _ in range(depth):
        content = zipped(content)
    return content


BIG = bytes(MAX_UNPACKED_BYTES + MIB)
BOMBS = {
    "zip": lambda: zipped(BIG),
    "zip of many": lambda: zipped(*[bytes(8 * MIB)] * 9),
    "gzip": lambda: gzip.compress(BIG),
    "bzip2": lambda: bz2.compress(BIG),
    "zip in gzip": lambda: gzip.compress(zipped(bytes(MAX_NESTED_BYTES), level=0)),
    "gzip in zip": lambda: zipped(gzip.compress(BIG)),
    "too deep": lambda: nested(4),
    "entries": lambda: many_entries(MAX_ENTRIES + 1),
    "a long directory": lambda: many_entries(25_000),
    "a long directory of the 64-bit form": lambda: directory_elsewhere(40_000),
    "a long directory before a comment": lambda: directory_before_the_comment(40_000),
    "a long directory in a zip": lambda: zipped(directory_elsewhere(40_000)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_unsearchable_and_takes_little_memory(name: str) -> None:
    stream = io.BytesIO(BOMBS[name]())
    kind = packed_kind(stream)
    assert kind is not None
    tracemalloc.start()
    try:
        total = 0
        with pytest.raises(UnsearchableError):  # noqa: PT012 - the pieces before it count
            for piece in unpacked_pieces(stream, kind):
                total += len(piece)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total <= 1.01 * MAX_UNPACKED_BYTES
    assert peak < (8 * MIB if "directory" in name else MEMORY_BYTES)


def test_a_file_within_the_limits_is_read_whole() -> None:
    stream = io.BytesIO(zipped(b"a" * (3 * MIB), b"CRN", nested(2)))
    kind = packed_kind(stream)
    assert kind == "zip"
    pieces = list(unpacked_pieces(stream, kind))
    assert b"CRN" in pieces
    assert pieces[-1] == b"CRN"
    assert sum(piece.count(b"a") for piece in pieces) >= 3 * MIB


def test_a_word_over_the_edge_of_a_piece_is_in_one_piece() -> None:
    text = b" " * (MIB - 4) + b"EK/2025/0042" + b" " * MIB
    stream = io.BytesIO(gzip.compress(text))
    assert any(b"EK/2025/0042" in piece for piece in unpacked_pieces(stream, "gzip"))


@pytest.mark.parametrize("content", [b"CRN,NAME\n", b"<Cases/>", b"{}", b"", b"P", b"BZ"])
def test_an_export_is_not_compressed(content: bytes) -> None:
    assert packed_kind(io.BytesIO(content)) is None


@pytest.mark.parametrize("at", range(0, 400, 7))
def test_an_altered_file_gives_content_or_is_unsearchable(at: int) -> None:
    content = bytearray(zipped(b"CRN,NAME\n" * 40, nested(2)))
    content[at % len(content)] ^= 0xFF
    stream = io.BytesIO(bytes(content))
    kind = packed_kind(stream)
    if kind is None:
        return
    with suppress(UnsearchableError):
        assert b"".join(unpacked_pieces(stream, kind))
