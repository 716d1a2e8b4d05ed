"""Receiver: raw batches from aiokafka, positions and failures kept by `Delivery`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from aiokafka import ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka import errors as kafka_errors

from broker.record import KafkaPartition
from broker.transport.delivery import Delivery
from broker.transport.interfaces import OnBatch, OnReached, OnTrouble, Positions, ReceiverTrouble
from broker.transport.kafka.client import (
    CLIENT_ERRORS,
    CLOSE_TIMEOUT_S,
    ClientSettings,
    transport_error,
)
from broker.transport.kafka.raw import (
    LenientConsumer,
    record_from_kafka,
    require_known_aiokafka,
)
from broker.waiting import retry_delay_s, set_within

MAX_POLL_RECORDS: Final = 2_000
POLL_WAIT_MS: Final = 2_000
"""Wait of a poll for the first record; it returns as soon as there is one."""
UNSURE_WAIT_MS: Final = 250
"""The same while it is not known whether Kafka answers."""
FETCH_WAIT_MS: Final = 1_000
"""Time for which Kafka keeps a request open until there is a record. It answers the requests of one
connection in turn, so this is below `ANSWER_S`."""

SILENCE_S: Final = 2.0
"""Time without a record after which Kafka is asked whether it is there."""
ANSWER_S: Final = 3.0
"""Time within which it has to answer then."""

COMMIT_TIMEOUT_S: Final = 5.0
LONGEST_PAUSE_S: Final = 2.0
"""Longest delay before a poll after an error; aiokafka reconnects by itself meanwhile."""


class KafkaReceiver:
    """Receives as a member of a group, and joins again after faults until it is stopped."""

    def __init__(self, client: ClientSettings, group: str) -> None:
        require_known_aiokafka()
        self._client = client
        self._group = group
        self._memberships: set[_Membership] = set()
        self._held: set[KafkaPartition] = set()

    async def run(
        self,
        topics: Iterable[str],
        on_batch: OnBatch,
        positions: Positions,
        stop: asyncio.Event,
        *,
        on_trouble: OnTrouble | None = None,
        on_reached: OnReached | None = None,
    ) -> None:
        """See `interfaces.Receiver.run`."""
        names = tuple(topics)
        failures = 0
        while not stop.is_set():
            delivery = Delivery(on_batch, positions, on_trouble)
            delivery.held |= self._held
            membership = _Membership(self._client, delivery, stop, on_trouble, on_reached)
            self._memberships.add(membership)
            try:
                await membership.run(names, self._group)
            except CLIENT_ERRORS as error:
                problem = transport_error(error, self._client)
                if problem.code in ("kafka_refused", "kafka_topic_missing"):
                    raise problem from None
                failures += 1
                wait = retry_delay_s(failures)
                if on_trouble:
                    on_trouble(ReceiverTrouble(problem.code, "", -1, type(error).__name__, wait))
                await set_within(stop, wait)
            finally:
                self._memberships.discard(membership)

    def pause(self, partition: KafkaPartition) -> None:
        """See `interfaces.Receiver.pause`."""
        self._held.add(partition)
        for membership in self._memberships:
            membership.hold(partition)

    def resume(self, partition: KafkaPartition) -> None:
        """See `interfaces.Receiver.resume`."""
        self._held.discard(partition)
        for membership in self._memberships:
            membership.release(partition)


class _Membership(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """One membership in the group, from joining to leaving."""

    def __init__(
        self,
        client: ClientSettings,
        delivery: Delivery,
        stop: asyncio.Event,
        on_trouble: OnTrouble | None,
        on_reached: OnReached | None,
    ) -> None:
        self._on_reached = on_reached
        self._client = client
        self._delivery = delivery
        self._stop = stop
        self._on_trouble = on_trouble
        self._busy = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._failures = 0
        self._answered: float | None = None
        self._timers: dict[KafkaPartition, asyncio.TimerHandle] = {}
        self._consumer: Any = None
        self._security: dict[str, Any] = {}

    async def run(self, topics: tuple[str, ...], group: str) -> None:
        """Join, receive until stopped or refused, leave.

        Raises:
            KafkaError, OSError, TimeoutError: Kafka does not let this member in, or wants it to
                join again.
        """
        self._security = self._client.security
        self._consumer = LenientConsumer(
            **{**self._client.options, **self._security},
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=MAX_POLL_RECORDS,
            fetch_max_wait_ms=FETCH_WAIT_MS,
        )
        stopping = asyncio.ensure_future(self._stop.wait())
        receiving = asyncio.ensure_future(self._receive(topics, stopping))
        try:
            await asyncio.wait({stopping, receiving}, return_when=asyncio.FIRST_COMPLETED)
            # After a stop, the batch in progress is finished.
            await asyncio.wait({receiving}, timeout=CLOSE_TIMEOUT_S)
            if receiving.done():
                receiving.result()
        finally:
            stopping.cancel()
            receiving.cancel()
            await asyncio.wait({stopping, receiving})
            for timer in self._timers.values():
                timer.cancel()
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self._consumer.stop(), 2 * CLOSE_TIMEOUT_S)

    async def _receive(self, topics: tuple[str, ...], stopping: asyncio.Future[Any]) -> None:
        await self._consumer.start()
        self._consumer.subscribe(topics, listener=self)
        while not self._stop.is_set():
            try:
                polled = await self._poll(stopping)
                if not polled and not self._stop.is_set():
                    await self._require_answer()
            except CLIENT_ERRORS as error:
                await set_within(self._stop, self._unanswered(error))
                continue
            if polled:
                self._reached()
                await self._take(polled)

    async def _poll(
        self, stopping: asyncio.Future[Any]
    ) -> Mapping[TopicPartition, Sequence[ConsumerRecord[Any, Any]]]:
        """Return the next records; nothing if none came in time, or at a stop."""
        sure = self._answered is not None and not self._failures
        wait_ms = POLL_WAIT_MS if sure else UNSURE_WAIT_MS
        polling = asyncio.ensure_future(self._consumer.getmany(timeout_ms=wait_ms))
        try:
            await asyncio.wait({polling, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return polling.result() if polling.done() else {}
        finally:
            polling.cancel()

    async def _require_answer(self) -> None:
        """Ask Kafka something if it has been silent: aiokafka reconnects for ever without a word.

        Raises:
            KafkaError, OSError, TimeoutError: it does not answer.
        """
        answered = None if self._failures else self._answered
        if answered is not None and self._loop.time() < answered + SILENCE_S:
            return
        assigned = sorted(self._consumer.assignment())
        async with asyncio.timeout(ANSWER_S):
            if assigned:
                await self._consumer.end_offsets(assigned[:1])
            else:
                await self._consumer.topics()
        self._reached()

    async def _take(
        self, polled: Mapping[TopicPartition, Sequence[ConsumerRecord[Any, Any]]]
    ) -> None:
        """Handle one poll."""
        taken: dict[TopicPartition, int] = {}
        async with self._busy:
            for partition, found in polled.items():
                place = KafkaPartition(*partition)
                if self._stop.is_set():
                    break
                if place not in self._delivery.assigned:
                    # the partition went to another member, which starts at the stored position
                    continue
                records = [record_from_kafka(raw) for raw in found]
                if await self._delivery.deliver(place, records, self._loop.time()):
                    taken[partition] = self._delivery.position(place)
                else:
                    self._go_back(place)
        if taken:
            # These offsets only show the lag to monitoring; nothing reads from them. Commit outside
            # the lock, because a rebalance waits for the lock and a commit may wait for the
            # rebalance (deadlock).
            with contextlib.suppress(*CLIENT_ERRORS, kafka_errors.IllegalStateError):
                async with asyncio.timeout(COMMIT_TIMEOUT_S):
                    await self._consumer.commit(taken)

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Wait for the batch in progress, so that the next member finds its position stored."""
        async with self._busy:
            self._delivery.forget({KafkaPartition(*place) for place in revoked})

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Seek before any poll can happen: there is no `await` before the last seek."""
        for place in assigned:
            self._seat(KafkaPartition(*place))

    def hold(self, place: KafkaPartition) -> None:
        """Pause a partition until `release`."""
        self._delivery.held.add(place)
        if place in self._delivery.assigned:
            self._consumer.pause(TopicPartition(*place))

    def release(self, place: KafkaPartition) -> None:
        """Read a partition again from its stored position."""
        self._delivery.held.discard(place)
        if place in self._delivery.assigned:
            self._seat(place)

    def _seat(self, place: KafkaPartition) -> None:
        consumer, partition = self._consumer, TopicPartition(*place)
        if self._stop.is_set() or partition not in consumer.assignment():
            return
        if wait := self._delivery.seat(place, self._loop.time()):
            # aiokafka would continue at the group's offset, which the operator can move.
            consumer.pause(partition)
            self._later(place, wait, self._seat)
        else:
            self._go_back(place)

    def _go_back(self, place: KafkaPartition) -> None:
        """Seek aiokafka to `Delivery`'s position, and pause it there as long as it must wait."""
        consumer, partition = self._consumer, TopicPartition(*place)
        if partition not in consumer.assignment():
            return
        consumer.seek(partition, self._delivery.position(place))
        now = self._loop.time()
        if self._delivery.ready(place, now):
            consumer.resume(partition)
            return
        consumer.pause(partition)
        if place not in self._delivery.held:
            self._later(place, self._delivery.retry_at(place) - now, self._wake)

    def _wake(self, place: KafkaPartition) -> None:
        if place in self._delivery.assigned:
            self._go_back(place)

    def _later(
        self, place: KafkaPartition, wait: float, call: Callable[[KafkaPartition], None]
    ) -> None:
        if timer := self._timers.pop(place, None):
            timer.cancel()
        self._timers[place] = self._loop.call_later(max(wait, 0.0) + 0.001, call, place)

    def _reached(self) -> None:
        """Record that Kafka answered."""
        if self._failures:
            # It may be another Kafka than before: look the positions up again.
            for place in self._delivery.assigned:
                self._seat(place)
        self._failures = 0
        self._answered = self._loop.time()
        if self._on_reached:
            self._on_reached()

    def _unanswered(self, error: BaseException) -> float:
        """Record that Kafka refused or did not answer; return the seconds to wait.

        Raises:
            BaseException: ``error``, if this member has to join again.
        """
        self._failures += 1
        for place in self._delivery.assigned:
            # aiokafka has moved past the records that this poll had read of other partitions.
            self._delivery.doubt(place)
            self._go_back(place)
        problem = transport_error(error, self._client)
        if problem.code == "kafka_refused" or self._client.changed(self._security):
            raise error
        wait = retry_delay_s(self._failures, most=LONGEST_PAUSE_S)
        if self._on_trouble:
            self._on_trouble(ReceiverTrouble(problem.code, "", -1, type(error).__name__, wait))
        return wait
