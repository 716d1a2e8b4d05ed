"""Receiver: raw batches from FastStream, positions and failures kept by `Delivery`."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from aiokafka import ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka import errors as kafka_errors
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.security import BaseSecurity

from broker.record import KafkaPartition, Record
from broker.transport.delivery import Delivery
from broker.transport.interfaces import OnBatch, OnReached, OnTrouble, Positions, Trouble
from broker.transport.kafka.client import (
    CLIENT_ERRORS,
    CLOSE_TIMEOUT_S,
    METADATA_MAX_AGE_MS,
    REQUEST_TIMEOUT_MS,
    ClientSettings,
    transport_error,
)
from broker.transport.kafka.raw import (
    LenientConsumer,
    decode_raw,
    parse_raw,
    record_of,
    require_known_aiokafka,
)
from broker.waiting import retry_delay_s, set_within

MAX_POLL_RECORDS = 2_000
POLL_PAUSE_MS = 10
"""FastStream's `batch_timeout_ms`: its sleep after an empty poll."""

POLL_WAIT_MS = 250
"""Wait of a poll for the first record; it returns as soon as there is one."""

COMMIT_TIMEOUT_S = 5.0
LONGEST_SILENCE_S = 2.0
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
                    on_trouble(Trouble(problem.code, "", -1, type(error).__name__, wait))
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


class _Consumer(LenientConsumer):
    """A consumer that reports its errors; FastStream would log them and sleep five seconds."""

    def __init__(self, *, heard: Callable[[BaseException | None], float], **options: Any) -> None:
        super().__init__(**options)
        self._heard = heard

    async def getmany(self, *partitions: Any, timeout_ms: int = 0, **options: Any) -> Any:
        del timeout_ms  # FastStream sleeps this long after an empty poll: short there, long here
        try:
            found = await super().getmany(*partitions, timeout_ms=POLL_WAIT_MS, **options)
            if not found and not any(conn.connected() for conn in self._client._conns.values()):
                # aiokafka tries to reconnect for ever without telling its caller.
                raise kafka_errors.KafkaConnectionError
        except CLIENT_ERRORS as error:
            await asyncio.sleep(self._heard(error))
            return {}
        self._heard(None)
        return found


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
        self._refused: asyncio.Future[bool] = self._loop.create_future()
        self._failures = 0
        self._timers: dict[KafkaPartition, asyncio.TimerHandle] = {}
        self._subscriber: Any = None
        self._security: dict[str, Any] = {}

    async def run(self, topics: tuple[str, ...], group: str) -> None:
        """Join, receive until stopped or refused, leave."""
        self._security = self._client.security
        kafka = KafkaBroker(
            self._client.options["bootstrap_servers"],
            client_id=self._client.client_id,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
            security=BaseSecurity(ssl_context=self._client.context, use_ssl=True),
            consumer_only=True,
            allow_auto_create_topics=False,
            logger=None,
            apply_types=False,
            graceful_timeout=CLOSE_TIMEOUT_S,
        )
        self._subscriber = kafka.subscriber(
            *topics,
            group_id=group,
            batch=True,
            max_records=MAX_POLL_RECORDS,
            batch_timeout_ms=POLL_PAUSE_MS,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            no_reply=True,
            listener=self,
            parser=parse_raw,
            decoder=decode_raw,
        )
        self._subscriber(self._take)
        await kafka.connect()
        config: Any = kafka.config.broker_config
        # FastStream has no setting for a token provider, so the consumer gets our own settings.
        options = {**config.builder.keywords, **self._security}
        config.builder = partial(_Consumer, heard=self._hear, **options)
        stopping: asyncio.Future[bool] = asyncio.ensure_future(self._stop.wait())
        try:
            await kafka.start()
            await asyncio.wait({stopping, self._refused}, return_when=asyncio.FIRST_COMPLETED)
            if self._refused.done():
                self._refused.result()
        finally:
            stopping.cancel()
            self._refused.cancel()
            for timer in self._timers.values():
                timer.cancel()
            with contextlib.suppress(Exception):
                await asyncio.wait_for(kafka.stop(), 3 * CLOSE_TIMEOUT_S)

    async def _take(self, polled: tuple[ConsumerRecord[Any, Any], ...]) -> None:
        """Handle one poll. It raises nothing, because FastStream drops exceptions."""
        batches: dict[KafkaPartition, list[Record]] = defaultdict(list)
        for raw in polled:
            batches[KafkaPartition(raw.topic, raw.partition)].append(record_of(raw))
        taken: dict[TopicPartition, int] = {}
        async with self._busy:
            for place, records in batches.items():
                if self._stop.is_set():
                    break
                if place not in self._delivery.assigned:
                    # the partition went to another member, which starts at the stored position
                    continue
                if await self._delivery.deliver(place, records, self._loop.time()):
                    taken[TopicPartition(*place)] = self._delivery.position(place)
                else:
                    self._go_back(place)
        consumer = self._subscriber.consumer
        if taken and consumer is not None:
            # These offsets only show the lag to monitoring; nothing reads from them. Commit outside
            # the lock, because a rebalance waits for the lock and a commit may wait for the
            # rebalance (deadlock).
            with contextlib.suppress(*CLIENT_ERRORS, kafka_errors.IllegalStateError):
                async with asyncio.timeout(COMMIT_TIMEOUT_S):
                    await consumer.commit(taken)

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
            self._subscriber.consumer.pause(TopicPartition(*place))

    def release(self, place: KafkaPartition) -> None:
        """Read a partition again from its stored position."""
        self._delivery.held.discard(place)
        if place in self._delivery.assigned:
            self._seat(place)

    def _seat(self, place: KafkaPartition) -> None:
        consumer, partition = self._subscriber.consumer, TopicPartition(*place)
        if self._stop.is_set() or consumer is None or partition not in consumer.assignment():
            return
        if wait := self._delivery.seat(place, self._loop.time()):
            # aiokafka would continue at the group's offset, which the operator can move.
            consumer.pause(partition)
            self._later(place, wait, self._seat)
        else:
            self._go_back(place)

    def _go_back(self, place: KafkaPartition) -> None:
        """Seek aiokafka to `Delivery`'s position, and pause it there as long as it must wait."""
        consumer, partition = self._subscriber.consumer, TopicPartition(*place)
        if consumer is None or partition not in consumer.assignment():
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

    def _hear(self, error: BaseException | None) -> float:
        """Record the result of a poll; return the seconds to wait before the next."""
        if error is None:
            if self._failures:
                # It may be another Kafka than before: look the positions up again.
                for place in self._delivery.assigned:
                    self._seat(place)
            self._failures = 0
            if self._on_reached:
                self._on_reached()
            return 0.0
        self._failures += 1
        for place in self._delivery.assigned:
            # aiokafka has moved past the records that this poll had read of other partitions.
            self._delivery.doubt(place)
            self._go_back(place)
        wait = retry_delay_s(self._failures, most=LONGEST_SILENCE_S)
        problem = transport_error(error, self._client)
        joined_again = problem.code == "kafka_refused" or self._client.changed(self._security)
        if joined_again and not self._refused.done():
            self._refused.set_exception(error)
        elif self._on_trouble:
            self._on_trouble(Trouble(problem.code, "", -1, type(error).__name__, wait))
        return wait
