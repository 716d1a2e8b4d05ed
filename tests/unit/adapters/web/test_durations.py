"""Lengths of time in words."""

from __future__ import annotations

import pytest

from adapters.web.durations import ago, lasting
from adapters.web.rendering import iso_time, uk_date, uk_time


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (1_000, "1 second"),
        (18_000, "18 seconds"),
        (60_000, "1 min"),
        (3_600_000, "1 h"),
        (8_880_000, "2 h 28 min"),
        (-72_420_000, "20 h 7 min"),
        (86_400_000, "1 day"),
        (108_000_000, "1 day 6 h"),
        (259_200_000 + 3_600_000, "3 days"),
    ],
)
def test_lasting(ms: int, words: str) -> None:
    assert lasting(ms) == words


def test_ago() -> None:
    assert ago(0) == "now"
    assert ago(12_000) == "12 seconds ago"


def test_times_are_those_of_the_united_kingdom() -> None:
    summer, winter = 1_782_205_920_000, 1_795_511_520_000

    assert uk_time(summer) == "23 June 2026, 10:12 BST"
    assert uk_time(winter) == "24 November 2026, 09:12 GMT"
    assert uk_date(winter) == "24 November 2026"
    assert iso_time(summer) == "2026-06-23T09:12:00Z"
