"""One agency's side of the wire over a real SQLite file and a Kafka in memory, with set clocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID, uuid4

from broker.audit.entries import NewLogEntry
from broker.audit.log import log_origin
from broker.audit.query import entries_of_log
from broker.audit.verification import verify_log
from broker.clock import SteadyClock
from broker.event import JSON
from broker.judging.key_resolver import KeyResolver, TrustStore
from broker.judging.partition_state import PartitionState, parse_state
from broker.receiving.persistence import Batch
from broker.receiving.receiving import Receiving
from broker.record import Record
from broker.registry.contract_book import ContractBook
from broker.registry.manifests import ManifestBook
from broker.sending.publishing import Publisher
from broker.sending.relay import Relay, StreamSigning
from broker.sending.sealing import EventSealer
from broker.sending.sealing_context import SealingContext
from broker.sending.streams import StreamOwner
from broker.store.database import open_store
from broker.tlog.checkpoint import GenerationPlace, Place
from broker.transport.topics import control_topics, data_topics
from contracts.events import PlainEvent
from contracts.examples import example
from contracts.policy import policy_for
from tests.support.founded_partnership import COUNCIL, MADE, NOW, FoundedPartnership, founded
from tests.support.judging_agency import KeySubset
from tests.support.memory_kafka import MemoryKafka, MemoryTransport
from tests.support.state_places import restore_state, state_backup
from tests.support.words import flatten, unflatten


@dataclass
class Clock:
    """A clock that a test sets; ``steady`` is the one that nobody sets."""

    now: int = NOW
    steady: int = 0

    def __call__(self) -> int:
        return self.now

    def monotonic(self) -> int:
        return self.steady

    def pass_(self, milliseconds: int) -> None:
        self.now += milliseconds
        self.steady += milliseconds


def cluster(world: FoundedPartnership | None = None) -> MemoryKafka:
    kafka = MemoryKafka()
    world = world or founded()
    for topic in data_topics(world.contract):
        kafka.create_topic(topic, 6)
    for topic in control_topics(world.deployment).names:
        kafka.create_topic(topic, 1)
    for topic in kafka.topics:
        for agency in world.participants:
            kafka.allow(agency, topic)
    return kafka


class MemoryAgency:
    """Publishing, relay and receiving of one agency."""

    def __init__(
        self,
        agency: str,
        database: Path,
        kafka: MemoryKafka,
        clock: Clock,
        world: FoundedPartnership | None = None,
    ) -> None:
        self.agency = agency
        self.database = database
        self.kafka = kafka
        self.clock = clock
        self.world: FoundedPartnership = world or founded()
        self.participant = self.world.participants[agency]
        self.contracts: ContractBook = self.participant.contracts
        self.manifests: ManifestBook = self.world.manifests
        self.destroyed: frozenset[bytes] = frozenset()
        self.store = open_store(database)
        self.terms = SealingContext(self.contracts, self.manifests)
        self.secret = self.participant.keyring.secret()
        self.publisher = Publisher(self.sealer())
        self.transport = MemoryTransport(kafka, agency)
        self.relay = self.another_relay()
        vault = KeySubset(self.participant, self.destroyed)
        self.trust_store = TrustStore(agency, self.contracts, self.manifests, vault)  # type: ignore[arg-type]  # the rest is passed on
        self.receiving = Receiving(self.store, self.trust_store, self.secret)

    @property
    def trust(self) -> KeyResolver:
        """Keys and contracts that are believed now."""
        return self.trust_store.current.resolver

    def sealer(self) -> EventSealer:
        return EventSealer(
            self.world.deployment,
            self.agency,
            self.secret,
            self.terms.addressees,
            self.terms.vocabularies,
        )

    def another_relay(self) -> Relay:
        return Relay(
            StreamOwner(self.world.deployment, self.agency),
            self.store,
            self.transport,
            StreamSigning(
                lambda: self.world.cosigner(self.agency),
                lambda now: self.terms.stopped_topics(self.agency, now),
            ),
            SteadyClock(self.clock, self.clock.monotonic),
        )

    def believe(self, contracts: ContractBook, manifests: ManifestBook) -> None:
        """News of contracts or manifests."""
        vault = KeySubset(self.participant, self.destroyed)
        self.trust_store.believe(contracts, manifests, vault)  # type: ignore[arg-type]  # the rest is passed on

    # --- publishing ------------------------------------------------------------------------------

    def event(
        self, event_type: str = MADE, to: Sequence[str] = (COUNCIL,), **changes: JSON
    ) -> PlainEvent:
        """A valid event; a referral or case of its own unless the test names one."""
        plain = example(self.world.contract, self.agency, event_type)
        readable = policy_for(self.world.contract, self.agency, tuple(to), event_type).fields
        flat = {
            p: v
            for p, v in flatten(event_type, plain.data).items()
            if p in readable or not readable
        }
        for name in ("referral_id", "case_id"):
            if name in flat:
                flat[name] = str(uuid4())
        flat |= {name.replace("__", "."): value for name, value in changes.items()}
        return replace(plain, recipients=tuple(to), data=unflatten(flat))

    def publish(
        self, event: PlainEvent | None = None, source_key: bytes | None = None
    ) -> str | None:
        with self.store.transaction() as tx:
            return self.publisher.publish(
                tx, event or self.event(), self.clock.now, source_key=source_key
            )

    async def send(self, count: int = 1, **changes: JSON) -> list[str]:
        """Publish and relay; the relay takes its lock when it is first used."""
        case = str(changes.pop("case_id", None) or uuid4())
        ids = [self.publish(self.event(case_id=case, **changes)) for _ in range(count)]
        await self.relay_outbox()
        return [one for one in ids if one is not None]

    async def relay_outbox(self) -> None:
        """Relay what waits in the outbox to Kafka."""
        if self.relay._token is None:
            self.relay.take_lock("test")
            await self.relay.resend()
        await self.relay.round()

    async def kafka_copy(self, *records: Record) -> None:
        """Kafka delivers something again."""
        await self.transport.send([replace(one, offset=-1) for one in records])

    def backup(self) -> bytes:
        """The database as a file."""
        return state_backup(self.database)

    def restore(self, backup: bytes) -> None:
        """Put a backup in the place of the database."""
        self.store.close()
        restore_state(self.database, backup)
        self.store = open_store(self.database)
        self.relay = self.another_relay()

    # --- receiving -------------------------------------------------------------------------------

    def verify_log(self) -> int:
        """Every entry of the disclosure log leads to its head.

        Returns:
            Number of entries that something was shared, received or refused. The collection of an
            own item, an alteration and a combination have an entry beside one of these.
        """
        origin = log_origin(self.world.deployment, self.agency)
        with self.store.reading() as tx:
            verify_log(tx, origin, lambda *_arguments: None)
            return sum(
                bool(placed.entry.shares) or placed.entry.kind == "refusal"
                for placed in entries_of_log(tx)
            )

    def log(self, topic: str | None = None) -> list[Record]:
        """All records of a topic (the first by default), of the partition that has any."""
        partitions = self.kafka.topics[topic or self.world.topic()]
        (only,) = [records for records in partitions if records] or [[]]
        return only

    def take(self, records: Sequence[Record], now: int | None = None) -> Batch:
        at = self.clock.now if now is None else now
        return self.receiving.take(records[0].kafka_partition, records, at)

    def receive_all(self) -> None:
        """Receive every record that is new in the topics of the agreement; none is refused."""
        for logical in self.world.contract.topics:
            for records in self.kafka.topics[self.world.topic(logical)]:
                position = 0 if not records else (self.position(records[0]) or 0)
                if records[position:]:
                    assert self.take(records[position:]).refused == []

    def position(self, one: Record) -> int | None:
        with self.store.reading() as tx:
            return tx.reader.position(one.kafka_partition)

    def state(self, agency: str, one: Record) -> PartitionState | None:
        with self.store.reading() as tx:
            stored = tx.reader.state(Place(agency, one.topic, one.partition))
        return None if stored is None else parse_state(stored[1])

    def inbox(self) -> list[str]:
        with self.store.reading() as tx:
            return [row.event_id for row in tx.inbox.undelivered(10_000)]

    def held_events(self) -> list[tuple[str, str]]:
        """Return (code, detail) of the held events."""
        with self.store.reading() as tx:
            return [(row.code, row.detail) for row in tx.inbox.held(99)]

    def log_entries(self, kind: str) -> list[NewLogEntry]:
        """Return the entries of a kind in the disclosure log."""
        with self.store.reading() as tx:
            return [one.entry for one in entries_of_log(tx) if one.entry.kind == kind]


async def replay_all(relay: Relay, log: GenerationPlace, first: int, last: int) -> int:
    """Publish a whole range again, chunk by chunk. Returns how many records."""
    sent = 0
    while first <= last:
        records, _, done = await relay.replay(log, first, last)
        if not records:
            break
        sent, first = sent + records, done + 1
    return sent


def at_offsets(records: Sequence[Record], first: int = 0) -> list[Record]:
    """The records as Kafka would number them."""
    return [replace(one, offset=first + number) for number, one in enumerate(records)]


def ids(records: Sequence[Record]) -> list[str]:
    """The ids of sealed values, as the inbox names them."""
    return [str(UUID(bytes=one.value[1:17])) for one in records if one.value is not None]


Make = Callable[[str], MemoryAgency]
