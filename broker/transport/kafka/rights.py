"""Trials of what Kafka lets this client do, without any change on Kafka.

Kafka checks a right before it looks at the partition. So each trial names a partition, a member or
a topic that cannot exist: a client without the right gets a refusal, and one with the right gets
another error. Nothing is written, deleted or made. The trials work without the right to ask which
rights there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from aiokafka import errors as kafka_errors
from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.protocol.admin import CreateTopicsRequest, DeleteRecordsRequest, DescribeAclsRequest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from broker.transport.connection import KafkaConnection
from broker.transport.kafka.client import CLIENT_ERRORS, ClientSettings, transport_error
from broker.transport.rights import NeededRights, TriedRights, tried_name

_NO_PARTITION: Final = 2**31 - 1
"""A partition that no topic has."""
_ANY: Final = 1
"""Kafka's code for any resource, pattern, operation and permission, in a filter of rights."""
_REFUSED: Final = frozenset(
    error.errno
    for error in (
        kafka_errors.TopicAuthorizationFailedError,
        kafka_errors.GroupAuthorizationFailedError,
        kafka_errors.ClusterAuthorizationFailedError,
    )
)
_UNKNOWN: Final = kafka_errors.UnknownTopicOrPartitionError.errno


class RightTrials:
    """One connection to a node of Kafka, on which rights are tried.

    Use it as a context manager: `async with Trials(connection, 5.0) as trials`.
    """

    def __init__(self, connection: KafkaConnection, timeout_s: float) -> None:
        """Load the TLS files.

        Raises:
            TransportError: `certificate_unreadable`.
        """
        self._client = ClientSettings(connection)
        self._timeout_s = timeout_s
        self._node: AIOKafkaConnection | None = None

    async def __aenter__(self) -> RightTrials:
        """Connect to the first address that answers, and log in.

        Raises:
            TransportError: `kafka_unreachable`, `kafka_login_refused` or another of that prefix.
        """
        options = self._client.options
        failure: BaseException = kafka_errors.KafkaConnectionError()
        for address in options.pop("bootstrap_servers"):
            host, _, port = address.rpartition(":")
            settings = {k: v for k, v in options.items() if k != "metadata_max_age_ms"}
            try:
                async with asyncio.timeout(self._timeout_s):
                    node = await create_conn(host.strip("[]"), int(port), **settings)
                    self._node = node
                    await self._require_login(node)
            except CLIENT_ERRORS as error:
                failure = error
            else:
                return self
        raise transport_error(failure, self._client) from None

    async def __aexit__(self, *_: object) -> None:
        if self._node is not None:
            self._node.close()

    async def _require_login(self, node: AIOKafkaConnection) -> None:
        """Ask something that Kafka answers only after a login.

        aiokafka does not read Kafka's answer to a token, in which a refusal stands.

        Raises:
            SaslAuthenticationFailed: Kafka answers that we did not log in, or not at all.
        """
        try:
            answer = await node.send(HeartbeatRequest("doctor", 0, "none"))
        except (kafka_errors.KafkaConnectionError, kafka_errors.CorrelationIdError):
            if "sasl_mechanism" not in self._client.security:
                raise
            raise kafka_errors.SaslAuthenticationFailed from None
        if answer.error_code == kafka_errors.IllegalSaslStateError.errno:
            raise kafka_errors.SaslAuthenticationFailed

    async def topics(self, names: Iterable[str]) -> frozenset[str]:
        """Return which of these topics exist, as far as this client may see them."""
        wanted = sorted(names)
        answer = await self._ask(MetadataRequest(wanted, allow_auto_topic_creation=False))
        return frozenset(entry[1] for entry in answer.topics if entry[0] not in (_UNKNOWN, 29))

    async def reading(self, topics: Iterable[str]) -> frozenset[str]:
        """Return which of these topics this client may read."""
        asked = [(name, [(_NO_PARTITION, 0, 1)]) for name in sorted(topics)]
        answer = await self._ask(FetchRequest(0, 0, 1, 0, asked))
        return frozenset(
            topic
            for topic, partitions in answer.topics
            if all(partition[1] not in _REFUSED for partition in partitions)
        )

    async def writing(self, topics: Iterable[str]) -> frozenset[str]:
        """Return which of these topics this client may write to; no record is written."""
        names = sorted(topics)
        batch = _one_record()
        asked = [(name, [(_NO_PARTITION, batch)]) for name in names]
        answer = await self._ask(ProduceRequest(None, -1, int(self._timeout_s * 1000), asked))
        return _allowed(answer.topics)

    async def deleting(self, topics: Iterable[str]) -> frozenset[str]:
        """Return the topics of which this client may delete records; none is deleted."""
        asked = [(name, [(_NO_PARTITION, 0)]) for name in sorted(topics)]
        answer = await self._ask(DeleteRecordsRequest(asked, int(self._timeout_s * 1000)))
        return frozenset(
            entry[0] for entry in answer.topics if all(p[2] not in _REFUSED for p in entry[1])
        )

    async def joining(self, groups: Iterable[str]) -> frozenset[str]:
        """Return which of these consumer groups this client may use; it joins none."""
        found = set()
        for group in sorted(groups):
            answer = await self._ask(HeartbeatRequest(group, 0, "none"))
            if answer.error_code not in _REFUSED:
                found.add(group)
        return frozenset(found)

    async def administering(self, topic: str) -> frozenset[str]:
        """Return what this client may do with the cluster: `create` topics, `describe` rights.

        Args:
            topic: the name of a topic that does not exist; it is not made.
        """
        found = set()
        wanted: tuple[Any, ...] = (topic, 1, 1, [], [])
        made = await self._ask(
            CreateTopicsRequest([wanted], int(self._timeout_s * 1000), validate_only=True)
        )
        if all(entry[1] not in _REFUSED for entry in made.topic_errors):
            found.add("create")
        rules = await self._ask(DescribeAclsRequest(_ANY, None, _ANY, None, None, _ANY, _ANY))
        if rules.error_code not in _REFUSED:
            found.add("describe")
        return frozenset(found)

    async def _ask(self, request: Any) -> Any:
        assert self._node is not None
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._node.send(request)
        except CLIENT_ERRORS as error:
            raise transport_error(error, self._client) from None


def try_login(connection: KafkaConnection, timeout_s: float) -> None:
    """Log in to Kafka.

    Raises:
        TransportError: Kafka cannot be reached, or does not accept the login.
    """

    async def log_in() -> None:
        async with RightTrials(connection, timeout_s):
            pass

    asyncio.run(log_in())


def try_rights(connection: KafkaConnection, asked: NeededRights, timeout_s: float) -> TriedRights:
    """Try every right at Kafka; nothing is changed there.

    Raises:
        TransportError: Kafka cannot be reached, does not accept the login, or does not answer.
    """
    return asyncio.run(_tried(connection, asked, timeout_s))


async def _tried(connection: KafkaConnection, asked: NeededRights, timeout_s: float) -> TriedRights:
    candidates = (*asked.needed, *asked.others)
    named: dict[tuple[str, str], set[str]] = {}
    for right in candidates:
        named.setdefault((right.resource, right.operation), set()).add(tried_name(right))
    async with RightTrials(connection, timeout_s) as trials:
        tries = {
            ("topic", "read"): trials.reading,
            ("topic", "write"): trials.writing,
            ("topic", "delete"): trials.deleting,
            ("group", "read"): trials.joining,
        }
        may = {kind: await tries[kind](names) for kind, names in named.items()}
        allowed = {
            right: tried_name(right) in may[right.resource, right.operation] for right in candidates
        }
        topics = await trials.topics(asked.topics)
        return TriedRights(allowed, topics, await trials.administering(asked.absent_topic))


def _one_record() -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1024,
    )
    builder.append(0, timestamp=0, key=b"doctor", value=b"", headers=[])
    return bytes(builder.build())


def _allowed(topics: Iterable[Any]) -> frozenset[str]:
    return frozenset(
        entry[0] for entry in topics if all(partition[1] not in _REFUSED for partition in entry[1])
    )
