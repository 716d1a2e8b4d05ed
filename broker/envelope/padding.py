"""Padding of a group, so that its size tells little (docs/spec/envelope.md, "Padding").

A group's plaintext is its length, its JSON and zeros up to Padme's size (Nikitin et al., "Reducing
Metadata Leakage from Encrypted Files", PETS 2019): at most 12 % larger, and only O(log log n) bits
of the length remain visible. A floor hides the difference between an empty group and a small one;
it is higher for consent-bound groups, so that their size does not tell what consent was given.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Final

LENGTH_BYTES: Final = 4
FLOOR_BYTES: Final = 256
BOUND_FLOOR_BYTES: Final = 1024
"""Of a consent-bound group."""
_LENGTH: Final = struct.Struct(">I")


class PaddingError(ValueError):
    """A plaintext is not padded in the one way in which it may be."""


@lru_cache(maxsize=4096)
def padded_length(content: int, floor: int = FLOOR_BYTES) -> int:
    """Bytes of the padded plaintext for ``content`` bytes of JSON: max(floor, Padme(4 + content)).

    Both floors are lengths that Padme gives, so no rounding leads below one of them.
    """
    length = LENGTH_BYTES + content
    if length <= floor:
        return floor
    exponent = length.bit_length() - 1
    low_bits = exponent - exponent.bit_length()
    mask = (1 << low_bits) - 1
    return (length + mask) & ~mask


def pad(content: bytes, floor: int = FLOOR_BYTES) -> bytes:
    """be32 length, content, zeros."""
    size = len(content)
    return _LENGTH.pack(size) + content.ljust(padded_length(size, floor) - LENGTH_BYTES, b"\x00")


def unpad(plaintext: bytes) -> bytes:
    """The content, if the padding is minimal for one of the two floors, and zero.

    Which of them applies follows from the contract: step 9 looks at it again.

    Raises:
        PaddingError: any other length, or a padding byte that is not zero.
    """
    length = len(plaintext)
    if length < FLOOR_BYTES:
        raise PaddingError("the padding is not minimal")
    size = _LENGTH.unpack_from(plaintext)[0]
    if length != padded_length(size) and length != padded_length(size, BOUND_FLOOR_BYTES):
        raise PaddingError("the padding is not minimal")
    end = LENGTH_BYTES + size
    if plaintext[end:] != bytes(length - end):
        raise PaddingError("the padding is not zero")
    return plaintext[LENGTH_BYTES:end]
