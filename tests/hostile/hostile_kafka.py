"""A Kafka that lies: it keeps what senders sent and shows each reader whatever it likes.

The fixture of docs/threat-model.md's first actor. ``truth`` is what a true Kafka would hold; every
reader has a view of its own for each partition, which starts empty and grows only by what the host
decides to serve: the next true record, an old one, an altered one, one of another partition. The
host also refuses sends, forgets a topic (offsets begin again) and moves committed offsets.
It holds no key: whatever it serves was signed by somebody else, or is noise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from broker.errors import TransportError
from broker.record import KafkaPartition, Record


@dataclass(frozen=True)
class Served:
    """A record in one reader's view, and what the host did to it.

    Attributes:
        record: as the reader gets it, with the offset that the host gives it.
        true: the record of which it was made, as its sender sent it.
        how: ``honest``, or the name of the alteration.
        expected: outcomes that the protocol allows; empty where they follow from ``true``.
    """

    record: Record
    true: Record
    how: str = "honest"
    expected: frozenset[str] = frozenset()


@dataclass
class HostileKafka:
    """The cluster; one for all senders and readers of a partnership.

    Attributes:
        truth: what senders sent, by partition, in the order in which it came.
        views: what each reader was shown of a partition, in the order of offsets.
        bases: the offset with which a view begins, if not 0.
        cursors: how much of ``truth`` a reader was given in order, or had withheld.
        committed: offsets of consumer groups, which nobody should believe.
        failing: of how many of the next records a send says that it does not know where they are.
    """

    truth: dict[KafkaPartition, list[Record]] = field(default_factory=dict)
    views: dict[tuple[str, KafkaPartition], list[Served]] = field(default_factory=dict)
    bases: dict[tuple[str, KafkaPartition], int] = field(default_factory=dict)
    cursors: dict[tuple[str, KafkaPartition], int] = field(default_factory=dict)
    committed: dict[tuple[str, KafkaPartition], int] = field(default_factory=dict)
    failing: int = 0

    # --- for senders -----------------------------------------------------------------------------

    async def send(self, records: Sequence[Record]) -> list[int]:
        """See ``broker.transport.interfaces.Sender.send``."""
        await asyncio.sleep(0)
        offsets: list[int | None] = []
        failed = 0
        for record in records:
            log = self.truth.setdefault(record.kafka_partition, [])
            log.append(replace(record, offset=len(log)))
            known = failed >= self.failing
            failed += not known
            offsets.append(len(log) - 1 if known else None)
        self.failing = 0
        if failed:
            raise TransportError(
                "Kafka did not answer", code="kafka_unreachable", offsets=tuple(offsets)
            )
        return [offset for offset in offsets if offset is not None]

    # --- what the host decides -------------------------------------------------------------------

    def unserved(self, reader: str, place: KafkaPartition) -> list[Record]:
        """True records that the reader was neither given in order nor had withheld."""
        return self.truth.get(place, [])[self.cursors.get((reader, place), 0) :]

    def deliver(self, reader: str, place: KafkaPartition, count: int) -> int:
        """Serve the next true records. Returns how many."""
        records = self.unserved(reader, place)[:count]
        for record in records:
            self.serve(reader, Served(record, record), place)
        self._pass(reader, place, len(records))
        return len(records)

    def withhold(self, reader: str, place: KafkaPartition, count: int) -> list[Record]:
        """Pass over the next true records; they may still be served later."""
        records = self.unserved(reader, place)[:count]
        self._pass(reader, place, len(records))
        return records

    def serve(self, reader: str, served: Served, place: KafkaPartition) -> None:
        """Put something into a reader's view of a partition, whatever it is."""
        view = self.views.setdefault((reader, place), [])
        topic, partition = place
        offset = self.bases.get((reader, place), 0) + len(view)
        shown = replace(served.record, topic=topic, partition=partition, offset=offset)
        view.append(replace(served, record=shown))

    def forget(self, reader: str, place: KafkaPartition, base: int = 0) -> None:
        """The topic was made anew: the reader's view is empty and offsets begin again."""
        self.views[reader, place] = []
        self.bases[reader, place] = base

    def end(self, reader: str, place: KafkaPartition) -> int:
        """The offset that the next record gets."""
        return self.bases.get((reader, place), 0) + len(self.views.get((reader, place), []))

    def _pass(self, reader: str, place: KafkaPartition, count: int) -> None:
        self.cursors[reader, place] = self.cursors.get((reader, place), 0) + count

    # --- for readers -----------------------------------------------------------------------------

    def fetch(self, reader: str, place: KafkaPartition, position: int) -> list[Served]:
        """Return records from a position, or from the earliest if there is no such offset."""
        view, base = self.views.get((reader, place), []), self.bases.get((reader, place), 0)
        return view[max(position - base, 0) :] if position <= base + len(view) else view[:]
