"""Client of RabbitMQ: quorum queues on disk, persistent messages, publisher confirms."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from aio_pika import RobustConnection
from aio_pika.abc import AbstractQueue
from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitQueue
from faststream.rabbit.schemas.queue import QuorumQueueArgs
from faststream.security import BaseSecurity, SASLPlaintext

from adapters.bus.clients import OPERATION_S, BusSettings, Incoming, Outgoing, header_texts
from adapters.bus.cloud_events import CONTENT_TYPE

POLL_S: Final = 0.05
"""Pause between two questions for a message while the queue is empty."""


class RabbitmqClient:
    """See ``BusClient``."""

    def __init__(self, settings: BusSettings, reads: str | None) -> None:
        section = settings.section
        scheme = "amqp" if settings.tls is None else "amqps"
        address = f"{scheme}://{section.servers[0]}/{quote(section.virtual_host, safe='')}"
        self._broker = RabbitBroker(
            address,
            security=_security(settings),
            default_channel=Channel(publisher_confirms=True, on_return_raises=True),
            fail_fast=True,
            logger=None,
        )
        self._names = settings.names
        self._declares = section.declare
        self._reads = reads
        self._connection: RobustConnection | None = None
        self._queue: AbstractQueue | None = None

    async def open(self) -> None:
        """See ``BusClient.open``."""
        self._connection = await self._broker.connect()
        transport = self._connection.transport
        assert transport is not None
        arguments = queue_arguments(transport.connection.server_properties)
        queues = {
            name: RabbitQueue(
                name,
                queue_type=QueueType.QUORUM,
                durable=True,
                declare=self._declares,
                arguments=arguments,
            )
            for name in self._names
        }
        await self._broker.start()
        for name, queue in queues.items():
            if self._declares or name == self._reads:
                found = await self._broker.declare_queue(queue)
                self._queue = found if name == self._reads else self._queue

    async def publish(self, name: str, message: Outgoing) -> None:
        """See ``BusClient.publish``; a queue that does not exist is an error."""
        await self._broker.publish(
            message.body,
            name,
            content_type=CONTENT_TYPE,
            message_id=message.id,
            persist=True,
            mandatory=True,
            timeout=OPERATION_S,
        )

    async def next(self, wait_s: float) -> Incoming | None:
        """See ``BusClient.next``.

        A question is not cancelled when the time is up: the library closes the channel of a
        cancelled one, and a slow server would never be read.
        """
        assert self._queue is not None
        loop = asyncio.get_running_loop()
        ends = loop.time() + wait_s
        while True:
            message = await self._queue.get(fail=False, no_ack=False, timeout=OPERATION_S)
            if message is not None:
                break
            if loop.time() >= ends:
                await self.check()
                return None
            await asyncio.sleep(POLL_S)
        headers = header_texts(message.headers)
        if message.content_type:
            headers["content-type"] = message.content_type
        return Incoming(message.body, headers, message.ack)

    async def check(self) -> None:
        """See ``BusClient.check``."""
        if not await self._broker.ping(OPERATION_S):
            raise ConnectionError

    async def close(self) -> None:
        """See ``BusClient.close``. Without the first line a lost connection would come back."""
        if self._connection is not None:
            await self._connection.close()
        await self._broker.stop()


def queue_arguments(server: Mapping[str, object]) -> QuorumQueueArgs:
    """Return the arguments of a queue, in which no message may be dropped.

    From version 4 on, RabbitMQ drops a message that was delivered 20 times; -1 has no limit. An
    older version has no limit by itself, and takes -1 for a limit that is reached at once.

    Args:
        server: the properties that the server told at the connection.
    """
    version = server.get("version", b"")
    text = version.decode("ascii", "replace") if isinstance(version, bytes) else str(version)
    major = text.partition(".")[0]
    return {"x-delivery-limit": -1} if major.isdecimal() and int(major) >= 4 else {}


def _security(settings: BusSettings) -> BaseSecurity:
    username, tls = settings.section.username, settings.tls
    if username is not None and settings.password is not None:
        return SASLPlaintext(
            username=username,
            password=settings.password,
            ssl_context=tls,
            use_ssl=tls is not None,
        )
    return BaseSecurity(ssl_context=tls, use_ssl=tls is not None)
