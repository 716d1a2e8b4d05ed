"""Client of NATS with JetStream: a stream on disk, a durable consumer, confirmed publication."""

from __future__ import annotations

from typing import Final

from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.nats.security import NatsCredentials, NatsSecurity, NatsUserPassword
from nats.aio.client import RawCredentials
from nats.js.api import ConsumerConfig

from adapters.bus.clients import OPERATION_S, BusSettings, Incoming, Outgoing, header_texts
from adapters.bus.cloud_events import CONTENT_TYPE
from adapters.bus.permissions import inbox_of

ACK_WAIT_S: Final = 30.0
"""Seconds after which NATS delivers again what was not acknowledged."""


class NatsClient:
    """See ``BusClient``."""

    def __init__(self, settings: BusSettings, reads: str | None) -> None:
        section = settings.section
        scheme = "nats" if settings.tls is None else "tls"
        self._broker = NatsBroker(
            [f"{scheme}://{server}" for server in section.servers],
            security=_security(settings),
            inbox_prefix=_inbox(section.username),
            allow_reconnect=False,
            connect_timeout=int(OPERATION_S),
            logger=None,
        )
        self._stream = JStream(
            section.stream, subjects=list(settings.names), declare=section.declare
        )
        for name in settings.names:  # a publisher makes FastStream declare the stream
            self._broker.publisher(name, stream=self._stream)
        self._reader = None
        if reads is not None:
            durable = f"{section.group}-{reads}".replace(".", "-")
            self._reader = self._broker.subscriber(
                reads,
                stream=self._stream,
                durable=durable,
                pull_sub=PullSub(batch_size=1),
                inbox_prefix=f"{_inbox(section.username)}.".encode(),
                config=ConsumerConfig(max_ack_pending=1, ack_wait=ACK_WAIT_S),
                ack_policy=AckPolicy.MANUAL,
            )

    async def open(self) -> None:
        """See ``BusClient.open``."""
        await self._broker.start()

    async def publish(self, name: str, message: Outgoing) -> None:
        """See ``BusClient.publish``; JetStream drops a repeat within its window by the id.

        It compares ids within the whole stream. So the id names the subject too: one answer goes to
        two subjects.
        """
        await self._broker.publish(
            message.body,
            name,
            headers={"content-type": CONTENT_TYPE, "Nats-Msg-Id": f"{name} {message.id}"},
            stream=self._stream.name,
            timeout=OPERATION_S,
        )

    async def next(self, wait_s: float) -> Incoming | None:
        """See ``BusClient.next``."""
        assert self._reader is not None
        message = await self._reader.get_one(timeout=wait_s)
        if message is None:
            await self.check()
            return None
        return Incoming(message.body, header_texts(message.headers), message.ack)

    async def check(self) -> None:
        """See ``BusClient.check``."""
        if not await self._broker.ping(OPERATION_S):
            raise ConnectionError

    async def close(self) -> None:
        """See ``BusClient.close``."""
        await self._broker.stop()


def _inbox(username: str | None) -> str:
    """Return the beginning of the subjects on which NATS answers: each account has its own."""
    return "_INBOX" if username is None else inbox_of(username)


def _security(settings: BusSettings) -> NatsSecurity:
    username, tls = settings.section.username, settings.tls
    secured = tls is not None
    if settings.credentials is not None:
        content = RawCredentials(settings.credentials)
        return NatsCredentials(content, ssl_context=tls, use_ssl=secured)
    if username is not None and settings.password is not None:
        return NatsUserPassword(username, settings.password, ssl_context=tls, use_ssl=secured)
    return NatsSecurity(ssl_context=tls, use_ssl=secured)
