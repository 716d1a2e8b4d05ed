"""Tests of tokens: their form, and that those of two periods cannot be joined without the keys."""

from __future__ import annotations

import hashlib
import hmac
import random
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.figures.unions.tokens import (
    MOST_TOKENS,
    SEEN_STEP,
    TOKEN_BYTES,
    PeriodKey,
    TokenPlace,
    TokenSets,
    format_tokens,
    parse_tokens,
)

PLACE = TokenPlace("london", "london-hate-crime", "2026-Q3")
NEXT = TokenPlace("london", "london-hate-crime", "2026-Q4")
CASES = [str(uuid.UUID(int=random.Random(7).getrandbits(128) + n)) for n in range(500)]
KEY, NEXT_KEY = PeriodKey(PLACE, b"k" * 32), PeriodKey(NEXT, b"n" * 32)
SECRET = b"s" * 32
CASE_IDS = st.lists(st.uuids().map(str), max_size=40, unique=True)


@given(CASE_IDS, CASE_IDS)
def test_tokens_are_read_as_they_were_written(minted: list[str], seen: list[str]) -> None:
    sets = TokenSets.of(KEY, minted, seen, SECRET)
    assert parse_tokens(format_tokens(sets)) == sets


@given(CASE_IDS, CASE_IDS, st.randoms())
def test_the_order_of_the_cases_and_repeats_do_not_show(
    minted: list[str], seen: list[str], rng: random.Random
) -> None:
    again = [*minted, *minted[:3]]
    rng.shuffle(again)
    first = TokenSets.of(KEY, minted, seen, SECRET)
    assert format_tokens(first) == format_tokens(TokenSets.of(KEY, again, seen, SECRET))


@given(CASE_IDS, CASE_IDS)
def test_the_number_of_seen_cases_is_hidden_in_steps(minted: list[str], seen: list[str]) -> None:
    sets = TokenSets.of(KEY, minted, seen, SECRET)
    assert len(sets.seen) == SEEN_STEP
    assert {KEY.token(case) for case in seen if case not in minted} <= sets.seen
    assert not sets.minted & sets.seen


def test_the_token_is_the_hmac_of_the_place_and_the_case() -> None:
    text = lp(b"concordant/1/union", b"london", b"london-hate-crime", b"2026-Q3", b"case")
    assert KEY.token("case") == hmac.digest(b"k" * 32, text, "sha256")[:TOKEN_BYTES]


@pytest.mark.parametrize(
    "place",
    [
        TokenPlace("leeds", PLACE.agreement, PLACE.period),
        TokenPlace(PLACE.deployment, "other", PLACE.period),
        NEXT,
    ],
)
def test_one_secret_gives_other_tokens_in_another_place(place: TokenPlace) -> None:
    other = PeriodKey(place, b"k" * 32)
    assert other.id != KEY.id
    assert not {KEY.token(case) for case in CASES} & {other.token(case) for case in CASES}


def matched(first: list[bytes], second: list[bytes]) -> int:
    """Cases that an attacker joins who pairs each token with the nearest one, by their bits."""
    numbers = [int.from_bytes(token, "big") for token in second]
    right = 0
    for at, token in enumerate(first):
        value = int.from_bytes(token, "big")
        right += min(range(len(numbers)), key=lambda n: (value ^ numbers[n]).bit_count()) == at
    return right


def test_two_periods_are_joined_no_better_than_by_chance_without_the_keys() -> None:
    first, second = ([key.token(case) for case in CASES] for key in (KEY, NEXT_KEY))
    assert not set(first) & set(second)
    by_rank = sum(
        a == b
        for a, b in zip(
            sorted(range(len(CASES)), key=first.__getitem__),
            sorted(range(len(CASES)), key=second.__getitem__),
            strict=True,
        )
    )
    # a guess at random joins one case on average; eight or more have a probability below 10^-5
    assert by_rank < 8
    assert matched(first, second) < 8
    # the attack works on tokens that have something in common
    assert matched(first, [token[:-1] + b"x" for token in first]) == len(CASES)


def test_a_list_of_case_ids_names_no_token_without_the_key() -> None:
    tokens = {KEY.token(case) for case in CASES}
    guesses = {hashlib.sha256(case.encode()).digest()[:TOKEN_BYTES] for case in CASES}
    for secret in (b"\0" * 32, KEY.id, NEXT_KEY.id, b"n" * 32):
        guesses |= {PeriodKey(PLACE, secret).token(case) for case in CASES}
    assert not tokens & guesses


def test_with_the_keys_both_periods_are_joined() -> None:
    """The keys are all that keeps periods apart, so the agency that tallies must not have them."""
    first, second = ([key.token(case) for case in CASES] for key in (KEY, NEXT_KEY))
    names = {PeriodKey(PLACE, b"k" * 32).token(case): case for case in CASES}
    again = {PeriodKey(NEXT, b"n" * 32).token(case): case for case in CASES}
    assert [names[token] for token in first] == [again[token] for token in second] == CASES


def test_a_key_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        PeriodKey(PLACE, b"k" * 31)


def test_too_many_tokens_do_not_fit() -> None:
    tokens = frozenset(n.to_bytes(TOKEN_BYTES, "big") for n in range(MOST_TOKENS))
    full = TokenSets(KEY.id, tokens - {bytes(TOKEN_BYTES)}, frozenset())
    assert full.fits
    assert not TokenSets(KEY.id, tokens, frozenset({b"\xff" * TOKEN_BYTES})).fits


def lp(*parts: bytes) -> bytes:
    framed = (len(part).to_bytes(8, "big") + part for part in parts)
    return b"".join((len(parts).to_bytes(8, "big"), *framed))


SEEN = b"".join(n.to_bytes(TOKEN_BYTES, "big") for n in range(SEEN_STEP))
MANY = b"".join((n + SEEN_STEP).to_bytes(TOKEN_BYTES, "big") for n in range(MOST_TOKENS))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        lp(KEY.id, b""),
        lp(KEY.id[1:], b"", SEEN),
        lp(KEY.id, b"", b""),
        lp(KEY.id, b"", SEEN[TOKEN_BYTES:]),
        lp(KEY.id, b"", SEEN[1:]),
        lp(KEY.id, b"b" * TOKEN_BYTES + b"a" * TOKEN_BYTES, SEEN),
        lp(KEY.id, b"a" * 2 * TOKEN_BYTES, SEEN),
        lp(KEY.id, SEEN[:TOKEN_BYTES], SEEN),
        lp(KEY.id, MANY, SEEN),
        lp(KEY.id, b"", SEEN) + b"x",
    ],
)
def test_tokens_of_another_form_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="token"):
        parse_tokens(content)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(content: bytes) -> None:
    try:
        sets = parse_tokens(content)
    except ValueError:
        return
    assert format_tokens(sets) == content
