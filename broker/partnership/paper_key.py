"""Governance keys as words on paper: 50 words of the BIP-39 list, three of them check words.

The two private keys are 512 bits. With five bits for the version of this form they are 47 words of
11 bits. Three check words make a Reed-Solomon code over the 2,048 words, as symbols of GF(2^11)
with the polynomial x^11 + x^2 + 1: the word at place i, counted from the end and from 0, is the
coefficient of x^i, and the polynomial of all 50 is zero at a^0, a^1 and a^2, where a = x. So one
wrong word is found with its place, and two wrong words are found as such. Nothing is corrected: the
person looks at the paper again. Two neighbours that were exchanged are found by trying.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Final

from broker.envelope.primitives import SEED_BYTES
from broker.errors import WrongInputError
from broker.partnership.fingerprint import word_list
from contracts.names import nearest

DATA_WORDS: Final = 47
CHECK_WORDS: Final = 3
WORDS: Final = DATA_WORDS + CHECK_WORDS
_BITS: Final = 11
_ORDER: Final = 2**_BITS - 1
_POLYNOMIAL: Final = 0b1000_0000_0101
_VERSION: Final = 1
_UNIQUE_LETTERS: Final = 4
_PREFIX: Final = re.compile(r"\A\s*concordant governance ([a-z0-9.-]{1,63}):", re.IGNORECASE)


def format_words(ed25519: bytes, ml_dsa_65: bytes) -> tuple[str, ...]:
    """Return the words of a pair of private keys.

    Args:
        ed25519: 32 bytes.
        ml_dsa_65: 32 bytes.
    """
    number = _VERSION << 2 * SEED_BYTES * 8 | int.from_bytes(ed25519 + ml_dsa_65, "big")
    shifts = range((DATA_WORDS - 1) * _BITS, -1, -_BITS)
    data = [number >> shift & _ORDER for shift in shifts]
    words = word_list()
    return tuple(words[symbol] for symbol in (*data, *_check_symbols(data)))


def qr_text(agency: str, words: Sequence[str]) -> str:
    """Return the text of the QR code; `parse_words` takes it as it is scanned."""
    return f"concordant governance {agency}: {' '.join(words)}"


def named_agency(text: str) -> str | None:
    """Return the agency that a scanned text names; None for words alone."""
    found = _PREFIX.match(text)
    return None if found is None else found[1].casefold()


def parse_words(text: str) -> tuple[bytes, bytes]:
    """Return the pair of private keys that words hold.

    Args:
        text: the words as they were typed or scanned. Case, commas, line ends and the numbers of
            the page are ignored; the first four letters identify a word.

    Raises:
        WrongInputError: `words_invalid`; names the wrong word by its number if one is wrong.
    """
    typed = re.findall(r"[a-z]+", _PREFIX.sub("", text).casefold())
    symbols = [_symbol(number, word) for number, word in enumerate(typed[: WORDS + 1], 1)]
    if len(typed) != WORDS:
        raise _invalid(
            f"The page has {WORDS} words, and {len(typed)} are given.",
            None,
            "Compare them with the page row by row.",
        )
    _require_sound(symbols)
    number = 0
    for symbol in symbols[:DATA_WORDS]:
        number = number << _BITS | symbol
    if number >> 2 * SEED_BYTES * 8 != _VERSION:
        raise _invalid("These words are of a form that this version does not know.", None, "")
    keys = (number & ((1 << 2 * SEED_BYTES * 8) - 1)).to_bytes(2 * SEED_BYTES, "big")
    return keys[:SEED_BYTES], keys[SEED_BYTES:]


def _symbol(number: int, typed: str) -> int:
    words = word_list()
    begun = [word for word in words if word.startswith(typed[:_UNIQUE_LETTERS])]
    if typed in words:
        return words.index(typed)
    if len(typed) >= _UNIQUE_LETTERS and len(begun) == 1 and begun[0].startswith(typed):
        return words.index(begun[0])
    alike = nearest(typed, words)
    meant = f" Perhaps it is {' or '.join(alike)}." if alike else ""
    raise _invalid(
        f"Word {number} is not in the list of words.", number, f"Compare it with the page.{meant}"
    )


def _require_sound(symbols: list[int]) -> None:
    """Check the code; name one wrong word, or two neighbours that were exchanged."""
    first, second, third = _syndromes(symbols)
    if not (first or second or third):
        return
    if first and second and third:
        place = (_logarithm(second) - _logarithm(first)) % _ORDER
        same = (_logarithm(third) - _logarithm(second)) % _ORDER
        if place == same and place < WORDS:
            number = WORDS - place
            raise _invalid(
                f"Word {number} is another word on the page.", number, "Compare it with the page."
            )
    for at in range(WORDS - 1):
        exchanged = [*symbols[:at], symbols[at + 1], symbols[at], *symbols[at + 2 :]]
        if not any(_syndromes(exchanged)):
            raise _invalid(
                f"The words {at + 1} and {at + 2} are exchanged.", at + 1, "Exchange them."
            )
    raise _invalid(
        "At least two words are not those of the page.",
        None,
        "Compare them with the page row by row.",
    )


def _invalid(detail: str, number: int | None, fix: str) -> WrongInputError:
    where = "the words" if number is None else f"word {number}"
    return WrongInputError(detail, code="paper_words_invalid", where=where, fix=fix or None)


# --- GF(2^11) ------------------------------------------------------------------------------------


@cache
def _tables() -> tuple[tuple[int, ...], dict[int, int]]:
    """Return the powers of the generator, and their logarithms."""
    powers, value = [], 1
    for _ in range(_ORDER):
        powers.append(value)
        value <<= 1
        if value > _ORDER:
            value ^= _POLYNOMIAL
    return tuple(powers), {power: exponent for exponent, power in enumerate(powers)}


def _logarithm(value: int) -> int:
    return _tables()[1][value]


def _product(first: int, second: int) -> int:
    if not first or not second:
        return 0
    return _tables()[0][(_logarithm(first) + _logarithm(second)) % _ORDER]


def _syndromes(symbols: Sequence[int]) -> tuple[int, int, int]:
    """Return the polynomial's values at a^0, a^1 and a^2; all zero for sound words."""
    found = []
    for power in range(CHECK_WORDS):
        value = 0
        for symbol in symbols:  # Horner's rule, from the highest coefficient
            value = _product(value, _tables()[0][power]) ^ symbol
        found.append(value)
    return found[0], found[1], found[2]


def _check_symbols(data: Sequence[int]) -> list[int]:
    """Return the remainder of data * x^3 by the generator (x - 1)(x - a)(x - a^2)."""
    generator = [1]
    for power in range(CHECK_WORDS):
        root = _tables()[0][power]
        shifted = [*generator, 0]
        scaled = [0, *(_product(one, root) for one in generator)]
        generator = [high ^ low for high, low in zip(shifted, scaled, strict=True)]
    rest = [*data, *([0] * CHECK_WORDS)]
    for at in range(len(data)):
        factor = rest[at]
        for offset, coefficient in enumerate(generator):
            rest[at + offset] ^= _product(factor, coefficient)
    return rest[-CHECK_WORDS:]
