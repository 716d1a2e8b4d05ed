"""Statements for partners that no record can hold, remembered in the state.

The content of one takes seconds to make and is mostly too large again, so it is made again after a
day. `concordant status` shows them.
"""

from __future__ import annotations

from typing import Final

from broker.control.statement_sender import last_sent
from broker.keys.instant import CLOCK_SKEW_MS
from broker.store.transaction import Transaction
from contracts.durations import DAY_MS

AGAIN_MS: Final = DAY_MS
"""Time after which the content of a statement that was too large is made again."""


def note_too_large(tx: Transaction, name: str, now: int) -> None:
    """Remember that the statement of a name (`DueStatement.name`) was too large at a time (ms)."""
    tx.meta.set(_name(name), now.to_bytes(8, "big"))


def too_large_ms(tx: Transaction, name: str, now: int) -> int | None:
    """Return when the statement of a name was too large.

    None if it never was, if one of its name was sent since, or if the clock was ahead then.
    """
    row = tx.meta.get(_name(name))
    if row is None:
        return None
    time_ms, sent = int.from_bytes(row, "big"), last_sent(tx, name, now)
    if time_ms > now + CLOCK_SKEW_MS or (sent is not None and sent.time_ms >= time_ms):
        return None
    return time_ms


def waits_as_too_large(tx: Transaction, name: str, now: int) -> bool:
    """Return whether the statement of a name was too large in the last day."""
    time_ms = too_large_ms(tx, name, now)
    return time_ms is not None and now - time_ms < AGAIN_MS


def _name(name: str) -> str:
    return f"too-large/{name}"
