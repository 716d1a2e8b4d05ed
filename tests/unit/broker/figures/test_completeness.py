"""Reasons for which a table of a quarter is too early."""

from __future__ import annotations

import pytest

from broker.figures.completeness import Shortfall, shortfalls


def test_an_ended_quarter_with_all_agencies_and_a_case_is_complete() -> None:
    assert shortfalls(ended=True, missing=0, counted=1) == ()


@pytest.mark.parametrize(
    ("ended", "missing", "counted", "reason"),
    [
        (False, 0, 1, Shortfall.RUNNING),
        (True, 1, 1, Shortfall.MISSING),
        (True, 0, 0, Shortfall.EMPTY),
    ],
)
def test_each_reason_alone_makes_a_table_incomplete(
    ended: bool, missing: int, counted: int, reason: Shortfall
) -> None:
    assert shortfalls(ended=ended, missing=missing, counted=counted) == (reason,)
