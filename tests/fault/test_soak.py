"""A soak names the adapters whose memory grew, and no other."""

from __future__ import annotations

from tests.fault.soak import GROWTH_MB, ROUNDS_TO_COMPARE, grown, thirds


def test_memory_that_grows_with_the_time_is_named() -> None:
    leaking = [100.0 + GROWTH_MB * number / 3 for number in range(ROUNDS_TO_COMPARE)]
    assert [line.partition(":")[0] for line in grown({"leaks": leaking})] == ["leaks"]


def test_memory_that_goes_up_and_down_is_not_named() -> None:
    seen = [100.0 + (number % 2) * GROWTH_MB for number in range(ROUNDS_TO_COMPARE)]
    assert grown({"steady": seen}) == []


def test_few_rounds_are_not_judged() -> None:
    assert grown({"young": [50.0, 200.0]}) == []


def test_the_first_and_the_last_third_are_compared() -> None:
    assert thirds([1.0, 1.0, 1.0, 9.0, 9.0, 9.0, 5.0, 5.0, 5.0]) == (1.0, 5.0)
    assert thirds([]) == (0.0, 0.0)
