"""Persistent counts of events that need a person, kept in the state database over restarts.

A counter that begins at 0 with each process hides what happens between a start and the first
scrape: it has the same value before and after. These counters continue where the last process
stopped, and `concordant status` reads the same record.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import orjson

from broker.store.transaction import Transaction

NAME: Final = "tallies"
"""Name under which the record is stored."""
MAX_ENTRIES: Final = 2048
"""Maximum number of entries.

Codes, steps and parties are limited, but an agency's own adapter may add codes.
"""

Kind = Literal["alarm", "item", "notice", "record", "relay"]
_KINDS: Final = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Tally:
    """Count of one kind of event.

    Attributes:
        kind: `alarm`, `item` (of the agency's own export), `notice` (to a sender, not sent),
            `record` (from Kafka) or `relay` (a round that did not send the waiting events).
        code: the reason.
        about: for an alarm the agency, for a record the step, else empty.
        count: number of occurrences.
        last_ms: time of the last one; milliseconds since the epoch.
    """

    kind: Kind
    code: str
    about: str
    count: int
    last_ms: int


class Tallies:
    """Counts of one adapter process; every method may be called from any thread."""

    def __init__(self) -> None:
        self._counts: dict[tuple[Kind, str, str], tuple[int, int]] = {}
        self._awaited: dict[str, int] = {}
        self._new: set[tuple[Kind, str, str]] = set()
        self._changed = False
        self._lock = threading.Lock()

    def add(self, kind: Kind, code: str, about: str = "") -> None:
        """Add one occurrence."""
        with self._lock:
            key = (kind, code, about)
            if key not in self._counts and len(self._counts) >= MAX_ENTRIES:
                return
            count, last = self._counts.get(key, (0, 0))
            self._counts[key] = (count + 1, last)
            self._new.add(key)
            self._changed = True

    def awaited(self, agencies: Iterable[str], now: int) -> Mapping[str, int]:
        """Return since when the first heartbeat of each agency is expected.

        Others are forgotten.
        """
        with self._lock:
            kept = {agency: self._awaited.get(agency, now) for agency in agencies}
            if kept != self._awaited:
                self._awaited, self._changed = kept, True
            return dict(kept)

    @property
    def changed(self) -> bool:
        """Return whether `keep` has something to write."""
        return self._changed

    def keep(self, tx: Transaction, now: int) -> None:
        """Write everything; occurrences since the last write get the time `now`."""
        with self._lock:
            for key in self._new:
                self._counts[key] = (self._counts[key][0], now)
            self._new.clear()
            self._changed = False
            counts = [[*key, *value] for key, value in sorted(self._counts.items())]
            awaited = dict(self._awaited)
        tx.meta.set(NAME, orjson.dumps({"counts": counts, "awaited": awaited}))

    def restore(self, tx: Transaction) -> tuple[Tally, ...]:
        """Continue where the last process stopped. Returns its counts."""
        found = tuple(kept(tx))
        with self._lock:
            for one in found:
                self._counts[one.kind, one.code, one.about] = (one.count, one.last_ms)
            self._awaited = kept_awaited(tx)
        return found


def kept(tx: Transaction) -> Iterator[Tally]:
    """Return the adapter's counts, as it last wrote them."""
    for kind, code, about, count, last_ms in _document(tx)["counts"]:
        if kind in _KINDS:
            yield Tally(kind, code, about, count, last_ms)


def kept_awaited(tx: Transaction) -> dict[str, int]:
    """Return since when the first heartbeat of each party is expected."""
    return dict(_document(tx)["awaited"])


def _document(tx: Transaction) -> Mapping[str, Any]:
    value = tx.meta.get(NAME)
    return {"counts": [], "awaited": {}} if value is None else orjson.loads(value)
