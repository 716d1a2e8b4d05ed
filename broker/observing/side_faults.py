"""Faults of a running adapter (Kafka, source, sink, notices), for the commands that only ask.

The adapter writes what its checks say, and `status` and `doctor` read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import orjson

from broker.store.transaction import Transaction

Side: TypeAlias = Literal["kafka", "source", "sink", "notices"]
SIDES: Final[tuple[Side, ...]] = ("kafka", "source", "sink", "notices")


@dataclass(frozen=True, slots=True)
class SideFault:
    """Kafka, a source, a sink or a way of notices that cannot be used now.

    Attributes:
        side: which of them.
        code: reason code.
        since_ms: when it was first noticed.
    """

    side: Side
    code: str
    since_ms: int


def keep_fault(tx: Transaction, side: Side, code: str | None, now: int) -> None:
    """Store the present fault of a side; None if it has none. The time of an older one stays."""
    if code is None:
        tx.meta.set(_name(side), b"")
        return
    before = _read(tx, side)
    since = now if before is None else before.since_ms
    tx.meta.set(_name(side), orjson.dumps({"code": code, "since_ms": since}))


def side_faults(tx: Transaction) -> tuple[SideFault, ...]:
    """Return the faults of all sides."""
    return tuple(found for side in SIDES if (found := _read(tx, side)) is not None)


def _name(side: Side) -> str:
    return f"fault_of_{side}"


def _read(tx: Transaction, side: Side) -> SideFault | None:
    content = tx.meta.get(_name(side))
    if not content:
        return None
    document = orjson.loads(content)
    return SideFault(side, document["code"], document["since_ms"])
