"""An encrypted file of any length: every alteration is refused, in bounded memory."""

from __future__ import annotations

import io
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.errors import BackupError, KeyAccessError
from broker.keys import sealed_stream
from broker.keys.sealed_stream import (
    CHUNK_BYTES,
    HEADER_LIMIT_BYTES,
    begin_opening,
    begin_sealing,
    read_header,
)

MAGIC, PASSPHRASE = b"test.stream/v1", b"quiet harbour lamp"
SIZES = (0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 2 * CHUNK_BYTES + 5)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed_stream, "scrypt_key", lambda p, s, _cost: (p + s)[:32].ljust(32))


def sealed(content: bytes) -> bytes:
    file = io.BytesIO()
    stream = begin_sealing(file, MAGIC, {"who": "a"}, PASSPHRASE)
    for at in range(0, len(content), 40_000):
        stream.write(content[at : at + 40_000])
    stream.close()
    return file.getvalue()


def opened(raw: bytes, passphrase: bytes = PASSPHRASE) -> bytes:
    file = io.BytesIO(raw)
    stream = begin_opening(file, read_header(file, MAGIC), passphrase)
    found = b""
    while piece := stream.read(1):
        found += piece + stream.read(min(1000, len(stream._open)))
    return found


def code_of(raw: bytes, passphrase: bytes = PASSPHRASE) -> str:
    with pytest.raises((BackupError, KeyAccessError)) as caught:
        opened(raw, passphrase)
    return caught.value.code


@pytest.mark.parametrize("size", SIZES)
def test_content_of_any_length_is_read_as_it_was_written(size: int) -> None:
    content = bytes(index * 7 % 251 for index in range(size))
    assert opened(sealed(content)) == content


def test_two_files_of_one_content_have_nothing_in_common() -> None:
    assert sealed(b"x" * 1000)[200:] != sealed(b"x" * 1000)[200:]


def test_another_passphrase_opens_nothing() -> None:
    assert code_of(sealed(b"content"), b"other") == "passphrase_wrong"


@pytest.mark.parametrize("size", SIZES)
def test_a_file_that_ends_early_is_refused(size: int) -> None:
    raw = sealed(bytes(size))
    for cut in {1, 16, 17, CHUNK_BYTES + 16, len(raw) // 2, len(raw) - 3}:
        if cut < len(raw):
            assert code_of(raw[:-cut]) in {"backup_altered", "backup_malformed"}


@given(st.integers(0, 10**9), st.integers(0, 7))
@settings(max_examples=60, deadline=None)
def test_every_altered_bit_is_refused(at: int, bit: int) -> None:
    raw = bytearray(sealed(bytes(CHUNK_BYTES + 100)))
    raw[at % len(raw)] ^= 1 << bit
    assert code_of(bytes(raw)) in {"backup_altered", "backup_malformed", "passphrase_wrong"}


def test_chunks_are_not_exchanged_left_out_repeated_or_added() -> None:
    content = b"".join(bytes([number]) * CHUNK_BYTES for number in range(3))
    raw = sealed(content)
    size = CHUNK_BYTES + 16
    start = len(raw) - 3 * size
    first, second, third = (raw[start + n * size : start + (n + 1) * size] for n in range(3))
    head = raw[:start]
    for chunks in (
        (second, first, third), (first, third), (first, second, second, third),
        (first, second), (first, second, third, third), (third,), (),
    ):  # fmt: skip
        assert code_of(head + b"".join(chunks)) == "backup_altered"


def test_a_chunk_of_another_file_is_refused() -> None:
    ours, other = sealed(b"a" * 100), sealed(b"b" * 100)
    assert code_of(ours[:-116] + other[-116:]) == "backup_altered"


@pytest.mark.parametrize("raw", [b"", b"test.stream/v2\n{}\n", b"PK\3\4", bytes(100)])
def test_another_file_is_no_backup(raw: bytes) -> None:
    assert code_of(raw) == "backup_malformed"


@pytest.mark.parametrize(
    "second",
    [b"{}", b"[]", b"{", b'{"kdf":"scrypt-1073741824-8-1","salt":"AAAAAAAAAAAAAAAAAAAAAA=="}',
     b'{"kdf":"scrypt-131072-8-1","salt":"AA=="}'],
)  # fmt: skip
def test_a_header_of_another_form_or_cost_is_refused_before_the_work(second: bytes) -> None:
    """A file cannot make this process take memory for a key derivation of its choice."""
    lines = MAGIC + b"\n" + second + b"\n"
    assert code_of(lines + sealed_stream.sha256(lines) + bytes(32)) == "backup_malformed"


def test_a_header_without_an_end_takes_no_memory() -> None:
    file = io.BytesIO(MAGIC + b"\n" + b"x" * (64 * HEADER_LIMIT_BYTES))
    tracemalloc.start()
    with pytest.raises(BackupError):
        read_header(file, MAGIC)
    assert tracemalloc.get_traced_memory()[1] < 8 * HEADER_LIMIT_BYTES
    tracemalloc.stop()


def test_memory_does_not_grow_with_the_content() -> None:
    class Sink(io.RawIOBase):
        def write(self, data: bytes) -> int:  # type: ignore[override]
            return len(data)

    stream = begin_sealing(Sink(), MAGIC, {}, PASSPHRASE)  # type: ignore[arg-type]
    tracemalloc.start()
    for _ in range(400):
        stream.write(bytes(CHUNK_BYTES))
    assert tracemalloc.get_traced_memory()[1] < 8 * CHUNK_BYTES
    tracemalloc.stop()
