"""All agencies of a partnership over one Kafka in memory, under any agreement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from broker.event import JSON, OpenedEvent
from contracts.events import PlainEvent
from contracts.examples import example
from contracts.policy import granted_from
from contracts.vocabulary import unflatten
from tests.support.founded_partnership import NOW, FoundedPartnership
from tests.support.memory_agency import Clock, MemoryAgency, cluster


@dataclass
class MemoryPartnership:
    """The agencies, and how far each has read."""

    world: FoundedPartnership
    members: dict[str, MemoryAgency]
    read: dict[tuple[str, str, int], int] = field(default_factory=dict)

    def event(self, sender: str, event_type: str, **changes: JSON | None) -> dict[str, JSON]:
        """The leaves of the example of a type, some of them changed, or left out with None."""
        event = example(self.world.contract, sender, event_type)
        flat: dict[str, JSON | None] = {
            **self.world.contract.vocabulary.type(event_type).flatten(event.data)
        }
        flat |= {name.replace("__", "."): value for name, value in changes.items()}
        return {path: value for path, value in flat.items() if value is not None}

    async def send(
        self, sender: str, event_type: str, to: Sequence[str] = (), **changes: JSON | None
    ) -> dict[str, OpenedEvent]:
        """Publish one event, to all that may get it by default; return what each opened.

        It checks that each leaf arrives that the agreement grants to a reader, and no other, and
        that agencies that are not addressed open nothing.
        """
        member, contract = self.members[sender], self.world.contract
        flat = self.event(sender, event_type, **changes)
        recipients = tuple(sorted(to)) or example(contract, sender, event_type).recipients
        assert member.publish(PlainEvent(event_type, recipients, unflatten(flat))) is not None
        if member.relay._token is None:
            member.relay.take_lock("test")
            await member.relay.resend()
        await member.relay.round()
        found: dict[str, OpenedEvent] = {}
        for reader in self.members.keys() - {sender}:
            events = self._opened_by(reader)
            if reader not in recipients:
                assert events == []
                continue
            (found[reader],) = events
            assert (found[reader].type, found[reader].source) == (event_type, sender)
            granted = granted_from(contract, sender, reader, event_type)
            assert found[reader].flat == {path: flat[path] for path in granted & flat.keys()}
        return found

    def _opened_by(self, reader: str) -> list[OpenedEvent]:
        member = self.members[reader]
        topics = {self.world.topic(logical) for logical in self.world.contract.topics}
        opened: list[OpenedEvent] = []
        for topic in sorted(topics):
            for number, records in enumerate(member.kafka.topics[topic]):
                done = self.read.get((reader, topic, number), 0)
                if len(records) > done:
                    batch = member.take(records[done:])
                    assert batch.refused == []
                    opened += batch.opened
                    self.read[reader, topic, number] = len(records)
        return opened

    def close(self) -> None:
        """Close every database."""
        for member in self.members.values():
            member.store.close()


def opened_partnership(
    world: FoundedPartnership, folder: Path, now: int = NOW
) -> MemoryPartnership:
    """The agencies of a founded partnership, each with a database in a folder."""
    kafka, clock = cluster(world), Clock(now)
    return MemoryPartnership(
        world,
        {
            agency: MemoryAgency(agency, folder / f"{agency}.db", kafka, clock, world)
            for agency in world.participants
        },
    )
