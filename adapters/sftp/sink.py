"""SFTP sink: one file per event in a folder of the server, complete as soon as it is visible.

A file is written under a hidden name and renamed. The key of the event is its name, so a second
delivery finds the file and compares its content. See ``FolderSink``, which does the same on a disk.
"""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import asyncssh

from adapters.delivery import InboxDelivery
from adapters.sftp.client import SftpClient, SftpError
from adapters.sinks.folder_sink import KEY, SUFFIX
from adapters.sinks.sink import SinkError
from broker.observing.health import Check

if TYPE_CHECKING:
    from adapters.http_api.endpoints import Endpoint

FILE_MODE: Final = 0o600
_CALLS: Final = 4
"""Operations of one delivery, the connection included."""


class SftpSink:
    """Delivers events as files on the server; see ``Sink``. Its calls come from another thread.

    Args:
        client: the connection.
        folder: folder of the server.
    """

    def __init__(self, client: SftpClient, folder: str) -> None:
        self._client = client
        self._folder = folder
        self._loop: asyncio.AbstractEventLoop | None = None

    def begin(self) -> None:
        """Take the event loop that runs the connection. Call this in that loop."""
        self._loop = asyncio.get_running_loop()

    def deliver(self, key: str, suffix: str, content: bytes) -> str:
        """Write one event. See ``Sink.deliver``; the reference is the file's name."""
        if not KEY.fullmatch(key) or not SUFFIX.fullmatch(suffix):
            raise SinkError(
                "The key or suffix cannot be used in a file name.", code="sink_key_invalid"
            )
        assert self._loop is not None
        name = f"{key}{suffix}"
        running = asyncio.run_coroutine_threadsafe(self._put(name, content), self._loop)
        try:
            return running.result((_CALLS + 1) * self._client.timeout_s)
        except SftpError as error:
            raise SinkError(
                error.detail, code=error.code, where=error.where, fix=error.fix
            ) from None
        except TimeoutError:
            running.cancel()
            raise SinkError("The SFTP server is too slow.", code="sftp_unreachable") from None

    async def _put(self, name: str, content: bytes) -> str:
        final = posixpath.join(self._folder, name)
        hidden = posixpath.join(self._folder, f".{name}.tmp")
        try:
            if not await self._client.call(lambda sftp: _same(sftp, final, content)):
                await self._client.call(lambda sftp: _write(sftp, hidden, content))
                await self._client.call(lambda sftp: _rename(sftp, hidden, final))
        except SinkError:  # a conflict concerns this event, and not the server
            self._client.worked()
            raise
        self._client.worked()
        return name


async def _same(sftp: asyncssh.SFTPClient, final: str, content: bytes) -> bool:
    """Return whether the file exists with this content. Raises SinkError for other content."""
    try:
        found = await sftp.lstat(final)
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
        return False
    same = found.size == len(content)
    if same:
        async with sftp.open(final, "rb") as file:
            # One byte more than expected is enough to see a difference.
            there: object = await file.read(len(content) + 1)
            same = there == content
    if not same:
        raise SinkError(
            "This event was delivered before with other content; the first one is kept.",
            code="sink_conflict",
            where=posixpath.basename(final),
            fix="Move the earlier file out of the folder, then: concordant quarantine retry",
        )
    return True


async def _write(sftp: asyncssh.SFTPClient, hidden: str, content: bytes) -> None:
    # The key fixes the hidden name, so a try after a broken connection reuses its file.
    attributes = asyncssh.SFTPAttrs(permissions=FILE_MODE)
    async with sftp.open(hidden, "wb", attributes) as file:
        await file.write(content)
        with suppress(asyncssh.SFTPOpUnsupported):  # an extension of OpenSSH
            await file.fsync()
    written = await sftp.stat(hidden)
    if written.size != len(content):
        raise asyncssh.SFTPFailure("the file is shorter")


async def _rename(sftp: asyncssh.SFTPClient, hidden: str, final: str) -> None:
    try:
        await sftp.posix_rename(hidden, final)
    except asyncssh.SFTPOpUnsupported:
        await sftp.rename(hidden, final)


class SftpDelivery:
    """Delivers events to the server; see ``SinkLoop``.

    Args:
        delivery: renders events and hands them to the sink.
        sink: the sink.
        client: its connection.
    """

    endpoints: tuple[Endpoint, ...] = ()

    def __init__(self, delivery: InboxDelivery, sink: SftpSink, client: SftpClient) -> None:
        self._delivery = delivery
        self._sink = sink
        self._client = client
        self.trouble: Check | None = client.trouble

    async def run(
        self,
        wait: Callable[[float], Awaitable[None]],
        stop: asyncio.Event,
        turned: Callable[[], None],
    ) -> None:
        """Deliver events until ``stop`` is set."""
        self._sink.begin()
        try:
            await self._delivery.run(wait, stop, turned)
        finally:
            await self._client.close()
