"""Client of RabbitMQ: quorum queues on disk, persistent messages, publisher confirms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from aio_pika import RobustConnection
from faststream import AckPolicy
from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitQueue
from faststream.rabbit.schemas.queue import QuorumQueueArgs
from faststream.security import BaseSecurity, SASLPlaintext

from adapters.bus.clients import OPERATION_S, BusSettings, Incoming, Outgoing, header_texts
from adapters.bus.cloud_events import CONTENT_TYPE


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
        self._reader: Any = None

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
        if self._reads is not None:
            queue = queues[self._reads]
            self._reader = self._broker.subscriber(queue, ack_policy=AckPolicy.MANUAL)
        await self._broker.start()
        if self._declares:
            for queue in queues.values():
                await self._broker.declare_queue(queue)

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
        """See ``BusClient.next``."""
        assert self._reader is not None
        message = await self._reader.get_one(timeout=wait_s, no_ack=False)
        if message is None:
            await self.check()
            return None
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
