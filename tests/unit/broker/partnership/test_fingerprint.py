"""The fingerprint of an agency in words."""

from __future__ import annotations

import hashlib
import struct
from importlib.resources import files

import pytest

from broker.errors import WrongInputError
from broker.keys.governance import GovernancePublic
from broker.partnership.fingerprint import fingerprint, fingerprint_words, read_words, word_list

KEYS = GovernancePublic(bytes(range(32)), bytes(i % 251 for i in range(1952)))


def lp(*parts: bytes) -> bytes:
    return struct.pack(">Q", len(parts)) + b"".join(
        struct.pack(">Q", len(part)) + part for part in parts
    )


def kid(algorithm: bytes, public: bytes) -> bytes:
    return hashlib.sha256(lp(b"concordant/1/kid", b"governance", algorithm, public)).digest()


def test_the_word_list_is_the_published_one() -> None:
    raw = (files("broker.partnership") / "data" / "bip39-english.txt").read_bytes()
    assert hashlib.sha256(raw).hexdigest() == (
        "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"
    )
    assert len({word[:4] for word in word_list()}) == len(word_list()) == 2048


def test_the_fingerprint_is_what_the_specification_says() -> None:
    kids = (kid(b"ed25519", KEYS.ed25519), kid(b"ml-dsa-65", KEYS.ml_dsa_65))
    expected = hashlib.sha256(lp(b"concordant/1/fingerprint", b"csu-camden", *kids)).digest()
    assert fingerprint("csu-camden", KEYS) == expected
    bits = "".join(f"{byte:08b}" for byte in expected)
    words = [word_list()[int(bits[at : at + 11], 2)] for at in range(0, 132, 11)]
    assert list(fingerprint_words("csu-camden", KEYS)) == words


def test_the_example_of_the_specification() -> None:
    assert " ".join(fingerprint_words("csu-camden", KEYS)) == EXAMPLE


EXAMPLE = "fatal solution fetch photo reform brown jungle scare scorpion rich exhaust trigger"
"""docs/spec/entries.md"""


def test_another_agency_and_another_key_have_other_words() -> None:
    words = fingerprint_words("csu-camden", KEYS)
    other = GovernancePublic(KEYS.ed25519, KEYS.ml_dsa_65[:-1] + b"\0")
    assert words != fingerprint_words("csu-lewisham", KEYS)
    assert words != fingerprint_words("csu-camden", other)


def test_words_are_read_as_people_type_them() -> None:
    words = fingerprint_words("csu-camden", KEYS)
    assert read_words(" ".join(words)) == words
    assert read_words(",  ".join(word.upper() for word in words) + "\n") == words
    assert read_words(" ".join(word[:4] for word in words)) == words


@pytest.mark.parametrize("text", ["", "slow", "slow " * 11, "slow " * 13, "slow " * 11 + "slowly"])
def test_text_that_is_not_a_fingerprint_is_refused(text: str) -> None:
    with pytest.raises(WrongInputError) as refused:
        read_words(text)
    assert refused.value.code == "words_invalid"
