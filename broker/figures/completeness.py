"""Reasons for which a table of a quarter is too early to publish (docs/spec/figures.md)."""

from __future__ import annotations

from enum import StrEnum


class Shortfall(StrEnum):
    """Reason for which the tables of a quarter are incomplete."""

    RUNNING = "quarter_running"
    MISSING = "agencies_missing"
    EMPTY = "nothing_counted"


def shortfalls(*, ended: bool, missing: int, counted: int) -> tuple[Shortfall, ...]:
    """Return what the figures of a quarter lack; empty if they are complete.

    Args:
        ended: whether the quarter has ended.
        missing: number of agencies of the agreement that are not counted.
        counted: number of cases, or of referrals.
    """
    lacks = {
        Shortfall.RUNNING: not ended,
        Shortfall.MISSING: missing > 0,
        Shortfall.EMPTY: counted == 0,
    }
    return tuple(one for one, is_lacking in lacks.items() if is_lacking)
