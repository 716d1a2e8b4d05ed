"""Client of the agency's own Kafka: a consumer group, and writes that every replica confirms.

FastStream makes aiokafka's own consumer, which stops at a header name that is not UTF-8 text. So
this client reads with the consumer of the transport between agencies, which reads every header.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from faststream.kafka import KafkaBroker
from faststream.kafka.security import parse_security
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from adapters.bus.clients import (
    OPERATION_S,
    BusSettings,
    Incoming,
    OutgoingMessage,
    Right,
    header_texts,
)
from adapters.bus.cloud_events import CONTENT_TYPE
from adapters.bus.kafka_rights import KafkaRights
from broker.transport.kafka.raw import LenientConsumer

POLL_MS: Final = 3_600_000
"""Milliseconds for the handling of one message, before Kafka gives it to another consumer."""
_LOGINS: Final = {
    "plain": SASLPlaintext,
    "scram-sha-256": SASLScram256,
    "scram-sha-512": SASLScram512,
}


class KafkaClient:
    """See ``BusClient``."""

    def __init__(self, settings: BusSettings, reads: str | None) -> None:
        section = settings.section
        self._servers = list(section.servers)
        self._security = _security(settings)
        self._declared = settings.names if section.declare else ()
        self._broker = KafkaBroker(
            self._servers,
            security=self._security,
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=int(OPERATION_S * 1000),
            allow_auto_create_topics=False,
            logger=None,
        )
        options = {"bootstrap_servers": self._servers, **parse_security(self._security)}
        self._rights = KafkaRights(section.group, options)
        self._reader: LenientConsumer | None = None
        if reads is not None:
            self._reader = LenientConsumer(
                reads,
                group_id=section.group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                max_poll_interval_ms=POLL_MS,
                batch_bytes=None,
                **options,
            )

    async def open(self) -> None:
        """See ``BusClient.open``."""
        if self._declared:
            await self._declare()
        await self._broker.start()
        if self._reader is not None:
            await self._reader.start()

    async def _declare(self) -> None:
        """Make the topics that are missing; FastStream makes only those that are read."""
        admin = AIOKafkaAdminClient(
            bootstrap_servers=self._servers,
            request_timeout_ms=int(OPERATION_S * 1000),
            **parse_security(self._security),
        )
        await admin.start()
        try:
            known = set(await admin.list_topics())
            missing = [name for name in self._declared if name not in known]
            if missing:
                await admin.create_topics([NewTopic(name, 1, 1) for name in missing])
        finally:
            await admin.close()

    async def publish(self, name: str, message: OutgoingMessage) -> None:
        """See ``BusClient.publish``; messages of one key are in one partition."""
        await self._broker.publish(
            message.body,
            name,
            key=message.key.encode() or None,
            headers={"content-type": CONTENT_TYPE},
        )

    async def next(self, wait_s: float) -> Incoming | None:
        """See ``BusClient.next``."""
        assert self._reader is not None
        found = await self._reader.getmany(timeout_ms=int(wait_s * 1000), max_records=1)
        for place, records in found.items():
            for record in records:
                done = partial(self._commit, place, record.offset + 1)
                return Incoming(record.value or b"", header_texts(dict(record.headers)), done)
        await self.check()
        return None

    async def _commit(self, place: TopicPartition, offset: int) -> None:
        assert self._reader is not None
        await self._reader.commit({place: offset})

    async def check(self) -> None:
        """See ``BusClient.check``."""
        if not await self._broker.ping(OPERATION_S):
            raise ConnectionError

    async def may_read(self, name: str) -> Right:
        """See ``BusClient.may_read``."""
        return await self._rights.may_read(name)

    async def may_write(self, name: str) -> Right:
        """See ``BusClient.may_write``."""
        return await self._rights.may_write(name)

    async def close(self) -> None:
        """See ``BusClient.close``."""
        try:
            if self._reader is not None:
                await self._reader.stop()
        finally:
            await self._broker.stop()


def _security(settings: BusSettings) -> BaseSecurity:
    section, tls = settings.section, settings.tls
    if section.username is not None and settings.password is not None:
        login = _LOGINS[section.mechanism]
        return login(
            username=section.username,
            password=settings.password,
            ssl_context=tls,
            use_ssl=tls is not None,
        )
    return BaseSecurity(ssl_context=tls, use_ssl=tls is not None)
