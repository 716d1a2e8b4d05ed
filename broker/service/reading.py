"""Reader of Kafka for one agency: manifests and receipts first, then everything, into one state.

What a running adapter and a subscription have in common (docs/spec/opening.md): an inbox and books
of their own, control records for the registry, data records for judging, and trust that is made
anew whenever the books change. What each adds, it is told of by the three callables.

Which data topics there are to read follows from the books, so reading ends and begins again when a
contract is learned or taken away; positions are in the store, nothing is lost or comes twice. A
topic that Kafka does not show yet is waited for while the others are read.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

from broker.agency.participant import Participant
from broker.control.catching_up import AGAIN_S, catch_up
from broker.control.control import Control, News
from broker.envelope.primitives import sha256
from broker.errors import StoreError, TransportError
from broker.judging.key_resolver import KeyResolver, OpeningKeys
from broker.receiving.persistence import Batch
from broker.receiving.position_guard import PositionGuard
from broker.receiving.receiving import Receiving
from broker.record import KafkaPartition, Record
from broker.store.database import Store
from broker.transport.interfaces import OnReached, OnTrouble, Receiver, Trouble, trouble_code
from broker.transport.topics import ControlTopics, all_readable_topics
from broker.waiting import (
    DESCRIPTORS_EXHAUSTED,
    out_of_descriptors,
    retry_delay_s,
    set_within,
)

OnTaken = Callable[[KafkaPartition, Batch, int], None]
"""Called with (partition, batch, now in ms) of accepted data records."""

OnNews = Callable[[News], Awaitable[None]]
"""Told of what control records brought."""

OnBooks = Callable[[], Awaitable[None]]
"""Told that contracts or manifests are others than before; trust is renewed by then."""


HEARD_WITH: Final = "manifests-heard-with"
"""Under which name it is kept which contracts were trusted when all manifests were last taken."""


class Reader:
    """Takes what Kafka holds for an agency, and keeps what it believes current.

    Args:
        participant: the agency, loaded and verified.
        store: where positions, stream states and the inbox are.
        receiver: Kafka.
        clock: () -> ms since the epoch.
        secret: the agency's PRF secret.
        topics: the deployment's control topics.
        listens: those of them that are read beside the data topics.
        on_taken, on_news, on_books: called with the results.
        on_reached: told each time that Kafka has answered.
        log_taken: whether each event that is taken is an entry of the disclosure log in ``store``.

    Attributes:
        control: the books, kept current from the control topics.
        trust: what is believed now.
    """

    def __init__(
        self,
        participant: Participant,
        store: Store,
        receiver: Receiver,
        clock: Callable[[], int],
        secret: bytes,
        topics: ControlTopics,
        listens: tuple[str, ...],
        *,
        on_taken: OnTaken,
        on_news: OnNews,
        on_books: OnBooks,
        log_taken: bool = True,
        on_reached: OnReached | None = None,
    ) -> None:
        self._agency = participant.agency
        self._keyring = participant.keyring
        self._receiver = receiver
        self._clock = clock
        self._topics = topics
        self._listens = listens
        self._on_taken = on_taken
        self._on_news = on_news
        self._on_books = on_books
        self._on_reached = on_reached
        self._store = store
        self._footing = PositionGuard(store, receiver)
        self._books = asyncio.Lock()
        self.control = Control(
            participant.agency,
            topics,
            participant.repository,
            participant.contracts,
            participant.manifests,
            store,
            lambda: frozenset(self.data_topics()),
        )
        self._receiving = Receiving(
            participant.deployment,
            participant.agency,
            store,
            lambda: self.trust,
            lambda: self._opening,
            secret,
            log_taken=log_taken,
        )
        self._renew_trust()
        self._begin_turn()

    def _renew_trust(self) -> None:
        contracts, manifests = self.control.contracts, self.control.manifests
        self.trust = KeyResolver(self._agency, manifests, contracts)
        self._opening = OpeningKeys(self._agency, manifests, self._keyring)
        self._receiving.trust_changed()

    def data_topics(self) -> tuple[str, ...]:
        """Data topics that this agency reads, of every contract that it has signed."""
        contracts = (signed.contract for signed in self.control.contracts.trusted())
        return all_readable_topics(contracts, self._agency)

    async def run(self, stop: asyncio.Event, on_trouble: OnTrouble) -> None:
        """Read manifests and receipts first, then everything, until ``stop``.

        Data topics that Kafka does not show are waited for; the others are read meanwhile.

        Raises:
            TransportError: ``kafka_refused``: Kafka does not let this agency read.
        """
        refused: frozenset[str] | None = None
        caught_up = False
        while not stop.is_set():
            ended = self._begin_turn()
            there: frozenset[str] = frozenset()
            try:
                await self._hear_anew(stop, on_trouble)
                if not caught_up:
                    await self._catch_up(stop, on_trouble)
                    caught_up = True
                wanted = self.data_topics()
                there = await self._receiver.visible(wanted)
                await self._read(there, frozenset(wanted) - there, ended, stop, on_trouble)
            except (StoreError, TransportError, OSError) as error:
                if isinstance(error, OSError) and not out_of_descriptors(error):
                    raise
                if getattr(error, "code", None) == "kafka_refused":
                    if refused == there:
                        raise
                    refused = there  # a topic was taken away, perhaps: look once more
                code = trouble_code(error)
                if out_of_descriptors(error):
                    code = DESCRIPTORS_EXHAUSTED
                on_trouble(Trouble(code, "", -1, type(error).__name__, AGAIN_S))
                await set_within(stop, AGAIN_S)

    def _begin_turn(self) -> asyncio.Event:
        """Return the event that ends this turn of reading: any change of the contracts."""
        self._begun_with = self._believed()
        self._ended = asyncio.Event()
        return self._ended

    def _believed(self) -> bytes:
        """A hash of which contracts are trusted."""
        return sha256(b"".join(sorted(one.hash for one in self.control.contracts.trusted())))

    async def _catch_up(self, stop: asyncio.Event, on_trouble: OnTrouble) -> None:
        for first in (self._topics.manifests, self._topics.receipts):
            await catch_up(
                self._receiver, first, self._footing.position, self._take, stop, on_trouble
            )

    async def _hear_anew(self, stop: asyncio.Event, on_trouble: OnTrouble) -> None:
        """Take all manifests once more, if a contract is trusted that was not when they came.

        A manifest is refused while no contract pins its agency's governance keys, and a position
        is past it for good; a new party's would be missed until it renews its keys.
        """
        believed = self._begun_with
        with self._store.reading() as tx:
            if tx.meta.get(HEARD_WITH) == believed:
                return
        await catch_up(
            self._receiver,
            self._topics.manifests,
            lambda _partition: None,
            self._take_control,
            stop,
            on_trouble,
        )
        if not stop.is_set():
            with self._store.transaction() as tx:
                tx.meta.set(HEARD_WITH, believed)

    async def _read(
        self,
        there: frozenset[str],
        missing: frozenset[str],
        ended: asyncio.Event,
        stop: asyncio.Event,
        on_trouble: OnTrouble,
    ) -> None:
        """One turn: until ``stop``, other contracts, or a topic that was missing."""
        beside = (
            asyncio.create_task(_pass_on(stop, ended)),
            asyncio.create_task(self._look_for(missing, ended, on_trouble)),
        )
        try:
            await self._receiver.run(
                (*sorted(there), *self._listens),
                self._take,
                self._footing.position,
                ended,
                on_trouble=on_trouble,
                on_reached=self._on_reached,
            )
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    async def _look_for(
        self, missing: frozenset[str], ended: asyncio.Event, on_trouble: OnTrouble
    ) -> None:
        """Say what is missing and look again, ever more rarely, until some of it is there."""
        looks = 0
        while missing and not ended.is_set():
            looks += 1
            wait = retry_delay_s(looks)
            for topic in sorted(missing):
                on_trouble(Trouble("kafka_topic_missing", topic, -1, "TransportError", wait))
            await set_within(ended, wait)
            with contextlib.suppress(TransportError):  # the reader of the other topics reports it
                if await self._receiver.visible(missing):
                    ended.set()

    async def take_up(self, load: Callable[[], Participant]) -> Participant:
        """Go on with books and keys that are loaded anew.

        Args:
            load: () -> the agency as its files are now. Called in a thread; nothing from Kafka is
                put into the books between its look at the files and their use.

        Raises:
            ConcordantError: a file does not verify; what was known stays in force.
        """
        async with self._books:
            fresh = await asyncio.to_thread(load)
            self._keyring = fresh.keyring
            self.control.contracts, self.control.manifests = fresh.contracts, fresh.manifests
            await self._books_changed()
        return fresh

    def read_again(self, partition: KafkaPartition) -> None:
        """Read a partition again from its stored position: something there waits to be judged."""
        self._receiver.pause(partition)
        self._receiver.resume(partition)

    async def _take(self, partition: KafkaPartition, records: list[Record]) -> None:
        now = self._clock()
        records = await self._footing.unread(partition, records)
        if not records:
            return
        if partition.topic in self._topics.names:
            await self._take_control(partition, records)
            return
        batch = await asyncio.to_thread(self._receiving.take, partition, records, now)
        self._on_taken(partition, batch, now)

    async def _take_control(self, partition: KafkaPartition, records: list[Record]) -> None:
        async with self._books:
            news = await asyncio.to_thread(self.control.take, partition, records, self._clock())
            # not asked of the news: an error after storing would lose it
            if not self.trust.rests_on(self.control.contracts, self.control.manifests):
                await self._books_changed()
        await self._on_news(news)

    async def _books_changed(self) -> None:
        self._renew_trust()
        if self._believed() != self._begun_with:
            self._ended.set()
        await self._on_books()


async def _pass_on(stop: asyncio.Event, ended: asyncio.Event) -> None:
    await stop.wait()
    ended.set()
