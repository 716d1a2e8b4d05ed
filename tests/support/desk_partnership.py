"""Agencies with desks over one Kafka in memory; each desk has a connection of its own to the state.

So a desk is beside the adapter of its agency, as the process of ``concordant web`` is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from adapters.desk.sides import DeskSink
from broker.audit.actor import Actor
from broker.audit.entries import NewLogEntry
from broker.audit.query import entries_of_log
from broker.operations.desk.agency import DeskAgency
from broker.operations.desk.keeping import EventKeeper
from broker.registry.contract_book import ContractBook
from broker.store.database import open_store
from tests.support.founded_partnership import FoundedPartnership
from tests.support.memory_agency import Clock, MemoryAgency
from tests.support.memory_partnership import MemoryPartnership, opened_partnership

ROSA, SAM = Actor("rosa.sampleworth"), Actor("sam.exampleton")


@dataclass
class DeskMember:
    """One agency: its adapter in memory, the sink of that adapter, and the desk beside it."""

    member: MemoryAgency
    desk: DeskAgency
    sink: DeskSink

    def entries(self, kind: str) -> list[NewLogEntry]:
        """Return the entries of a kind in the disclosure log."""
        with self.member.store.reading() as tx:
            return [one.entry for one in entries_of_log(tx) if one.entry.kind == kind]

    def outbox(self) -> list[str]:
        """Return the ids of events that the relay has not indexed, in order."""
        with self.member.store.reading() as tx:
            return [row.event_id for row in tx.outbox.pending(999)]


@dataclass
class DeskPartnership:
    """The agencies, over one Kafka in memory."""

    wire: MemoryPartnership
    members: dict[str, DeskMember]
    clock: Clock

    def __getitem__(self, agency: str) -> DeskMember:
        return self.members[agency]

    def desk(self, agency: str) -> DeskAgency:
        """Return the desk of an agency."""
        return self.members[agency].desk

    async def deliver(self) -> int:
        """Send what waits, and keep it at each desk. Return how many events were kept."""
        for one in self.members.values():
            relay = one.member.relay
            if relay._token is None:
                relay.take_lock("test")
                await relay.resend()
            while await relay.round():
                pass
        kept = 0
        for agency, one in self.members.items():
            self.wire._opened_by(agency)
            while done := one.sink.round():
                kept += done
        return kept

    def close(self) -> None:
        """Close every database."""
        for one in self.members.values():
            one.desk.store.close()
        self.wire.close()


def desk_partnership(world: FoundedPartnership, folder: Path) -> DeskPartnership:
    """Open the agencies of a founded partnership, each with a desk."""
    wire = opened_partnership(world, folder)
    members = {}
    for agency, member in wire.members.items():
        keeper = EventKeeper(member.secret, agency)
        sink = DeskSink(
            world.root / agency, member.store, keeper, partial(_contracts, member), member.clock
        )
        store = open_store(member.database)
        members[agency] = DeskMember(
            member, DeskAgency(member.participant, store, member.clock), sink
        )
    clock = next(iter(wire.members.values())).clock
    return DeskPartnership(wire, members, clock)


def _contracts(member: MemoryAgency) -> ContractBook:
    return member.contracts
