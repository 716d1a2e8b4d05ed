"""Client of Redis Streams: a consumer group that reads its unacknowledged entries first.

FastStream publishes and makes the connection. It reads the entries of a group that were not
acknowledged only beside the new ones, which would change their order. So this client asks Redis
itself, first for these and then for new ones.
"""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial
from typing import Any, Final

from faststream.redis import RedisBroker
from faststream.redis.message import DATA_KEY
from faststream.redis.parser import BinaryMessageFormatV1
from faststream.security import BaseSecurity, SASLPlaintext
from redis.exceptions import NoPermissionError, ResponseError

from adapters.bus.clients import BusSettings, Incoming, OutgoingMessage, Right, header_texts
from adapters.bus.cloud_events import CONTENT_TYPE

ASKING: Final = "adapter-test"
"""Name of the consumer that asks for its rights; no entry is ever delivered to it."""


class RedisClient:
    """See ``BusClient``."""

    def __init__(self, settings: BusSettings, reads: str | None) -> None:
        section = settings.section
        scheme = "redis" if settings.tls is None else "rediss"
        self._broker = RedisBroker(
            f"{scheme}://{section.servers[0]}",
            security=_security(settings),
            logger=None,  # type: ignore[arg-type]  # writes no lines
        )
        self._reads = reads
        self._group = section.group
        self._declares = section.declare
        self._client: Any = None

    async def open(self) -> None:
        """See ``BusClient.open``."""
        await self._broker.start()
        self._client = await self._broker.connect()
        await self._client.ping()
        if self._reads is None or not self._declares:
            return
        try:
            await self._client.xgroup_create(self._reads, self._group, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def publish(self, name: str, message: OutgoingMessage) -> None:
        """See ``BusClient.publish``."""
        await self._broker.publish(
            message.body, stream=name, headers={"content-type": CONTENT_TYPE}
        )

    async def next(self, wait_s: float) -> Incoming | None:
        """See ``BusClient.next``."""
        pending = await self._read("0", None)
        entry = pending or await self._read(">", max(1, int(wait_s * 1000)))
        if entry is None:
            return None
        id_, fields = entry
        content = fields.get(DATA_KEY.encode())
        body, headers = (b"", {}) if content is None else BinaryMessageFormatV1.parse(content)
        done = partial(self._client.xack, self._reads, self._group, id_)
        return Incoming(body, header_texts(headers), done)

    async def _read(self, after: str, block_ms: int | None) -> tuple[bytes, Any] | None:
        """Return the next entry of the group; one that was deleted meanwhile is empty."""
        found = await self._client.xreadgroup(
            self._group, "adapter", {self._reads: after}, count=1, block=block_ms
        )
        streams = found.items() if isinstance(found, dict) else found
        for _, entries in streams:
            for id_, fields in entries:
                return id_, fields or {}
        return None

    async def check(self) -> None:
        """See ``BusClient.check``."""
        await self._client.ping()

    async def may_read(self, name: str) -> Right:
        """See ``BusClient.may_read``; asks for entries that were delivered to a new consumer."""
        asked = self._client.xreadgroup(self._group, ASKING, {name: "0"}, count=1)
        return await _right(asked, missing="NOGROUP")

    async def may_write(self, name: str) -> Right:
        """See ``BusClient.may_write``; no entry can have the id 0-0."""
        asked = self._client.xadd(name, {DATA_KEY: b""}, id="0-0", nomkstream=True)
        return await _right(asked, allowed="must be greater")

    async def close(self) -> None:
        """See ``BusClient.close``."""
        await self._broker.stop()


async def _right(asked: Awaitable[object], *, missing: str = "", allowed: str = "") -> Right:
    """Return the right that the answer to a command shows.

    Args:
        asked: the command.
        missing: text in the error of a subject that is not there.
        allowed: text in the error of a command that was only refused for its arguments.
    """
    try:
        await asked
    except NoPermissionError:
        return "refused"
    except ResponseError as error:
        if missing and missing in str(error):
            return "missing"
        if not allowed or allowed not in str(error):
            raise
    return "allowed"


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
