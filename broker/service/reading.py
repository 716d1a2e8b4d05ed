"""Reader of Kafka for one agency: manifests and receipts first, then everything, into one state.

A running adapter and a subscription share this module (docs/spec/opening.md). Each has an inbox and
a registry of its own. Control records go to the registry, data records to judging. The trust store
is rebuilt whenever the registry changes. Three callables add the rest.

The registry decides which data topics are read. So reading stops and starts again when a contract
is learned or removed. Positions are in the store, so no record is lost or delivered twice. If Kafka
does not show a topic yet, the reader waits for it and reads the others meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from broker.agency.participant import Participant
from broker.control.catching_up import AGAIN_S, catch_up
from broker.control.control import Control
from broker.control.news import News
from broker.errors import StoreError, TransportError
from broker.judging.key_resolver import Trust
from broker.receiving.persistence import Batch
from broker.receiving.position_guard import PositionGuard
from broker.receiving.receiving import Receiving
from broker.record import KafkaPartition, Record
from broker.transport.interfaces import OnTrouble, Receiver, ReceiverTrouble, trouble_code
from broker.waiting import (
    DESCRIPTORS_EXHAUSTED,
    out_of_descriptors,
    retry_delay_s,
    set_within,
)

UNHEARD: Final = KafkaPartition("", -1)
"""Partition that stands for records of all partitions that are judged again."""


class Listener(Protocol):
    """Callbacks of a reader: a running adapter and a subscription implement them."""

    def taken(self, partition: KafkaPartition, batch: Batch, now: int) -> None:
        """Data records were taken, at ``now`` (ms)."""

    def news(self, news: News) -> None:
        """Control records were taken."""

    async def believed(self, trust: Trust) -> None:
        """The trusted contracts or manifests have changed."""

    def reached(self) -> None:
        """Kafka has answered."""


@dataclass(frozen=True, slots=True)
class Inbound:
    """Writers of received records to the state database.

    Attributes:
        control: control records, and the trusted contracts and manifests.
        receiving: data records.
        positions: position of reading in each partition.
    """

    control: Control
    receiving: Receiving
    positions: PositionGuard


class Reader:
    """Reads the records for an agency from Kafka, and keeps its keys and contracts current.

    Args:
        receiver: Kafka.
        inbound: what takes the records.
        listens: control topics that are read beside the data topics.
        listener: is called with the results.
        clock: () -> ms since the epoch.
    """

    def __init__(
        self,
        receiver: Receiver,
        inbound: Inbound,
        listens: tuple[str, ...],
        listener: Listener,
        clock: Callable[[], int],
    ) -> None:
        self._receiver = receiver
        self._control = inbound.control
        self._receiving = inbound.receiving
        self._positions = inbound.positions
        self._listens = listens
        self._listener = listener
        self._clock = clock
        self._books = asyncio.Lock()
        self._told = self._control.trust.current
        self.caught_up = asyncio.Event()
        """Set when manifests and receipts were read to their end for the first time."""
        self._begin_turn()

    async def run(self, stop: asyncio.Event, on_trouble: OnTrouble) -> None:
        """Read manifests and receipts first, then everything, until ``stop``.

        Data topics that Kafka does not show are waited for; the others are read meanwhile.

        Raises:
            TransportError: ``kafka_refused``: Kafka does not let this agency read.
        """
        refused: frozenset[str] | None = None
        while not stop.is_set():
            ended = self._begin_turn()
            there: frozenset[str] = frozenset()
            try:
                await self._hear_anew(stop, on_trouble)
                if not self.caught_up.is_set():
                    await self._catch_up(stop, on_trouble)
                    if not stop.is_set():
                        self.caught_up.set()
                wanted = self._control.data_topics()
                there = await self._receiver.visible(wanted)
                await self._read(there, frozenset(wanted) - there, ended, stop, on_trouble)
            except (StoreError, TransportError, OSError) as error:
                if isinstance(error, OSError) and not out_of_descriptors(error):
                    raise
                if getattr(error, "code", None) == "kafka_refused":
                    if refused == there:
                        raise
                    refused = there  # perhaps a topic was removed: look once more
                code = trouble_code(error)
                if out_of_descriptors(error):
                    code = DESCRIPTORS_EXHAUSTED
                on_trouble(ReceiverTrouble(code, "", -1, type(error).__name__, AGAIN_S))
                await set_within(stop, AGAIN_S)

    def _begin_turn(self) -> asyncio.Event:
        """Return the event that ends this turn of reading: any change of the contracts."""
        self._begun_with = self._control.believed()
        self._ended = asyncio.Event()
        return self._ended

    async def _catch_up(self, stop: asyncio.Event, on_trouble: OnTrouble) -> None:
        for first in (self._control.topics.manifests, self._control.topics.receipts):
            await catch_up(
                self._receiver, first, self._positions.position, self._take, stop, on_trouble
            )

    async def _hear_anew(self, stop: asyncio.Event, on_trouble: OnTrouble) -> None:
        """Take all notes and manifests once more, if a contract is trusted that was not before.

        A note of another party is refused while this agency has not signed the contract. A manifest
        is refused while no contract names its agency's governance keys. The stored position is
        after these records, so they would never be read again: the contract would never get all
        signatures, and the manifest would be missing until the next one.
        """
        believed = self._begun_with
        if self._control.heard_with() == believed:
            return
        for topic in (self._control.topics.contracts, self._control.topics.manifests):
            await catch_up(
                self._receiver,
                topic,
                _from_the_beginning,
                self._take_control,
                stop,
                on_trouble,
            )
        if not stop.is_set():
            self._control.note_heard_with(believed)

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
                self._positions.position,
                ended,
                on_trouble=on_trouble,
                on_reached=self._listener.reached,
            )
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    async def _look_for(
        self, missing: frozenset[str], ended: asyncio.Event, on_trouble: OnTrouble
    ) -> None:
        """Report the missing topics, and look for them ever less often, until one exists."""
        looks = 0
        while missing and not ended.is_set():
            looks += 1
            wait = retry_delay_s(looks)
            for topic in sorted(missing):
                on_trouble(
                    ReceiverTrouble("kafka_topic_missing", topic, -1, "TransportError", wait)
                )
            await set_within(ended, wait)
            with contextlib.suppress(TransportError):  # the reader of the other topics reports it
                if await self._receiver.visible(missing):
                    ended.set()

    async def take_up(self, load: Callable[[], Participant]) -> Participant:
        """Continue with contracts, manifests and keys that are loaded again from the files.

        Args:
            load: () -> the agency, loaded from its files. It is called in a thread. While it runs,
                no record of Kafka changes the contracts and manifests.

        Raises:
            ConcordantError: a file does not verify; what was known stays in force.
        """
        async with self._books:
            fresh = await asyncio.to_thread(load)
            self._control.trust.believe(fresh.contracts, fresh.manifests, fresh.keyring)
            await self._books_changed()
        return fresh

    async def hear_manifests(self, stop: asyncio.Event, on_trouble: OnTrouble) -> None:
        """Read the manifests topic from its beginning to its end; wait while Kafka is down.

        Raises:
            TransportError: ``kafka_refused``.
        """
        self._control.own_record.read_anew()
        await catch_up(
            self._receiver,
            self._control.topics.manifests,
            _from_the_beginning,
            self._take_control,
            stop,
            on_trouble,
        )

    async def judge_unheard(self) -> None:
        """Judge again records that came after an end of their sender (broker/judging/ends.py)."""
        now = self._clock()
        batch = await asyncio.to_thread(self._receiving.judge_unheard, now)
        if batch.opened or batch.refused:
            self._listener.taken(UNHEARD, batch, now)

    def read_again(self, partition: KafkaPartition) -> None:
        """Read a partition again from its stored position: something there waits to be judged."""
        self._receiver.pause(partition)
        self._receiver.resume(partition)

    async def _take(self, partition: KafkaPartition, records: list[Record]) -> None:
        now = self._clock()
        records = await self._positions.unread(partition, records)
        if not records:
            return
        if partition.topic in self._control.topics.names:
            await self._take_control(partition, records)
            return
        batch = await asyncio.to_thread(self._receiving.take, partition, records, now)
        self._listener.taken(partition, batch, now)
        if batch.covered_more:
            self.read_again(partition)

    async def _take_control(self, partition: KafkaPartition, records: list[Record]) -> None:
        async with self._books:
            news = await asyncio.to_thread(self._control.take, partition, records, self._clock())
            # do not rely on `News`: after an error, its content would be lost
            if self._control.trust.current is not self._told:
                await self._books_changed()
        self._listener.news(news)

    async def _books_changed(self) -> None:
        self._told = self._control.trust.current
        if self._control.believed() != self._begun_with:
            self._ended.set()
        await self._listener.believed(self._told)


def _from_the_beginning(_partition: KafkaPartition) -> int | None:
    return None


async def _pass_on(stop: asyncio.Event, ended: asyncio.Event) -> None:
    await stop.wait()
    ended.set()
