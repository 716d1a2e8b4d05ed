"""Padding of a group, so that its size reveals little (docs/spec/envelope.md, "Padding").

A group's plaintext is its length, its JSON and zeros up to Padme's size (Nikitin et al., "Reducing
Metadata Leakage from Encrypted Files", PETS 2019): at most 12 % larger, and only O(log log n) bits
of the length remain visible. A minimum size hides the difference between an empty group and a small
one. It is higher for consent-bound groups, so that their size does not reveal the consent.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

LENGTH_BYTES: Final = 4
FLOOR_BYTES: Final = 256
BOUND_FLOOR_BYTES: Final = 1024
"""Minimum size of a consent-bound group in bytes."""
_LENGTH: Final = struct.Struct(">I")


class PaddingError(ValueError):
    """A plaintext has an invalid padding."""


@lru_cache(maxsize=4096)
def padded_length(content: int, floor: int = FLOOR_BYTES) -> int:
    """Return the padded length for ``content`` bytes: max(floor, Padme(4 + content)).

    Each minimum size is a length that Padme gives, so no rounding leads below one of them.
    """
    length = LENGTH_BYTES + content
    if length <= floor:
        return floor
    exponent = length.bit_length() - 1
    low_bits = exponent - exponent.bit_length()
    mask = (1 << low_bits) - 1
    return (length + mask) & ~mask


def pad(content: bytes, floor: int = FLOOR_BYTES) -> bytes:
    """Return be32 length, content, zeros."""
    size = len(content)
    return _LENGTH.pack(size) + content.ljust(padded_length(size, floor) - LENGTH_BYTES, b"\x00")


def unpad(plaintext: bytes, floors: Sequence[int] = (FLOOR_BYTES, BOUND_FLOOR_BYTES)) -> bytes:
    """Return the content, if the padding is zero and minimal for one of the minimum sizes.

    Args:
        plaintext: padded content.
        floors: minimum sizes, ascending. The contract decides which of the two of a group applies;
            step 9 checks it again.

    Raises:
        PaddingError: any other length, or a padding byte that is not zero.
    """
    length = len(plaintext)
    if length < floors[0]:
        raise PaddingError("the padding is not minimal")
    size = _LENGTH.unpack_from(plaintext)[0]
    if all(length != padded_length(size, floor) for floor in floors):
        raise PaddingError("the padding is not minimal")
    end = LENGTH_BYTES + size
    if plaintext[end:] != bytes(length - end):
        raise PaddingError("the padding is not zero")
    return plaintext[LENGTH_BYTES:end]
