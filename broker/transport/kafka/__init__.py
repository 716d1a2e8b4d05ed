"""Transport over a real Kafka, by aiokafka.

aiokafka has defaults that lose messages. This package corrects each of them, and each correction
has a test in `tests/integration`. The library acknowledges no record. Records are taken raw, so one
with a null or binary header arrives like any other. Positions are ours (`delivery.py`). A producer
that has failed is replaced, because an idempotent one would wait for ever.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence

from broker.record import KafkaPartition, Record
from broker.transport.connection import KafkaConnection
from broker.transport.interfaces import OnBatch, OnReached, OnTrouble, Positions
from broker.transport.kafka.client import ClientSettings
from broker.transport.kafka.client_quotas import ClientQuotas
from broker.transport.kafka.receiver import KafkaReceiver
from broker.transport.kafka.sender import SEND_TIMEOUT_S, KafkaSender
from broker.transport.kafka.snapshot import read_all, visible_topics

__all__ = ["KafkaTransport", "client_quotas", "raw_records"]

# aiokafka logs by itself, to stderr if logging is not configured. The operator gets important
# events through error codes and `Trouble`; add a handler to see the rest.
logging.getLogger("aiokafka").addHandler(logging.NullHandler())
logging.getLogger("aiokafka").propagate = False


class KafkaTransport:
    """One agency's connection to Kafka; implements the `Transport` protocol."""

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        group: str | None = None,
        send_timeout_s: float = SEND_TIMEOUT_S,
    ) -> None:
        """Store the settings; no connection is opened yet.

        Args:
            connection: address and identity.
            group: consumer group (`topics.inbox_group`); None if nothing is received in a group.
            send_timeout_s: seconds after which an unacknowledged record counts as unknown.

        Raises:
            TransportError: `certificate_unreadable`.
        """
        self._client = ClientSettings(connection)
        self._sender = KafkaSender(self._client, send_timeout_s)
        self._receiver = None if group is None else KafkaReceiver(self._client, group)

    async def send(self, records: Sequence[Record]) -> list[int]:
        """See `interfaces.Sender.send`."""
        return await self._sender.send(records)

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
        await self._member().run(
            topics, on_batch, positions, stop, on_trouble=on_trouble, on_reached=on_reached
        )

    def pause(self, partition: KafkaPartition) -> None:
        """See `interfaces.Receiver.pause`."""
        self._member().pause(partition)

    def resume(self, partition: KafkaPartition) -> None:
        """See `interfaces.Receiver.resume`."""
        self._member().resume(partition)

    async def visible(self, topics: Iterable[str]) -> frozenset[str]:
        """See `interfaces.Receiver.visible`."""
        return await visible_topics(self._client, topics)

    async def read_all(self, topics: Iterable[str]) -> list[Record]:
        """See `interfaces.Receiver.read_all`."""
        return await read_all(self._client, topics)

    def _member(self) -> KafkaReceiver:
        if self._receiver is None:
            raise ValueError("this transport was made without a consumer group")
        return self._receiver

    async def close(self) -> None:
        """Close the producer; receivers end by their own `stop` event."""
        await self._sender.close()


async def raw_records(connection: KafkaConnection, topics: Iterable[str]) -> list[Record]:
    """Return all records of some topics, as the Kafka operator sees them.

    Args:
        connection: the operator's, who may read every topic (`LocalKafka.connection`).
        topics: Kafka topics.

    Raises:
        TransportError: Kafka cannot be reached, refuses, or has no such topic.
    """
    return await read_all(ClientSettings(connection), topics)


def client_quotas(connection: KafkaConnection) -> ClientQuotas:
    """Return access to Kafka's limits of single principals, as its operator.

    Raises:
        TransportError: `certificate_unreadable`.
    """
    return ClientQuotas(ClientSettings(connection))
