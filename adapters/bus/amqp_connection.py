"""Connection to RabbitMQ that is not made again by itself and reads every header.

The library ends the connection at a header that is not UTF-8 text: RabbitMQ would then deliver the
same message for ever, and one message of any system would stop the agency (denial of service). Here
such a header stands in the message as a name that is not text, so that the message is refused.
"""

from __future__ import annotations

import asyncio
import ssl
import struct
from typing import Any, Final, cast
from urllib.parse import quote

from aio_pika import Connection
from aio_pika.abc import ConnectionParameter
from aiormq.connection import TCPTransportFactory, TLSTransportFactory, TransportFactory
from pamqp.commands import Basic
from pamqp.constants import FRAME_BODY, FRAME_HEADER, FRAME_HEARTBEAT, FRAME_METHOD
from pamqp.header import ContentHeader
from yarl import URL

from adapters.bus.clients import BusSettings
from adapters.bus.cloud_events import UNDECODED

HEARTBEAT_S: Final = 15
"""Seconds between signs of life. Without two of them RabbitMQ ends a connection that was cut, and
gives its message to the next one."""
_HEAD: Final = struct.Struct(">BHI")
"""Type, channel and length of a frame: the first bytes of each."""
_FRAMES: Final = {FRAME_METHOD, FRAME_HEADER, FRAME_BODY, FRAME_HEARTBEAT}
_CONTENT: Final = struct.Struct(">HHQ")
"""Class, weight and length of the body: the first bytes of a content header."""


class BusConnection(Connection):
    """A connection that stays closed when it is lost."""

    PARAMETERS = (
        *Connection.PARAMETERS,
        ConnectionParameter("transport_factory", parser=lambda made: made, is_kwarg=True),
    )


def bus_connection(settings: BusSettings) -> BusConnection:
    """Return a connection that is not open yet."""
    section = settings.section
    scheme = "amqp" if settings.tls is None else "amqps"
    host = quote(section.virtual_host, safe="")
    address = URL(f"{scheme}://{section.servers[0]}/{host}?heartbeat={HEARTBEAT_S}", encoded=True)
    if section.username is not None and settings.password is not None:
        address = address.with_user(section.username).with_password(settings.password)
    return BusConnection(
        address, ssl_context=settings.tls, transport_factory=_LenientTransport(settings.tls)
    )


class _LenientTransport(TransportFactory):
    """Opens a connection of TCP or TLS whose content headers can all be read."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self._opens = TCPTransportFactory() if tls is None else TLSTransportFactory()

    async def create(
        self,
        url: URL,
        **options: Any,
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await self._opens.create(url, **options)
        return cast("asyncio.StreamReader", LenientReader(reader)), writer


class LenientReader:
    """Reads frame by frame, as the library asks for the parts of a frame."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._rest = b""

    def at_eof(self) -> bool:
        """Return whether nothing is left."""
        return not self._rest and self._reader.at_eof()

    async def read(self) -> bytes:
        """Return everything that is left."""
        found, self._rest = self._rest, b""
        return found + await self._reader.read()

    async def readexactly(self, size: int) -> bytes:
        """Return the next bytes; no part of a frame is asked for together with the next frame.

        Raises:
            IncompleteReadError: the connection ended before.
        """
        if not self._rest:
            self._rest = await self._frame()
        found, self._rest = self._rest[:size], self._rest[size:]
        return found

    async def _frame(self) -> bytes:
        """Return the next frame, or the first bytes of what is none."""
        head = await self._reader.readexactly(_HEAD.size)
        kind, channel, length = _HEAD.unpack(head)
        if kind not in _FRAMES:
            return head
        content = await self._reader.readexactly(length + 1)
        if kind != FRAME_HEADER:
            return head + content
        header = readable_header(content[:-1])
        return _HEAD.pack(kind, channel, len(header)) + header + content[-1:]


def readable_header(content: bytes) -> bytes:
    """Return a content header, or one whose only header is a name that is not text.

    Args:
        content: the bytes of the header as the server sent them.
    """
    try:
        ContentHeader().unmarshal(content)
    except ValueError:
        class_, weight, size = _CONTENT.unpack_from(content)
        properties = Basic.Properties(headers={UNDECODED: ""})
        return _CONTENT.pack(class_, weight, size) + properties.marshal()
    return content
