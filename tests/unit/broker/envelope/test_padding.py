"""Padding: the floor, Padme's sizes, and one way to pad."""

from __future__ import annotations

import math

import pytest

from broker.envelope.padding import PaddingError, pad, padded_length, unpad


def padme(length: int) -> int:
    """Nikitin et al., PETS 2019, figure 3, as they write it."""
    e = math.floor(math.log2(length))
    s = math.floor(math.log2(e)) + 1
    last_bits = e - s
    bit_mask = 2**last_bits - 1
    return (length + bit_mask) & ~bit_mask


@pytest.mark.parametrize(
    ("content", "padded"),
    [
        (0, 256),
        (2, 256),
        (251, 256),
        (252, 256),
        (253, 272),
        (268, 272),
        (269, 288),
        (508, 512),
        (509, 544),
        (1020, 1024),
        (1021, 1088),
        (4092, 4096),
        (4093, 4352),
        (9996, 10240),
        (99_996, 100_352),
        (262_140, 262_144),
        (262_141, 270_336),
    ],
)
def test_reference_sizes(content: int, padded: int) -> None:
    assert padded_length(content) == padded


def test_every_size_is_padmes_above_the_floor() -> None:
    for content in [*range(3000), *range(60_000, 60_300), *range(262_000, 262_200)]:
        assert padded_length(content) == max(256, padme(content + 4)), content


def test_padding_costs_at_most_an_eighth_above_the_floor() -> None:
    assert all(padded_length(size) <= 1.125 * (size + 4) for size in range(252, 20_000))


@pytest.mark.parametrize("size", [0, 1, 251, 252, 253, 268, 269, 1000, 100_000])
def test_a_content_is_its_length_itself_and_zeros(size: int) -> None:
    content = b"\x01" * size
    plaintext = pad(content)
    assert plaintext == size.to_bytes(4, "big") + content + bytes(padded_length(size) - 4 - size)
    assert unpad(plaintext) == content


def test_a_content_may_hold_zeros() -> None:
    for content in (bytes(300), b"a" + bytes(299), bytes(299) + b"a"):
        assert unpad(pad(content)) == content


@pytest.mark.parametrize("length", [0, 1, 3, 4, 255, 257, 272, 512])
def test_padding_is_minimal(length: int) -> None:
    plaintext = (10).to_bytes(4, "big") + b"a" * 10 + bytes(600)
    with pytest.raises(PaddingError, match="minimal"):
        unpad(plaintext[:length])


@pytest.mark.parametrize("size", [253, 257, 2**24, 2**32 - 1])
def test_a_length_beyond_the_plaintext_is_refused(size: int) -> None:
    with pytest.raises(PaddingError, match="minimal"):
        unpad(size.to_bytes(4, "big") + bytes(252))


@pytest.mark.parametrize("at", [14, 100, 255])
@pytest.mark.parametrize("byte", [1, 0x20, 0x80, 0xFF])
def test_padding_is_zero(at: int, byte: int) -> None:
    plaintext = bytearray(pad(b"a" * 10))
    plaintext[at] = byte
    with pytest.raises(PaddingError, match="zero"):
        unpad(bytes(plaintext))


def test_a_length_that_hides_content_in_the_padding_is_refused() -> None:
    plaintext = pad(b"abc")
    with pytest.raises(PaddingError, match="zero"):
        unpad((2).to_bytes(4, "big") + plaintext[4:])
