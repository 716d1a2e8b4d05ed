"""Client of NATS with JetStream: a stream on disk, a durable consumer, confirmed publication."""

from __future__ import annotations

from typing import Final

from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.nats.security import NatsCredentials, NatsSecurity, NatsUserPassword
from nats.aio.client import RawCredentials
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import ConsumerConfig
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from adapters.bus.clients import (
    OPERATION_S,
    BusSettings,
    Incoming,
    OutgoingMessage,
    Right,
    header_texts,
)
from adapters.bus.cloud_events import CONTENT_TYPE
from adapters.bus.permissions import inbox_of

ACK_WAIT_S: Final = 30.0
"""Seconds after which NATS delivers again what was not acknowledged."""

ANSWER_S: Final = 2.0
"""Seconds for an answer of NATS to a question about a right."""
WRONG_LAST_SEQUENCE: Final = 10071
"""JetStream's code of a message that was to follow another number."""


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
        self._group = section.group
        self._reader = None
        if reads is not None:
            durable = _durable(section.group, reads)
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

    async def publish(self, name: str, message: OutgoingMessage) -> None:
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

    async def may_read(self, name: str) -> Right:
        """See ``BusClient.may_read``; asks for a message of one byte, and no message is so small.

        NATS does not answer a request without the right.
        """
        durable = _durable(self._group, name)
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream.name}.{durable}"
        asking = b'{"batch": 1, "no_wait": true, "max_bytes": 1}'
        nats = await self._broker.connect()
        try:
            await nats.jetstream().consumer_info(self._stream.name, durable, timeout=ANSWER_S)
            await nats.request(subject, asking, timeout=ANSWER_S)
        except NotFoundError:
            return "missing"
        except NatsTimeoutError:
            return "refused"
        return "allowed"

    async def may_write(self, name: str) -> Right:
        """See ``BusClient.may_write``; JetStream refuses a message after an impossible number."""
        nats = await self._broker.connect()
        headers = {"Nats-Expected-Last-Sequence": str(2**53)}
        try:
            await nats.jetstream().publish(name, b"", timeout=ANSWER_S, headers=headers)
        except NoStreamResponseError:
            return "missing"
        except NatsTimeoutError:
            return "refused"
        except APIError as error:
            if error.err_code != WRONG_LAST_SEQUENCE:
                raise
        return "allowed"

    async def close(self) -> None:
        """See ``BusClient.close``."""
        await self._broker.stop()


def _durable(group: str, name: str) -> str:
    """Return the name of the durable consumer of a subject."""
    return f"{group}-{name}".replace(".", "-")


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
