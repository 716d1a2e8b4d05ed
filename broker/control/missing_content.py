"""Requests for records of which only the leaf arrived (docs/spec/streams.md, "Missing content").

A leaf proves that a record exists at its index, but does not contain the record. The sender
publishes a leaf if it has cleared the content. Kafka's host can make a leaf of any record. A reader
cannot distinguish the two. So it requests the record again. The intervals grow, because a sender
that has cleared the content can answer only with the leaf again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from broker.judging.partition_state import parse_outline
from broker.statements.notices import NOTICES_PER_MINUTE
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import GenerationPlace, Origin
from contracts.durations import DAY_MS, MINUTE_MS

FIRST_ASKED_MS: Final = 30_000
"""Time after which a record with only a leaf is requested; each further interval doubles."""
LONGEST_ASKED_MS: Final = DAY_MS
RANGES_PER_MINUTE: Final = NOTICES_PER_MINUTE // 2
"""Ranges requested from one agency in a minute; the other half of the notices is for gaps."""
LEAVES_AT_ONCE: Final = 2**15
"""Leaves of one generation that are read each time; the rest follows after ``FIRST_ASKED_MS``."""
LOOKED_EVERY_MS: Final = 10_000
"""Interval between counts of the leaves; a count of a million takes a quarter of a second."""


@dataclass(slots=True)
class _Asked:
    """State of one generation: leaves, due time, interval, and next index."""

    leaves: int
    due: int
    interval: int
    next_index: int = 0


class MissingContent:
    """Tracks requests for the leaves of each generation; a restart begins again.

    Args:
        deployment: name of the deployment.
        agency: the reader; its own records are not requested.
    """

    def __init__(self, deployment: str, agency: str) -> None:
        self._deployment = deployment
        self._agency = agency
        self._asked: dict[GenerationPlace, _Asked] = {}
        self._spent: dict[str, int] = {}
        self._minute = 0
        self._next_look = 0
        self._counts: dict[str, int] = {}

    def due(self, tx: Transaction, now: int) -> list[tuple[Origin, int, int]]:
        """Return (origin of the generation, first, last) of ranges to request now."""
        if now < self._next_look:
            return []
        self._next_look = now + LOOKED_EVERY_MS
        if now // MINUTE_MS != self._minute:
            self._minute, self._spent = now // MINUTE_MS, {}
        leaves = {log: (count, end) for log, count, end in self._leaves(tx)}
        self._counts = dict.fromkeys(self._counts, 0)
        for log, (count, _) in leaves.items():
            self._counts[log.agency] = self._counts.get(log.agency, 0) + count
        for gone in self._asked.keys() - leaves.keys():
            del self._asked[gone]
        found: list[tuple[Origin, int, int]] = []
        for log, (count, end) in leaves.items():
            asked = self._asked.setdefault(log, _Asked(count, now + FIRST_ASKED_MS, FIRST_ASKED_MS))
            if asked.leaves != count:  # content arrived, or another leaf: the sender may have more
                asked.leaves, asked.interval = count, FIRST_ASKED_MS
                asked.due = min(asked.due, now + FIRST_ASKED_MS)
            if asked.due <= now:
                origin = log.origin(self._deployment)
                found += [(origin, *indices) for indices in self._ranges(tx, log, asked, end, now)]
        return found

    def counts(self) -> Mapping[str, int]:
        """Return the number of leaves per agency at the last ``due``; 0 for one that had some."""
        return self._counts

    def _leaves(self, tx: Transaction) -> Iterator[tuple[GenerationPlace, int, int | None]]:
        """Yield number and end of each generation of which records can still arrive."""
        for log, count in tx.reader_logs.without_content():
            head = tx.reader.state_head(log.place)
            if log.agency == self._agency or head is None:
                continue
            state = parse_outline(head)
            if log.generation in state.generations and not state.stopped:
                end = state.generations[log.generation].end
                yield log, count, end

    def _ranges(
        self, tx: Transaction, log: GenerationPlace, asked: _Asked, end: int | None, now: int
    ) -> list[tuple[int, int]]:
        """Return the ranges to request now. They begin after the last one that was requested.

        When all ranges were requested, the interval doubles.
        """
        found: list[tuple[int, int]] = []
        indices = tx.reader_logs.missing_content(log, asked.next_index, LEAVES_AT_ONCE)
        asked.due = now + FIRST_ASKED_MS
        there = [index for index in indices if end is None or index < end]  # the rest is superseded
        for first, last in _runs(there):
            if self._spent.get(log.agency, 0) >= RANGES_PER_MINUTE:
                return found
            self._spent[log.agency] = self._spent.get(log.agency, 0) + 1
            asked.next_index = last + 1
            found.append((first, last))
        if len(indices) < LEAVES_AT_ONCE:
            asked.next_index = 0
            asked.interval = min(2 * asked.interval, LONGEST_ASKED_MS)
            asked.due = now + asked.interval
        return found


def _runs(indices: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield (first, last) of consecutive indices."""
    first = last = -1
    for index in indices:
        if first >= 0 and index == last + 1:
            last = index
            continue
        if first >= 0:
            yield first, last
        first = last = index
    if first >= 0:
        yield first, last
