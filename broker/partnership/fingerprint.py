"""Fingerprint of an agency: twelve words that two people compare by telephone.

The fingerprint is a hash over the agency's id and both of its governance keys, so it differs for
another agency and for any other key. Where an agency has officers, it is over the pairs of all of
them. Twelve words of the BIP-39 list hold 132 bits: to find keys
with the words of another agency takes more work than breaking Ed25519 (docs/spec/entries.md,
"Fingerprint").
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

from broker.envelope.primitives import lp, sha256
from broker.errors import WrongInputError
from broker.keys.governance import Governance, OfficerKeys
from contracts.names import nearest

WORDS: Final = 12
_BITS: Final = 11
_UNIQUE_LETTERS: Final = 4
_LABEL: Final = b"concordant/1/fingerprint"
_OFFICERS_LABEL: Final = b"concordant/1/fingerprint/officers"


@cache
def word_list() -> tuple[str, ...]:
    """The 2,048 English words of BIP-39, in the order of the list."""
    return tuple((files(__package__) / "data" / "bip39-english.txt").read_text("ascii").split())


def fingerprint(agency: str, governance: Governance) -> bytes:
    """Return the fingerprint, 32 bytes.

    Args:
        agency: the agency's id.
        governance: its public governance keys.
    """
    if isinstance(governance, OfficerKeys):
        named = [part for name, pair in governance.officers for part in (name.encode(), *pair.kids)]
        needed = str(governance.needed).encode()
        return sha256(lp(_OFFICERS_LABEL, agency.encode(), needed, *named))
    return sha256(lp(_LABEL, agency.encode(), *governance.kids))


def fingerprint_words(agency: str, governance: Governance) -> tuple[str, ...]:
    """Return the first 132 bits of the fingerprint as twelve words.

    Args:
        agency: the agency's id.
        governance: its public governance keys.
    """
    words = word_list()
    bits = int.from_bytes(fingerprint(agency, governance), "big") >> (256 - WORDS * _BITS)
    shifts = range((WORDS - 1) * _BITS, -1, -_BITS)
    return tuple(words[bits >> shift & (1 << _BITS) - 1] for shift in shifts)


def read_words(text: str) -> tuple[str, ...]:
    """Parse the words that a person typed; case, commas and line ends are ignored.

    The first four letters identify a word, so a person may type only those.

    Raises:
        WrongInputError: `words_invalid`: not twelve words of the list.
    """
    typed = text.casefold().replace(",", " ").split()
    if len(typed) != WORDS:
        raise WrongInputError(
            f"A fingerprint has {WORDS} words, and {len(typed)} are given.",
            code="words_invalid",
            where="--words",
            fix="Ask the other agency to read its twelve words again, and type all of them.",
        )
    return tuple(_word(number, word) for number, word in enumerate(typed, 1))


def _word(number: int, typed: str) -> str:
    words = word_list()
    if typed in words:
        return typed
    begun = [word for word in words if word.startswith(typed)]
    if len(typed) >= _UNIQUE_LETTERS and len(begun) == 1:
        return begun[0]
    alike = nearest(typed, words)
    raise WrongInputError(
        f"Word {number} is not in the list of words.",
        code="words_invalid",
        where="--words",
        fix="Ask the other agency to spell it."
        + (f" Perhaps it is {' or '.join(alike)}." if alike else ""),
    )
