"""A reader that a hostile agency writes to: real receiving, and what its operator sees afterwards.

Each hostile record is between two honest ones of the same stream. The tests compare step and code.
They check that the honest events are in the inbox and that the stream continues without a gap. They
also check what an operator finds: the quarantine with the bytes, a line in the log, an entry in the
disclosure log, an alarm, evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import orjson

from broker.judging.partition_state import receiptable
from broker.receiving.persistence import Batch
from broker.record import KafkaPartition, Record
from broker.service.reporting import report_batch
from tests.hostile.hostile_kafka import HostileKafka
from tests.hostile.parties import Party
from tests.support.forged_events import draft_event
from tests.support.founded_partnership import COUNCIL, MADE, NOW, POLICE
from tests.support.memory_agency import Clock
from tests.support.sent_records import Log

_NUMBERS = count(1)


def honest(source: str = POLICE, to: Sequence[str] = (COUNCIL,)) -> bytes:
    """A referral of its own, as its sender should seal it."""
    referral = f"{next(_NUMBERS):08x}-0000-4000-8000-000000000000"
    return draft_event(MADE, source, to, referral_id=referral).value()


class Witness(Party):
    """An agency that takes whatever it is given, and can be asked what it saw."""

    def __init__(self, agency: str, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        super().__init__(agency, folder, HostileKafka(), Clock())
        self._offsets: dict[tuple[str, int], int] = {}

    def take(self, *records: Record, now: int = NOW) -> Batch:
        """Records of one partition, as Kafka would number them."""
        place = records[0].kafka_partition
        first = self._offsets.get(place, 0)
        self._offsets[place] = first + len(records)
        numbered = [replace(one, offset=first + at) for at, one in enumerate(records)]
        self.clock.now = now
        batch = self.receiving.take(place, numbered, now)
        report_batch(place, batch, now, self.metrics, self.log)
        return batch

    def lines(self, event: str) -> list[dict[str, object]]:
        """Lines of the log of one kind."""
        found = [orjson.loads(line) for line in self.written.getvalue().splitlines()]
        return [line for line in found if line["event"] == event]

    def quarantined(self) -> list[tuple[float, str, int, bytes]]:
        """(step, code, index, value) of what an operator finds held."""
        with self.store.reading() as tx:
            listed = tx.quarantine.list("held")  # without their bytes
            rows = [row for one in listed if (row := tx.quarantine.get(one.id)) is not None]
        return [(row.step, row.code, row.index, row.value) for row in rows]

    def noise(self) -> list[str]:
        with self.store.reading() as tx:
            return [row.code for row in tx.quarantine.unauthenticated()]

    def evidence(self) -> list[tuple[bytes, bytes]]:
        with self.store.reading() as tx:
            return [(row.text_a, row.text_b) for row in tx.evidence.list()]

    def inbox(self) -> int:
        with self.store.reading() as tx:
            return len(tx.inbox.undelivered(10_000))

    def waits(self) -> list[str]:
        with self.store.reading() as tx:
            return [row.reason for row in tx.reader.all_deferred()]


def refuses(
    reader: Witness, log: Log, value: bytes, step: float, code: str, *, now: int = NOW
) -> None:
    """The value is quarantined with that code, and everything around it goes on."""
    source = log.agency
    to = (reader.agency,)
    around = (honest(source, to), honest(source, to))
    records = [log.send_one(one, now) for one in (around[0], value, around[1])]
    entries, before = reader.verify_log(), reader.inbox()
    batch = reader.take(*records, now=now)
    assert [(o and o.agency, at, s, c) for o, at, s, c in batch.refused] == [
        (source, 1, step, code)
    ]
    assert len(batch.opened) == 2
    assert reader.inbox() == before + 2
    assert reader.quarantined() == [(step, code, 1, value)]
    (line,) = reader.lines("record_refused")
    told = {"agency": source, "index": 1, "step": step, "code": code, "topic": log.topic}
    assert told.items() <= line.items()
    assert reader.verify_log() == entries + 3  # two taken, one refused
    goes_on(reader, log)


def ignores(reader: Witness, log: Log, value: bytes, *, now: int = NOW) -> None:
    """The value opens for nobody: it counts as another's, and leaves nothing but its leaf."""
    to = (reader.agency,)
    around = (honest(log.agency, to), honest(log.agency, to))
    records = [log.send_one(one, now) for one in (around[0], value, around[1])]
    batch = reader.take(*records, now=now)
    assert (batch.not_addressed, len(batch.opened), batch.refused) == (1, 2, [])
    assert reader.quarantined() == []
    goes_on(reader, log)


def goes_on(reader: Witness, log: Log) -> None:
    """The whole stream is held without a gap, up to the sender's head."""
    state = reader.state(log.agency, KafkaPartition(log.topic, log.partition))
    assert state is not None
    assert log.newest is not None
    assert receiptable(state) == (log.newest.name, log.newest.size, log.newest.root)
