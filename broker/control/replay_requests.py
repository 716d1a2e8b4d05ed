"""Replay requests: what is published again, when, and for whom (docs/spec/receipts.md).

One request of a few hundred bytes can ask for a million records (amplification). Ranges of all
requesters are merged: records that were published again within a minute are there for everyone.
Each party has an equal share of 64 MiB a minute.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from broker.errors import RefusedError
from broker.keys.instant import CLOCK_SKEW_MS
from broker.statements.notices import Notice
from broker.tlog.checkpoint import Origin
from broker.tlog.merkle import MAX_LOG_SIZE
from broker.waiting import Wakeup
from contracts.durations import MINUTE_MS

REPLAY_BYTES_A_MINUTE: Final = 64 * 2**20
"""Bytes that are published again in a minute, for all requesters together."""
REPLAY_AGAIN_MS: Final = 60 * 1000
"""Time for which published records are not published again, for any requester."""
REQUEST_LASTS_MS: Final = 10 * MINUTE_MS
"""Maximum age of a request: Kafka's host can replay it again and again."""
RANGES_OF_A_PARTY: Final = 256
"""Maximum number of waiting ranges of one party; above it the oldest are dropped."""
GROWS_MS: Final = 10 * 1000
"""Consecutive chunks within this time are remembered as one, with the first's time."""
CHUNK: Final = 64
"""Number of records that are published at once."""


@dataclass(frozen=True, slots=True)
class Range:
    """Indices of one of this agency's logs, both included."""

    origin: Origin
    first: int
    last: int


@dataclass(slots=True)
class _Party:
    """Requests of one party: its ranges with the time of the request, and used bytes."""

    waiting: list[tuple[int, Range]] = field(default_factory=list)
    spent: int = 0


class ReplayRequests:
    """Requests that are still to be published.

    Attributes:
        asked: rings at each request.
    """

    def __init__(self) -> None:
        self.asked = Wakeup()
        self._parties: dict[str, _Party] = {}
        self._published: dict[Origin, list[tuple[int, Range]]] = {}
        self._minute = 0
        self._last = ""

    def ask(self, party: str, notice: Notice, now: int) -> int:
        """Add a recent request with a verified author who may read the topic.

        Returns:
            Number of ranges of the party that were dropped for it. The party asks for them again.
        """
        asked = self._parties.setdefault(party, _Party())
        wanted = Range(notice.origin, notice.first, notice.last)
        merged = _merged((wanted, *(held for _, held in asked.waiting)), notice.origin)
        others = [one for one in asked.waiting if one[1].origin != notice.origin]
        every = [*others, *((now, one) for one in merged)]
        asked.waiting = every[-RANGES_OF_A_PARTY:]
        self.asked.ring()
        return len(every) - len(asked.waiting)

    def next(self, now: int, parties: int) -> tuple[str, Range] | None:
        """Return the next records to publish, and the party whose share they use.

        None if none is due.

        Parties take turns. A party that has spent its share waits for the next minute.

        Args:
            now: ms.
            parties: number of parties that share the bytes of a minute.
        """
        if now // MINUTE_MS != self._minute:
            self._minute = now // MINUTE_MS
            for party in self._parties.values():
                party.spent = 0
        share = REPLAY_BYTES_A_MINUTE // max(parties, 1)
        for origin, done in list(self._published.items()):
            recent = [(at, one) for at, one in done if now - at < REPLAY_AGAIN_MS]
            self._published[origin] = recent
            if not recent:
                del self._published[origin]
        names = sorted(self._parties)
        turn = [name for name in names if name > self._last] + [
            name for name in names if name <= self._last
        ]
        for name in turn:
            party = self._parties[name]
            party.waiting = [
                (at, left)
                for at, one in party.waiting
                if now - at < REQUEST_LASTS_MS
                for left in self._unpublished(one)
            ]
            if not party.waiting:
                del self._parties[name]
            elif party.spent < share:
                self._last = name
                one = party.waiting[0][1]
                return name, replace(one, last=min(one.last, one.first + CHUNK - 1))
        return None

    def published(self, party: str, done: Range, size: int, now: int) -> None:
        """Note published records; ``size`` is deducted from the party's share."""
        before = self._published.setdefault(done.origin, [])
        if before and before[-1][1].last + 1 == done.first and now - before[-1][0] < GROWS_MS:
            before[-1] = (before[-1][0], replace(before[-1][1], last=done.last))
        else:
            before.append((now, done))
        held = self._parties.get(party)
        if held is not None:
            held.spent += size

    def nothing(self, party: str, due: Range) -> None:
        """Drop the party's requests from ``due.first`` on, because there is no such record."""
        held = self._parties.get(party)
        if held is not None:
            end = Range(due.origin, due.first, MAX_LOG_SIZE)
            held.waiting = [
                (at, left)
                for at, one in held.waiting
                for left in (_without(one, end) if one.origin == due.origin else [one])
            ]

    def _unpublished(self, one: Range) -> list[Range]:
        left = [one]
        for _, done in self._published.get(one.origin, ()):
            left = [piece for part in left for piece in _without(part, done)]
        return left


def require_recent(time_ms: int, now: int) -> None:
    """Check the stated time of a request.

    Raises:
        RefusedError: ``early`` or ``request_old``.
    """
    if time_ms > now + CLOCK_SKEW_MS:
        raise RefusedError(2, "early", "the request is ahead of this clock")
    if time_ms < now - REQUEST_LASTS_MS:
        raise RefusedError(2, "request_old", "the request is older than ten minutes")


def _without(one: Range, done: Range) -> list[Range]:
    if done.last < one.first or one.last < done.first:
        return [one]
    before = [replace(one, last=done.first - 1)] if one.first < done.first else []
    after = [replace(one, first=done.last + 1)] if done.last < one.last else []
    return before + after


def _merged(ranges: Iterable[Range], origin: Origin) -> list[Range]:
    """Merge ranges of one log: no overlaps, ascending order."""
    found: list[Range] = []
    for one in sorted(
        (one for one in ranges if one.origin == origin), key=lambda one: (one.first, one.last)
    ):
        if found and one.first <= found[-1].last + 1:
            found[-1] = replace(found[-1], last=max(found[-1].last, one.last))
        else:
            found.append(one)
    return found
