"""Keys and tokens of unions that an agency holds, and when they are destroyed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from broker.figures.counting import parse_period
from broker.figures.unions.timing import CLOSES_MS, TALLY_MS
from broker.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class HeldPart:
    """Keys or tokens of a quarter.

    Attributes:
        part: `key` or `tokens`.
        agencies: number of agencies that made them.
        destroyed_by_ms: time at which a running adapter destroys them at the latest.
    """

    agreement: str
    period: str
    part: str
    agencies: int
    destroyed_by_ms: int


def held_parts(tx: Transaction) -> tuple[HeldPart, ...]:
    """Return the keys and tokens that are held."""
    after_ms = {"key": CLOSES_MS, "tokens": TALLY_MS}
    held = Counter((one.agreement, one.period, one.part) for one in tx.unions.held())
    return tuple(
        HeldPart(agreement, period, part, number, parse_period(period).end_ms + after_ms[part])
        for (agreement, period, part), number in held.items()
        if part in after_ms
    )
