"""Governance keys as words: the way back, and every mistyped word named by its number."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.errors import WrongInputError
from broker.partnership.fingerprint import word_list
from broker.partnership.paper_key import (
    WORDS,
    format_words,
    named_agency,
    parse_words,
    qr_text,
)

SEED = st.binary(min_size=32, max_size=32)
PAIR = (bytes(range(32)), bytes(range(32, 64)))


def refusal(words: list[str]) -> WrongInputError:
    with pytest.raises(WrongInputError) as caught:
        parse_words(" ".join(words))
    assert caught.value.code == "paper_words_invalid"
    return caught.value


@given(SEED, SEED)
@settings(deadline=None)
def test_the_way_there_and_back(first: bytes, second: bytes) -> None:
    words = format_words(first, second)
    assert len(words) == WORDS
    assert parse_words(" ".join(words)) == (first, second)


def test_the_words_of_known_keys_stay() -> None:
    """A page that was printed with an earlier version is read with a later one."""
    words = format_words(*PAIR)
    assert " ".join(words[:5] + words[-5:]) == KNOWN


KNOWN = "amount able advice core action visual side topple theory grab"


def test_a_page_is_read_as_people_type_it() -> None:
    words = format_words(*PAIR)
    numbered = "\n".join(f"{number:>2} {word.upper()}," for number, word in enumerate(words, 1))
    assert parse_words(numbered) == PAIR
    assert parse_words(" ".join(word[:4] for word in words)) == PAIR
    assert parse_words(qr_text("csu-camden", words)) == PAIR
    assert named_agency(qr_text("csu-camden", words)) == "csu-camden"
    assert named_agency(" ".join(words)) is None


@given(st.integers(0, WORDS - 1), st.integers(1, 2047), SEED)
@settings(deadline=None)
def test_one_other_word_of_the_list_is_named_by_its_number(at: int, step: int, seed: bytes) -> None:
    words, every = list(format_words(seed, PAIR[1])), word_list()
    words[at] = every[(every.index(words[at]) + step) % len(every)]
    assert refusal(words).where == f"word {at + 1}"


def test_a_word_that_is_in_no_list_is_named_with_its_likes() -> None:
    words = list(format_words(*PAIR))
    at = next(number for number, word in enumerate(words) if len(word) == 8)
    right = words[at]
    words[at] = right[:3] + "q" + right[4:]
    error = refusal(words)
    assert error.where == f"word {at + 1}"
    assert right in (error.fix or "")


def test_two_wrong_words_are_never_taken_for_one() -> None:
    chance, every = random.Random(7), word_list()
    for _ in range(300):
        words = list(format_words(*PAIR))
        for at in chance.sample(range(WORDS), 2):
            others = [word for word in chance.sample(every, 2) if word != words[at]]
            words[at] = others[0]
        where = refusal(words).where or ""
        assert where == "the words" or "exchanged" in refusal(words).detail


@pytest.mark.parametrize("at", [0, 20, WORDS - 2])
def test_neighbours_that_were_exchanged_are_named(at: int) -> None:
    words = list(format_words(*PAIR))
    assert words[at] != words[at + 1]
    words[at], words[at + 1] = words[at + 1], words[at]
    assert refusal(words).where == f"word {at + 1}"


@pytest.mark.parametrize("change", [lambda w: w[:-1], lambda w: [*w, "zoo"], lambda _: [],
                                    lambda w: w * 1000])  # fmt: skip
def test_too_few_and_too_many_words(change) -> None:  # type: ignore[no-untyped-def]
    assert refusal(change(list(format_words(*PAIR)))).where == "the words"


def test_words_of_another_form_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.partnership.paper_key._VERSION", 2)
    words = list(format_words(*PAIR))
    monkeypatch.undo()
    refusal(words)
