"""Python API for subscribers: a stream of verified, decrypted, deduplicated events.

It serves downstream systems inside an agency (a dashboard, a case system with an API). It reads
with its own consumer group and its own state, so it never disturbs the adapter, and it can stop and
continue. Every event that it returns is recorded as a consultation in the agency's disclosure log.

Example::

    async with subscribe(Path("haven-support"), "dashboard") as events:
        async for event in events:
            print(event.type, event.data)
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from broker import pseudonyms
from broker.agency.account import label, login_name
from broker.agency.participant import Participant, load_participant
from broker.audit import recording
from broker.audit.actor import Actor
from broker.audit.entries import NewLogEntry
from broker.audit.log import append_entries
from broker.audit.reasons import attributed
from broker.clock import now_ms
from broker.control.control import Control
from broker.control.news import News
from broker.errors import ConfigError
from broker.event import OpenedEvent
from broker.judging.key_resolver import Trust, TrustStore
from broker.receiving.inbox_payload import parse_payload
from broker.receiving.persistence import Batch
from broker.receiving.position_guard import PositionGuard
from broker.receiving.receiving import Receiving
from broker.receiving.retry_later import EQUIVOCATION
from broker.record import KafkaPartition
from broker.registry.contract_book import ContractBook
from broker.service.reading import Inbound, Reader
from broker.store.database import Store, open_store
from broker.store.exclusion import exclusive
from broker.transport.interfaces import OnTrouble, Receiver, ReceiverTrouble
from broker.transport.topics import group_prefix

__all__ = [
    "Events",
    "subscribe",
]

ROUND_EVENTS: Final = 100
LOOK_S: Final = 0.25
JUDGE_AGAIN_MS: Final = 30_000
"""Interval for judging waiting records again without news, such as after a wrong clock."""
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")


def _silent(_trouble: ReceiverTrouble) -> None:
    return None


@dataclass(frozen=True, slots=True)
class _Stores:
    """A subscription's two databases: its own state, and the agency's for the disclosure log."""

    own: Store
    agency: Store


@asynccontextmanager
async def subscribe(
    directory: Path,
    name: str = "subscriber",
    *,
    clock: Callable[[], int] = now_ms,
    receiver: Receiver | None = None,
    on_trouble: OnTrouble = _silent,
    acting_for: str | None = None,
    reason: str | None = None,
) -> AsyncIterator[Events]:
    """Open a subscription.

    An event counts as taken when the next one is requested. After a crash, the event in progress is
    returned again: use ``event.source`` and ``event.id`` as an idempotency key.

    Args:
        directory: the agency's folder.
        name: name of the subscription: lower-case letters, digits and hyphens. A new name starts at
            the beginning of what Kafka still holds.
        clock: () -> ms since the epoch.
        receiver: source of records; by default the Kafka of ``agency.toml``.
        on_trouble: called when Kafka is not available.
        acting_for: the person for whom the account reads, for the disclosure log.
        reason: purpose, in at most 200 characters, for the disclosure log; it is stored encrypted.

    Raises:
        ConfigError: ``subscription_name``.
        StoreError: ``already_running``, another process uses this name.
        TransportError: Kafka does not let this agency read.
    """
    async with open_inbox(
        directory,
        name,
        clock=clock,
        receiver=receiver,
        on_trouble=on_trouble,
        acting_for=acting_for,
        reason=reason,
    ) as inbox:
        yield Events(inbox)


@asynccontextmanager
async def open_inbox(
    directory: Path,
    name: str,
    *,
    clock: Callable[[], int] = now_ms,
    receiver: Receiver | None = None,
    on_trouble: OnTrouble = _silent,
    acting_for: str | None = None,
    reason: str | None = None,
) -> AsyncIterator[SubscriptionInbox]:
    """Open the inbox of a subscription; see ``subscribe``."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            "A subscription's name has lower-case letters, digits and hyphens",
            code="subscription_name",
            fix="for example: dashboard",
        )
    participant = load_participant(directory, clock())
    with exclusive(participant.path(f"state/subscriber-{name}.lock")):
        store = open_store(participant.path(f"state/subscriber-{name}.db"))
        audit = open_store(participant.state)
        if receiver is None:
            from broker.transport.kafka import KafkaTransport

            groups = group_prefix(participant.deployment, participant.agency)
            receiver = KafkaTransport(
                participant.kafka_connection(), group=f"{groups}subscriber-{name}"
            )
        for_whom = f"subscriber {name}" + (f" for {label(acting_for)}" if acting_for else "")
        actor = Actor(label(login_name()), label(for_whom), reason)
        stores = _Stores(store, audit)
        inbox = SubscriptionInbox(participant, stores, receiver, actor, clock)
        stop = asyncio.Event()
        reading = inbox.reading = asyncio.create_task(inbox.read(stop, on_trouble))
        try:
            yield inbox
        finally:
            stop.set()
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            store.close()
            audit.close()


class SubscriptionInbox:
    """Receiver without an adapter: an inbox of its own, filled by one consumer."""

    reading: asyncio.Task[None]
    """Reads from Kafka until the subscription is closed."""

    def __init__(
        self,
        participant: Participant,
        stores: _Stores,
        receiver: Receiver,
        actor: Actor,
        clock: Callable[[], int],
    ) -> None:
        self._looked = clock()
        self._store = stores.own
        self._audit = stores.agency
        self._actor = actor
        self._clock = clock
        self._secret = participant.keyring.secret()
        self.agency = participant.agency
        self._trust = TrustStore(
            participant.agency, participant.contracts, participant.manifests, participant.keyring
        )
        control = Control(self._trust, participant.repository, self._store)
        inbound = Inbound(
            control,
            Receiving(self._store, self._trust, self._secret, log_taken=False),
            PositionGuard(self._store, receiver),
        )
        topics = control.topics
        listens = (topics.manifests, topics.contracts, topics.receipts)
        self._reader = Reader(receiver, inbound, listens, self, clock)

    def taken(self, _partition: KafkaPartition, _batch: Batch, _now: int) -> None:
        """Ignore the batch: the inbox has accepted events, the adapter reports refused ones."""

    def news(self, _news: News) -> None:
        """Ignore news: the adapter reports and answers it."""

    def reached(self) -> None:
        """Ignore that Kafka answered: nothing here shows it."""

    async def believed(self, _trust: Trust) -> None:
        """Judge what waits again: a contract or manifest may be what it waits for."""
        await self.judge_again()

    async def read(self, stop: asyncio.Event, on_trouble: OnTrouble) -> None:
        """Read key changes first, then events, until ``stop``."""
        await self._reader.run(stop, on_trouble)

    async def judge_again(self) -> None:
        """Read waiting records again, because time or news may allow a judgement now."""
        self._looked = self._clock()
        for partition in await asyncio.to_thread(self._waiting):
            self._reader.read_again(partition)

    def judge_again_is_due(self) -> bool:
        """Return whether the last repeat was long enough ago."""
        return self._clock() - self._looked >= JUDGE_AGAIN_MS

    def _waiting(self) -> set[KafkaPartition]:
        with self._store.reading() as tx:
            rows = tx.reader.all_deferred()
        return {row.place.kafka_partition for row in rows if row.reason != EQUIVOCATION}

    def contracts(self) -> ContractBook:
        """Return the agreements that are known now."""
        return self._trust.contracts

    def undelivered(
        self, wanted: Callable[[OpenedEvent], bool] = lambda _event: True
    ) -> list[tuple[int, OpenedEvent]]:
        """Return the next events; the disclosure log records them before they are returned.

        Args:
            wanted: chooses events. The others count as taken, and the log has no entry of them.
        """
        with self._store.reading() as tx:
            rows = tx.inbox.undelivered(ROUND_EVENTS)
        events = []
        for row in rows:
            assert row.payload is not None
            event = parse_payload(row.payload)
            if wanted(event):
                events.append((row.seq, event))
            else:
                self.delivered(row.seq)
        if events:
            with self._audit.transaction() as tx:
                entries = [self._consultation(event) for _, event in events]
                append_entries(tx, attributed(tx, self._actor, self._secret, entries))
        return events

    def _consultation(self, event: OpenedEvent) -> NewLogEntry:
        signed = self._trust.contracts.by_hash(bytes.fromhex(event.contract[2]))
        assert signed is not None
        return recording.consulted(
            event,
            signed.text,
            self._trust.current.resolver.agency,
            pseudonyms.case_key(self._secret, event.case_id),
            self._clock(),
            self._actor.operator,
        )

    def delivered(self, seq: int) -> None:
        """Mark an event as taken by the consumer."""
        with self._store.transaction() as tx:
            tx.inbox.mark_delivered(seq, self._clock(), None, told=False)


class Events:
    """Stream of a subscription's events, in order of arrival with urgent ones first."""

    def __init__(self, inbox: SubscriptionInbox) -> None:
        self._inbox = inbox
        self._ready: list[tuple[int, OpenedEvent]] = []
        self._given: int | None = None

    def __aiter__(self) -> Events:
        """Return the iterator itself."""
        return self

    async def __anext__(self) -> OpenedEvent:
        """Wait for the next event and return it. The previous one counts as taken.

        Raises:
            TransportError: Kafka no longer lets this agency read.
        """
        await self.acknowledge()
        while not self._ready:
            self._ready = await asyncio.to_thread(self._inbox.undelivered)
            if not self._ready:
                if self._inbox.reading.done():
                    self._inbox.reading.result()
                    raise StopAsyncIteration
                if self._inbox.judge_again_is_due():
                    await self._inbox.judge_again()
                await asyncio.sleep(LOOK_S)
        self._given, event = self._ready.pop(0)
        return event

    async def acknowledge(self) -> None:
        """Mark the last event as taken: it will not be returned again."""
        given, self._given = self._given, None
        if given is not None:
            await asyncio.to_thread(self._inbox.delivered, given)
