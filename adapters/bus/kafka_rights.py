"""Questions to the agency's own Kafka about the rights of the adapter's account."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError
from aiokafka.protocol.produce import ProduceRequest

from adapters.bus.clients import OPERATION_S, Right

FETCH_MS: Final = 1_000
"""Milliseconds for the answer to a request for records."""
EMPTY_BATCH: Final = {2, 87}
"""Kafka's codes of a batch without records: CORRUPT_MESSAGE and INVALID_RECORD."""


class KafkaRights:
    """Asks on connections of its own; see ``BusClient``.

    Args:
        group: the consumer group of the adapter.
        options: address and login, as aiokafka takes them.
    """

    def __init__(self, group: str, options: Mapping[str, Any]) -> None:
        self._group = group
        self._options = options

    async def may_read(self, name: str) -> Right:
        """See ``BusClient.may_read``; does not join the group, whose members would stop."""
        async with self._client(name) as client:
            right, _ = _place(client, name)
        if right != "allowed":
            return right
        admin = AIOKafkaAdminClient(**self._options)
        reader = AIOKafkaConsumer(group_id=None, **self._options)
        try:
            await admin.start()
            await admin.list_consumer_group_offsets(self._group)
            await reader.start()
            reader.assign([TopicPartition(name, 0)])
            await reader.getmany(timeout_ms=FETCH_MS, max_records=1)
        except (TopicAuthorizationFailedError, GroupAuthorizationFailedError):
            return "refused"
        finally:
            await reader.stop()
            await admin.close()
        return "allowed"

    async def may_write(self, name: str) -> Right:
        """See ``BusClient.may_write``; Kafka refuses an empty batch, but after the right."""
        async with self._client(name) as client:
            right, leader = _place(client, name)
            if right != "allowed":
                return right
            asked = ProduceRequest(None, -1, int(OPERATION_S * 1000), [(name, [(0, b"")])])
            answer = await client.send(leader, asked)
        ((_, ((_, code, *_),)),) = answer.topics
        if code == TopicAuthorizationFailedError.errno:
            return "refused"
        if code not in EMPTY_BATCH:
            raise ConnectionError
        return "allowed"

    @asynccontextmanager
    async def _client(self, name: str) -> AsyncIterator[AIOKafkaClient]:
        """Connect, and learn about a topic."""
        client = AIOKafkaClient(**self._options)
        try:
            await client.bootstrap()
            await client.set_topics([name])
            yield client
        finally:
            await client.close()


def _place(client: AIOKafkaClient, name: str) -> tuple[Right, int | None]:
    """Return whether the account sees a topic, and the leader of its first partition."""
    if name in client.cluster.unauthorized_topics:
        return "refused", None
    leader: int | None = client.cluster.leader_for_partition(TopicPartition(name, 0))
    return ("missing", None) if leader in {None, -1} else ("allowed", leader)
