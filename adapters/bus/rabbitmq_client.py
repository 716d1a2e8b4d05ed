"""Client of RabbitMQ: quorum queues on disk, persistent messages, publisher confirms.

Each subject is a direct exchange and a queue of one name, so that RabbitMQ checks who may write to
it: everyone who may write to the default exchange may write to every queue.

FastStream's connection is made again by itself after a loss, and is not closed if its opening is
given up. So this client uses the connection of FastStream's own library without these.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final
from uuid import uuid4

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aiormq.exceptions import (
    ChannelAccessRefused,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    PublishError,
)
from pamqp.commands import Basic
from pamqp.common import FieldValue

from adapters.bus.amqp_connection import bus_connection
from adapters.bus.clients import (
    OPERATION_S,
    BusSettings,
    Incoming,
    OutgoingMessage,
    Right,
    header_texts,
)
from adapters.bus.cloud_events import CONTENT_TYPE

ONE_AT_A_TIME: Final = 1
"""Messages that RabbitMQ delivers before one of them was acknowledged."""

WRONG: Final[Mapping[str, FieldValue]] = {"x-priority": "none"}
"""Arguments with which RabbitMQ makes no consumer."""


class RabbitmqClient:
    """See ``BusClient``."""

    def __init__(self, settings: BusSettings, reads: str | None) -> None:
        self._connection = bus_connection(settings)
        self._names = settings.names
        self._declares = settings.section.declare
        self._reads = reads
        self._channel: AbstractChannel | None = None
        self._delivered: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()

    async def open(self) -> None:
        """See ``BusClient.open``."""
        await self._connection.connect(timeout=OPERATION_S)
        self._channel = channel = self._connection.channel(
            publisher_confirms=True, on_return_raises=True
        )
        await channel.initialize(timeout=OPERATION_S)
        channel.close_callbacks.add(self._lost)
        await self.check()
        if self._declares:
            await self._declare(channel)
        if self._reads is not None:
            await self._consume(channel, self._reads)

    async def _declare(self, channel: AbstractChannel) -> None:
        transport = self._connection.transport
        assert transport is not None
        arguments = queue_arguments(transport.connection.server_properties)
        for name in self._names:
            exchange = await channel.declare_exchange(name, durable=True, timeout=OPERATION_S)
            queue = await channel.declare_queue(
                name, durable=True, arguments=arguments, timeout=OPERATION_S
            )
            await queue.bind(exchange, name, timeout=OPERATION_S)

    async def _consume(self, channel: AbstractChannel, name: str) -> None:
        queue = await channel.get_queue(name, ensure=False)
        underlay = await channel.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.add(self._cancelled)
        await queue.consume(self._delivered.put, timeout=OPERATION_S)

    def _lost(self, *_: object) -> None:
        self._delivered.put_nowait(None)

    def _cancelled(self, _: Basic.Cancel) -> None:
        """Take the end of a queue, or of its leader, for a lost connection."""
        self._delivered.put_nowait(None)

    async def publish(self, name: str, message: OutgoingMessage) -> None:
        """See ``BusClient.publish``; an exchange or a queue that does not exist is an error."""
        assert self._channel is not None
        exchange = await self._channel.get_exchange(name, ensure=False)
        await exchange.publish(
            Message(
                message.body,
                content_type=CONTENT_TYPE,
                message_id=message.id,
                delivery_mode=DeliveryMode.PERSISTENT,
            ),
            name,
            mandatory=True,
            timeout=OPERATION_S,
        )

    async def next(self, wait_s: float) -> Incoming | None:
        """See ``BusClient.next``.

        RabbitMQ delivers the next message by itself. So no request is given up when the time is
        over: the library closes the channel of a request that is given up.
        """
        try:
            async with asyncio.timeout(wait_s):
                message = await self._delivered.get()
        except TimeoutError:
            await self.check()
            return None
        if message is None:
            raise ConnectionError
        headers = header_texts(message.headers)
        if message.content_type:
            headers["content-type"] = message.content_type
        return Incoming(message.body, headers, message.ack)

    async def check(self) -> None:
        """See ``BusClient.check``."""
        assert self._channel is not None
        await self._channel.set_qos(prefetch_count=ONE_AT_A_TIME, timeout=OPERATION_S)

    async def may_read(self, name: str) -> Right:
        """See ``BusClient.may_read``; RabbitMQ looks at the right before the arguments."""
        async with self._connection.channel() as channel:
            queue = await channel.get_queue(name, ensure=False)
            try:
                await queue.consume(self._delivered.put, arguments=dict(WRONG), timeout=OPERATION_S)
            except ChannelPreconditionFailed:
                return "allowed"
            except (ChannelAccessRefused, ChannelNotFoundEntity) as error:
                return _right(error)
        raise ConnectionError

    async def may_write(self, name: str) -> Right:
        """See ``BusClient.may_write``; no queue has the key, so RabbitMQ returns the message."""
        async with self._connection.channel(on_return_raises=True) as channel:
            exchange = await channel.get_exchange(name, ensure=False)
            try:
                await exchange.publish(
                    Message(b"", message_id=uuid4().hex), uuid4().hex, timeout=OPERATION_S
                )
            except PublishError:
                return "allowed"
            except (ChannelAccessRefused, ChannelNotFoundEntity) as error:
                return _right(error)
        raise ConnectionError

    async def close(self) -> None:
        """See ``BusClient.close``."""
        await self._connection.close()


def _right(error: ChannelAccessRefused | ChannelNotFoundEntity) -> Right:
    return "missing" if isinstance(error, ChannelNotFoundEntity) else "refused"


def queue_arguments(server: Mapping[str, object]) -> dict[str, FieldValue]:
    """Return the arguments of a quorum queue that drops no message and keeps the order.

    One consumer is active. The next one is active after the messages that the one before did not
    acknowledge are back, so that a reader that connects again does not get later ones first.

    From version 4 on, RabbitMQ drops a message that was delivered 20 times; -1 has no limit. An
    older version has no limit by itself, and takes -1 for a limit that is reached at once.

    Args:
        server: the properties that the server told at the connection.
    """
    version = server.get("version", b"")
    text = version.decode("ascii", "replace") if isinstance(version, bytes) else str(version)
    major = text.partition(".")[0]
    arguments: dict[str, FieldValue] = {
        "x-queue-type": "quorum",
        "x-single-active-consumer": True,
    }
    if major.isdecimal() and int(major) >= 4:
        arguments["x-delivery-limit"] = -1
    return arguments
