"""Words of a trouble: UK time with the zone, numbers with their nouns."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from broker.operations.health.trouble import in_days, since
from contracts.durations import DAY_MS, HOUR_MS


def ms(*at: int) -> int:
    return int(datetime(*at, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("then", "now", "expected"),
    [
        (ms(2026, 11, 24, 8, 41), ms(2026, 11, 24, 9), "since 08:41 GMT"),
        (ms(2026, 7, 1, 8, 41), ms(2026, 7, 1, 9), "since 09:41 BST"),
        (ms(2026, 11, 23, 8, 41), ms(2026, 11, 24, 9), "since 08:41 GMT on 23 November"),
        (ms(2025, 12, 31, 8), ms(2026, 1, 1, 9), "since 08:00 GMT on 31 December 2025"),
    ],
)
def test_since(then: int, now: int, expected: str) -> None:
    assert since(then, now) == expected


def test_days() -> None:
    assert [in_days(at, 0) for at in (HOUR_MS, DAY_MS, 9 * DAY_MS, -DAY_MS)] == [
        "within a day",
        "in 1 day",
        "in 9 days",
        "1 day ago",
    ]
