"""Tests of the times of a union."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.figures.counting import parse_period
from broker.figures.unions.timing import (
    CLOSES_MS,
    OPENS_MS,
    collected_at,
    ended_before,
    quarter_of,
)

YEARS = st.integers(
    int(datetime(2001, 1, 1, tzinfo=UTC).timestamp()) * 1000,
    int(datetime(2099, 12, 31, tzinfo=UTC).timestamp()) * 1000,
)


@given(YEARS)
def test_a_time_is_in_its_quarter_and_after_the_one_that_ended(now: int) -> None:
    quarter, before = quarter_of(now), ended_before(now)
    assert quarter.first_ms <= now < quarter.end_ms
    assert before.end_ms == quarter.first_ms


@pytest.mark.parametrize(
    ("after", "collected"),
    [(OPENS_MS - 1, False), (OPENS_MS, True), (CLOSES_MS - 1, True), (CLOSES_MS, False)],
)
def test_a_quarter_is_collected_for_three_weeks(after: int, collected: bool) -> None:
    period = parse_period("2026-Q3")
    assert collected_at(period, period.end_ms + after) is collected
