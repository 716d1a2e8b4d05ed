"""Client of the agency's own Kafka: a consumer group, and writes that every replica confirms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.security import parse_security
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from adapters.bus.clients import OPERATION_S, BusSettings, Incoming, Outgoing, header_texts
from adapters.bus.cloud_events import CONTENT_TYPE

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
        self._reader = None
        if reads is not None:
            self._reader = self._broker.subscriber(
                reads,
                group_id=section.group,
                auto_offset_reset="earliest",
                max_poll_interval_ms=POLL_MS,
                ack_policy=AckPolicy.MANUAL,
                parser=_parsed,
            )

    async def open(self) -> None:
        """See ``BusClient.open``."""
        if self._declared:
            await self._declare()
        await self._broker.start()

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

    async def publish(self, name: str, message: Outgoing) -> None:
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
        message = await self._reader.get_one(timeout=wait_s)
        if message is None:
            await self.check()
            return None
        return Incoming(message.body or b"", message.headers, message.ack)

    async def check(self) -> None:
        """See ``BusClient.check``."""
        if not await self._broker.ping(OPERATION_S):
            raise ConnectionError

    async def close(self) -> None:
        """See ``BusClient.close``."""
        await self._broker.stop()


async def _parsed(message: Any, parser: Callable[[Any], Awaitable[Any]]) -> Any:
    """Parse a record whatever its headers hold: FastStream fails if one is not UTF-8 text.

    The consumer would then read the same record for ever.
    """
    headers = header_texts(dict(message.headers))
    encoded = tuple((name, one.encode()) for name, one in headers.items())
    return await parser(replace(message, headers=encoded))


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
