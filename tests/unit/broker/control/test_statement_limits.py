"""Limits by stated time, as an agency attacks them that writes what it likes."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.control.statement_limits import INTERVALS_COUNTED, Admission, StatementLimit
from broker.errors import RefusedError

MOST = 3
MINUTE = 60_000


def many() -> RefusedError:
    return RefusedError(2, "counts_many", "too many")


def admission(
    limit: StatementLimit, minute: int, number: int, size: int = 1, sender: str = "a"
) -> Admission:
    digest = number.to_bytes(32, "big")
    return Admission(limit, sender, minute * MINUTE, digest, size, MOST, many)


def take(one: Admission) -> str:
    """Take a statement as a reader does; returns the code of its refusal, or nothing."""
    try:
        one.require()
    except RefusedError as refusal:
        return refusal.code
    one.count()
    return ""


def fails() -> None:
    raise RefusedError(1, "counts_malformed", "wrong")


def test_alternating_between_two_minutes_does_not_reset_the_limit() -> None:
    limit = StatementLimit()
    taken = [take(admission(limit, number % 2, number)) for number in range(40)]
    assert taken.count("") == 2 * MOST


@given(st.lists(st.integers(0, 3 * INTERVALS_COUNTED), max_size=400))
def test_no_order_of_minutes_brings_a_minute_above_its_limit(minutes: list[int]) -> None:
    """Also if the sender returns to a minute that is no longer counted."""
    limit, counted = StatementLimit(), Counter[int]()
    for number, minute in enumerate(minutes):
        if not take(admission(limit, minute, number)):
            counted[minute] += 1
    assert max(counted.values(), default=0) <= MOST


def test_an_old_minute_has_no_room_when_newer_ones_are_counted() -> None:
    limit = StatementLimit()
    for minute in range(1, INTERVALS_COUNTED + 2):
        assert not take(admission(limit, minute, minute))
    assert take(admission(limit, 1, 1)) == "counts_many"
    assert take(admission(limit, 0, 2)) == "counts_many"
    assert not take(admission(limit, 2, 3))
    assert not take(admission(limit, 0, 2, sender="another"))


def test_sizes_add_up_and_one_that_is_too_large_is_refused() -> None:
    limit = StatementLimit()
    assert take(admission(limit, 1, 1, size=MOST + 1)) == "counts_many"
    assert not take(admission(limit, 1, 2, size=MOST - 1))
    assert take(admission(limit, 1, 3, size=2)) == "counts_many"
    assert not take(admission(limit, 1, 4))


def test_a_repeat_counts_once_and_its_refusal_is_remembered() -> None:
    limit = StatementLimit()
    first = partial(admission, limit, 1, 1)
    assert not take(first())
    with pytest.raises(RefusedError), first().judged():
        fails()
    assert [take(first()) for _ in range(50)] == ["counts_malformed"] * 50
    limit.forget_refusals()
    assert [take(first()) for _ in range(50)] == [""] * 50
    assert [take(admission(limit, 1, number)) for number in (2, 3, 4)] == ["", "", "counts_many"]


def test_an_uncounted_statement_is_not_remembered() -> None:
    """Its author was not verified, so its sender could fill the memory with it."""
    limit = StatementLimit()
    with pytest.raises(RefusedError), admission(limit, 1, 1).judged():
        fails()
    assert not take(admission(limit, 1, 1))


def test_statements_are_recognised_in_the_newest_minutes_only() -> None:
    limit = StatementLimit(recognised=2)
    for minute in (1, 2, 3):
        take(admission(limit, minute, minute))
    assert [admission(limit, minute, minute).counted for minute in (1, 2, 3)] == [
        False, True, True,
    ]  # fmt: skip
