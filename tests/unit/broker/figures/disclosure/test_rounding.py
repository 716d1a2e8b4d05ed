"""Rounding to a base, and the counts that a rounded one allows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.figures.disclosure.rounding import rounded, rounding_interval


@pytest.mark.parametrize(
    ("count", "base", "shown"), [(12, 5, 10), (13, 5, 15), (5, 10, 10), (4, 10, 0), (7, 1, 7)]
)
def test_a_count_is_rounded_to_the_nearest_multiple_and_half_up(
    count: int, base: int, shown: int
) -> None:
    assert rounded(count, base) == shown


@given(count=st.integers(0, 1000), base=st.integers(1, 100))
def test_the_interval_has_all_counts_with_the_same_figure_and_no_other(
    count: int, base: int
) -> None:
    low, high = rounding_interval(rounded(count, base), base)
    assert low <= count <= high
    around = range(max(0, count - 2 * base), count + 2 * base + 1)
    assert [one for one in around if rounded(one, base) == rounded(count, base)] == [
        one for one in around if low <= one <= high
    ]
