"""Times of a union: when keys and tokens of a quarter are made, tallied and destroyed."""

from __future__ import annotations

from typing import Final

from broker.figures.counting import Period, quarter_of
from contracts.durations import DAY_MS

__all__ = [
    "CLOSES_MS", "MAKER_PAUSE_MS", "OPENS_MS", "TALLY_MS", "collected_at", "ended_before",
]  # fmt: skip

OPENS_MS: Final = 7 * DAY_MS
"""Time after the end of a quarter at which its first key is made; late events arrive before."""
CLOSES_MS: Final = 28 * DAY_MS
"""Time after the end of a quarter at which keys and ids of cases are destroyed."""
TALLY_MS: Final = CLOSES_MS + DAY_MS
"""Time after the end of a quarter at which the tokens that are there are tallied."""
MAKER_PAUSE_MS: Final = DAY_MS
"""Time that a contributor waits for the key of each contributor before it in order."""


def ended_before(now: int) -> Period:
    """Return the last quarter that has ended."""
    return quarter_of(now, 1)


def collected_at(period: Period, now: int) -> bool:
    """Return whether keys and tokens of a quarter are made and sent now."""
    return OPENS_MS <= now - period.end_ms < CLOSES_MS
