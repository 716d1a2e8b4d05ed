"""Agencies that live through the sample year over a Kafka in memory.

Their keys, manifests, databases and records are real. They renew their keys as running adapters do,
and restart with the new ones. An agency reads before it says something, so some read late.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Final

from adapters.demo.samples.year import SampleEvent, SampleYear
from adapters.trial_agencies import london_agencies
from broker.agency.own_manifest import renew_keys
from broker.figures.counting import CountsOf, parse_period
from broker.figures.own_counts import own_counts
from contracts.loading import shipped_terms
from tests.support.founded_partnership import DAY, found_with
from tests.support.memory_agency import Clock, MemoryAgency, at_offsets, cluster

KEYS_MS: Final = 90 * DAY // 4
"""Time between two renewals: keys live for 30 and 90 days."""
ROUND_MS: Final = KEYS_MS // 5
"""Longest time in which agencies say things before any of them reads."""


class YearOfAgencies:
    """The agencies of the year.

    Args:
        year: what they say.
        folder: for their databases.

    Attributes:
        members: by agency.
        refused: records that a reader refused.
        not_sent: number of rows that were exported again, and not sent again.
    """

    def __init__(self, year: SampleYear, folder: Path) -> None:
        self.members: dict[str, MemoryAgency] = {}
        self.refused: list[object] = []
        self.not_sent = 0
        self._year = year
        self._folder = folder
        self._clock = Clock(year.first_ms)
        terms = shipped_terms().replace("partitions: 6", "partitions: 1")
        self._world = found_with(london_agencies(), terms, year.first_ms)
        self._kafka = cluster(self._world)
        self._read: dict[tuple[str, str, int], int] = {}
        self._ids: dict[int, str] = {}
        self._restart()

    @property
    def now(self) -> int:
        """The time of the agencies, ms."""
        return self._clock.now

    async def quarters(self) -> AsyncIterator[str]:
        """Live through the year, and yield each quarter at its end, when all have read."""
        renewals = 0
        for period, of_quarter in groupby(self._year.events, self._period):
            for number, events in groupby(of_quarter, self._round):
                while number * ROUND_MS // KEYS_MS > renewals:
                    renewals += 1
                    self._renew(self._year.first_ms + renewals * KEYS_MS)
                for said in _one_of_each_case(events):
                    await self._say(said)
            for agency in self.members:
                self._read_all(agency)
            yield period

    def counts(self, agency: str, period: str) -> CountsOf:
        """The counts of an agency, from its state."""
        member, contract = self.members[agency], self._world.contract
        with member.store.reading() as tx:
            found = own_counts(tx, member.secret, contract, agency, parse_period(period))
        assert found is not None
        return found

    def close(self) -> None:
        """Close every database."""
        for member in self.members.values():
            member.store.close()

    def _period(self, event: SampleEvent) -> str:
        ended = sum(parse_period(one).end_ms <= event.time_ms for one in self._year.periods)
        return self._year.periods[ended]

    def _round(self, event: SampleEvent) -> int:
        return (event.time_ms - self._year.first_ms) // ROUND_MS

    async def _say(self, events: list[SampleEvent]) -> None:
        """Let the agencies say something, each after it has read what there is."""
        senders = sorted({event.sender for event in events})
        for agency in senders:
            self._read_all(agency)
        for event in events:
            self._wait_until(event.time_ms)
            member, row = self.members[event.sender], str(event.row).encode()
            sent = member.publish(event.plain(self._ids), source_key=row)
            if sent is None:
                self.not_sent += 1
            else:
                self._ids[event.row] = sent
        for agency in senders:
            await self.members[agency].relay.round()

    def _read_all(self, agency: str) -> None:
        """Let an agency read what is new, the topic with answers before that with referrals."""
        member = self.members[agency]
        for topic in sorted(map(self._world.topic, self._world.contract.topics), reverse=True):
            for number, records in enumerate(self._kafka.topics[topic]):
                done = self._read.get((agency, topic, number), 0)
                if len(records) > done:
                    self.refused += member.take(at_offsets(records[done:], done)).refused
                    self._read[agency, topic, number] = len(records)

    def _renew(self, now: int) -> None:
        """Renew the keys of every agency; all believe the new manifests at once."""
        self._wait_until(now)
        book = self._world.manifests
        for participant in self._world.participants.values():
            book = book.adding(renew_keys(participant, now))
        renewed = {
            agency: replace(participant, manifests=book)
            for agency, participant in self._world.participants.items()
        }
        self._world = replace(self._world, participants=renewed, now=now)
        self._restart()

    def _wait_until(self, time_ms: int) -> None:
        self._clock.pass_(max(0, time_ms - self._clock.now))

    def _restart(self) -> None:
        self.close()
        for agency in self._world.participants:
            database = self._folder / f"{agency}.db"
            member = MemoryAgency(agency, database, self._kafka, self._clock, self._world)
            member.relay.take_lock("year")
            self.members[agency] = member


def _one_of_each_case(events: Iterable[SampleEvent]) -> Iterator[list[SampleEvent]]:
    """Yield events in parts that have no case twice: agencies read between two of a case."""
    part: list[SampleEvent] = []
    for event in events:
        if any(one.leaves["case_id"] == event.leaves["case_id"] for one in part):
            yield part
            part = []
        part.append(event)
    yield part
