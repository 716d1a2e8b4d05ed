"""Messages for real servers with a header name that is not UTF-8, as any system can write them."""

from __future__ import annotations

import asyncio
from typing import Any

import cramjam
from aio_pika import Message
from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from aiormq.connection import TCPTransportFactory
from yarl import URL

from adapters.bus.amqp_connection import bus_connection
from adapters.bus.clients import BusSettings

SPOILED = "\u00ff"
"""Part of a name that is replaced by bytes of the same length that are not UTF-8."""
BYTES = b"\xff\xfe"


class SpoiledBuilder:
    """Builds a batch of one record, then replaces two bytes of a header name and compresses."""

    def __init__(self, value: bytes) -> None:
        self._builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 100_000)
        headers = [(f"pr{SPOILED}", b"v"), ("proof", b"p")]
        self._builder.append(0, None, None, value, headers)

    def set_producer_state(self, *state: int) -> None:
        self._builder.set_producer_state(*state)

    def size(self) -> int:
        return self._builder.size()

    def build(self) -> bytes:
        plain = bytes(self._builder.build()).replace(SPOILED.encode(), BYTES)
        records = bytes(cramjam.zstd.compress(plain[61:]))
        zstd = 4
        body = zstd.to_bytes(2, "big") + plain[23:61] + records
        crc = calc_crc32c(body).to_bytes(4, "big")
        return plain[:8] + (len(body) + 9).to_bytes(4, "big") + plain[12:17] + crc + body


async def send_to_kafka(producer: AIOKafkaProducer, topic: str, value: bytes) -> None:
    """Send a record whose first header has the name ``pr`` and two bytes that are not text."""
    batch = producer.create_batch()
    batch._builder = builder = SpoiledBuilder(value)
    batch._set_producer_state = builder.set_producer_state
    batch._relative_offset = 1
    batch.close()
    async with asyncio.timeout(10):
        await (await producer.send_batch(batch, topic, partition=0))


class _Spoiling(TCPTransportFactory):
    """Opens a connection that replaces the bytes of names on their way out."""

    async def create(
        self, url: URL, **options: Any
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await super().create(url, **options)
        write = writer.write
        writer.write = lambda data: write(bytes(data).replace(SPOILED.encode(), BYTES))  # type: ignore[method-assign]
        return reader, writer


async def send_to_rabbitmq(settings: BusSettings, queue: str, body: bytes) -> None:
    """Send a message with a header whose name is not text."""
    connection = bus_connection(settings)
    connection.kwargs["transport_factory"] = _Spoiling()
    await connection.connect()
    channel = connection.channel()
    await channel.initialize()
    message = Message(body, headers={f"trace-{SPOILED}": "x"})
    exchange = await channel.get_exchange(queue, ensure=False)
    await exchange.publish(message, queue, mandatory=True)
    await connection.close()
