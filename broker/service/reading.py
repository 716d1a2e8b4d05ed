"""Reading Kafka for one agency: what keys are worth first, then everything, into one state.

What a running adapter and a subscription have in common (docs/spec/opening.md): an inbox and books
of their own, control records for the registry, data records for judging, and trust that is made
anew whenever the books change. What each adds, it is told of by the three callables.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from broker.agency.participant import Participant
from broker.control.catching_up import catch_up
from broker.control.control import Control, News
from broker.judging.trust import OpeningKeys, Trust
from broker.receiving.footing import Footing
from broker.receiving.receiving import Receiving
from broker.receiving.taking import Batch
from broker.record import Record
from broker.registry.contract_book import ContractBook
from broker.registry.manifests import ManifestBook
from broker.store.interfaces import Store
from broker.transport.interfaces import OnTrouble, Receiver
from broker.transport.topics import ControlTopics, all_readable_topics

OnTaken = Callable[[str, int, Batch, int], None]
"""Told (topic, partition, batch, now in ms) of data records that were taken."""

OnNews = Callable[[News], Awaitable[None]]
"""Told of what control records brought."""

OnBooks = Callable[[], Awaitable[None]]
"""Told that contracts or manifests are others than before; trust is renewed by then."""


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
        on_taken, on_news, on_books: told of what came.
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
        self._footing = Footing(store, receiver)
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

    def _renew_trust(self) -> None:
        contracts, manifests = self.control.contracts, self.control.manifests
        self.trust = Trust(self._agency, manifests, contracts)
        self._opening = OpeningKeys(self._agency, manifests, self._keyring)
        self._receiving.trust_changed()

    def data_topics(self) -> tuple[str, ...]:
        """Data topics that this agency reads, of every contract that it has signed."""
        contracts = (signed.contract for signed in self.control.contracts.trusted())
        return all_readable_topics(contracts, self._agency)

    async def run(self, stop: asyncio.Event, on_trouble: OnTrouble) -> None:
        """What keys are worth first, then everything, until ``stop``.

        Raises:
            TransportError: ``kafka_refused``: Kafka does not let this agency read.
        """
        for first in (self._topics.manifests, self._topics.receipts):
            await catch_up(self._receiver, first, self._footing.position, self._take, stop)
        await self._receiver.run(
            (*self.data_topics(), *self._listens),
            self._take,
            self._footing.position,
            stop,
            on_trouble=on_trouble,
        )

    async def adopt(self, contracts: ContractBook, manifests: ManifestBook) -> None:
        """Go on with books that were loaded anew."""
        self.control.contracts, self.control.manifests = contracts, manifests
        await self._books_changed()

    def read_again(self, topic: str, partition: int) -> None:
        """Read a partition again from its stored position: something there waits to be judged."""
        self._receiver.pause(topic, partition)
        self._receiver.resume(topic, partition)

    async def _take(self, topic: str, partition: int, records: list[Record]) -> None:
        now = self._clock()
        records = await self._footing.unread(topic, partition, records)
        if not records:
            return
        if topic in self._topics.names:
            news = await asyncio.to_thread(self.control.take, topic, partition, records, now)
            # not asked of the news: an error after storing would lose it
            if not self.trust.rests_on(self.control.contracts, self.control.manifests):
                await self._books_changed()
            await self._on_news(news)
            return
        batch = await asyncio.to_thread(self._receiving.take, topic, partition, records, now)
        self._on_taken(topic, partition, batch, now)

    async def _books_changed(self) -> None:
        self._renew_trust()
        await self._on_books()
