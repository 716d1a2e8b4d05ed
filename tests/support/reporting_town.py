"""Two agencies in memory of which one reports to the other what became of its events."""

from __future__ import annotations

from broker.agency.participant import LoadedAgency
from broker.control.news import News
from broker.control.own_reports import OwnReports
from broker.control.own_statements import SigningKeys
from broker.record import KafkaPartition, Record
from tests.support.founded_partnership import HOUR, POLICE
from tests.support.memory_agency import MemoryAgency, at_offsets
from tests.support.memory_control import ControlNode, KeysOfAllTimes


class Town:
    """The police, who send, and the council, which reports to it."""

    def __init__(self, police: MemoryAgency, council: MemoryAgency) -> None:
        self.police, self.council = police, council
        self.sender = ControlNode(police, police.participant.root)
        self.reader = ControlNode(council, council.participant.root)
        council.relay.take_lock("council")
        police.relay.take_lock("police")
        self.reports = self.another()
        self.heard = 0

    def another(self) -> OwnReports:
        return reports_of(self.council)

    @property
    def topic(self) -> list[Record]:
        return self.council.kafka.topics[self.sender.topics.receipts][0]

    async def receive(self, count: int = 1) -> list[str]:
        """Events of the police that the council has in its inbox."""
        sent = await self.police.send(count)
        self.take()
        return sent

    def take(self) -> None:
        """The council takes what is on Kafka."""
        for records in self.police.kafka.topics[self.police.world.topic()]:
            if records:
                self.reader.notices.changed(self.council.take(at_offsets(records)).changed)

    def decide(self, event_id: str, code: str | None = None) -> None:
        """The council's system takes an event, or it is held with a code."""
        with self.council.store.transaction() as tx:
            row = tx.inbox.find(POLICE, event_id)
            assert row is not None
            if code is None:
                tx.inbox.mark_delivered(row.seq, self.council.clock.now, None)
            else:
                tx.inbox.hold(row.seq, code, None, "detail", self.council.clock.now)

    async def tell(self) -> News:
        """The next report of the council, heard by the police."""
        self.council.clock.pass_(HOUR)
        await self.reports.look()
        return self.hear()

    def hear(self) -> News:
        fresh = self.topic[self.heard :]
        self.heard += len(fresh)
        partition = KafkaPartition(self.sender.topics.receipts, 0)
        return self.sender.control.take(partition, fresh, self.police.clock.now)

    def states(self, event_id: str) -> dict[str, tuple[str | None, str | None]]:
        with self.police.store.reading() as tx:
            return {one.agency: (one.state, one.code) for one in tx.recipients.of_event(event_id)}


def reports_of(member: MemoryAgency) -> OwnReports:
    keys: SigningKeys = KeysOfAllTimes(LoadedAgency(member.participant), member)
    return OwnReports(keys, member.relay.fenced, member.terms, member.transport, member.clock)
