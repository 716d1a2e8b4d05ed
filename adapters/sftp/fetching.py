"""Fetching of exports: from the server into the import folder, then away on the server.

A file is first stored here completely and durably, and only then moved on the server. If the
connection or the adapter breaks between the two, the file is fetched again. That does no harm: the
intake knows each row that it has taken. Nothing is deleted on the server but a done marker.
"""

from __future__ import annotations

import asyncio
import json
import os
import posixpath
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncssh

from adapters.limits import MAX_FILE_BYTES
from adapters.sftp.client import SftpClient, SftpError
from adapters.sftp.remote_folder import RemoteFile, RemoteListing, RemoteSettling, listing
from adapters.sources.source_file import FileReport, Reporter
from broker.held.reason_file import REASON
from broker.held.retrying import put_back
from broker.keys.durable import sync_folder
from broker.observing.logs import logger
from broker.waiting import first_of, out_of_descriptors, retry_delay_s
from contracts.errors import ConcordantError

CHUNK_BYTES: Final = 256 * 1024
FOLDER_MODE: Final = 0o700
PART: Final = ".sftp-{}.part"
"""Name of an unfinished file; the import folder ignores it."""
_FILE_S: Final = 3_600.0
"""Longest time for one file. Each piece of it has the client's own limit."""


class ImportFolderError(ConcordantError):
    """The import folder of this machine cannot be written now. The export is fetched later."""

    code = "file_unusable"
    exit_code = 3


OF_ONE_FILE: Final = frozenset({"sftp_failed", "sftp_folder_unusable"})
"""Codes of a refused operation. Another file may still be taken."""


class UnreadableFileError(Exception):
    """The server lists a file and refuses to let it be read."""


@dataclass(frozen=True, slots=True)
class RemoteFolders:
    """Folders of the server.

    Attributes:
        exports: exports are fetched from here.
        archive: fetched exports are moved here.
        rejects: exports that are refused unread are moved here.
        done_marker: ending of the marker of a complete export.
    """

    exports: str
    archive: str
    rejects: str
    done_marker: str | None = None


class Fetcher:
    """Fetches complete exports into the import folder.

    Args:
        client: the connection.
        folders: folders of the server.
        target: the import folder of this machine.
        suffixes: returns the endings of file names that the adapter reads.
        settle_s: seconds without a change after which an export is complete.
    """

    def __init__(
        self,
        client: SftpClient,
        folders: RemoteFolders,
        target: Path,
        suffixes: Callable[[], Sequence[str]],
        settle_s: float,
    ) -> None:
        self._client = client
        self._folders = folders
        self._target = target
        self._suffixes = suffixes
        self._settling = RemoteSettling(settle_s, folders.done_marker)
        self._report: Reporter = lambda _: None
        self._unusable = 0
        self._unreadable = 0
        self._folder_fault: str | None = None
        self._stored: dict[str, RemoteFile] = {}
        self._log = logger("source")

    def report_to(self, report: Reporter) -> None:
        """Call this for each file that is refused unread."""
        self._report = report

    def trouble(self) -> str | None:
        """Return a code for /readyz if an export is left on the server, else None."""
        if self._folder_fault is not None:
            return self._folder_fault
        if self._unreadable:
            return "sftp_file_unreadable"
        return "sftp_name_unusable" if self._unusable else None

    async def round(self) -> int:
        """Look once, and fetch what is complete. Return how many files were moved on the server.

        Raises:
            SftpError: the server cannot be used now; the rest is fetched later.
            ImportFolderError: the import folder cannot be written now; the same.
            OSError: this process has no free file descriptor.
        """
        try:
            moved = await self._round()
        except ImportFolderError as error:
            self._folder_fault = error.code
            self._client.worked()  # what failed is on this machine
            raise
        self._folder_fault = None
        self._client.worked()
        return moved

    async def _round(self) -> int:
        folder = self._folders.exports
        found: RemoteListing = await self._client.call(lambda sftp: listing(sftp, folder))
        if found.unusable != self._unusable:
            self._unusable = found.unusable
            if found.unusable:
                self._log.warning("entries_left", code="sftp_name_unusable", files=found.unusable)
        self._stored = {name: one for name, one in self._stored.items() if name in found.files}
        complete, orphans = self._settling.look(found.files, asyncio.get_running_loop().time())
        for name in orphans:
            await self._remove(name)
        await self._take_each(complete)
        return len(complete)

    async def _take_each(self, complete: Sequence[RemoteFile]) -> None:
        """Take every file: one that cannot be taken stops none behind it.

        Raises:
            SftpError: the server cannot be used; or, at the end, a file could not be moved.
        """
        unmoved: SftpError | None = None
        unreadable = 0
        for file in complete:
            try:
                await self._take(file)
            except UnreadableFileError:
                unreadable += 1
            except SftpError as error:
                if error.code not in OF_ONE_FILE:
                    raise
                unmoved = unmoved or error
        if unreadable != self._unreadable:
            self._unreadable = unreadable
            if unreadable:
                self._log.warning("entries_left", code="sftp_file_unreadable", files=unreadable)
        if unmoved is not None:
            raise unmoved

    async def _take(self, file: RemoteFile) -> None:
        refusal = self._refusal(file)
        if refusal is None and self._stored.get(file.name) != file:
            if not await self._download(file):
                self._settling.restart(file.name)
                return
            # If it cannot be moved away, it is not stored again at each look.
            self._stored[file.name] = file
        if refusal is not None:
            code, detail = refusal
            reason = json.dumps({"file": file.name, "code": code, "detail": detail}, indent=2)
            if await self._move(file.name, self._folders.rejects, reason.encode() + b"\n"):
                self._report(FileReport("", "quarantined", code, detail))
        elif await self._move(file.name, self._folders.archive):
            self._log.info("file_fetched", size=file.size)
        self._stored.pop(file.name, None)
        marker = self._folders.done_marker
        if marker is not None:
            await self._remove(f"{file.name}{marker}")

    async def _remove(self, name: str) -> None:
        """Remove a done marker."""
        remote = self._remote(name)

        async def remove(sftp: asyncssh.SFTPClient) -> None:
            with suppress(asyncssh.SFTPNoSuchFile):
                await sftp.remove(remote)

        await self._client.call(remove)

    def _refusal(self, file: RemoteFile) -> tuple[str, str] | None:
        """Return why a file is refused before any of its bytes is read, or None."""
        if file.size == 0:
            return "file_empty", "The file is empty."
        if file.size > MAX_FILE_BYTES:
            return "file_too_large", f"The file is larger than {MAX_FILE_BYTES >> 20} MiB."
        suffixes = tuple(self._suffixes())
        if not file.name.lower().endswith(suffixes):
            return "file_type_unknown", f"The file's ending is not one of: {', '.join(suffixes)}."
        return None

    async def _download(self, file: RemoteFile) -> bool:
        """Store a file in the import folder. Return False if it changed or vanished meanwhile.

        Raises:
            UnreadableFileError: the server does not give this file.
        """
        with _writing(self._target):
            await asyncio.to_thread(self._target.mkdir, FOLDER_MODE, parents=True, exist_ok=True)
        part = self._target / PART.format(secrets.token_hex(8))
        remote = self._remote(file.name)
        try:
            same = await self._client.call(
                lambda sftp: _copied(sftp, remote, file, part, self._client.timeout_s),
                within_s=_FILE_S,
            )
            if same is None:
                raise UnreadableFileError
            if same:
                await asyncio.to_thread(self._place, part, file.name)
            return same
        finally:
            with suppress(OSError):
                await asyncio.to_thread(part.unlink, missing_ok=True)

    def _place(self, part: Path, name: str) -> None:
        """Give a stored file its name, or one beside it if another file has it."""
        with _writing(self._target):
            put_back(part, self._target, secrets.token_hex(4), name)
            sync_folder(self._target)

    def _remote(self, name: str) -> str:
        return posixpath.join(self._folders.exports, name)

    async def _move(self, name: str, folder: str, reason: bytes | None = None) -> bool:
        """Move a file on the server, over no other, with the reason beside it.

        Return False if the file is gone.
        """
        source = self._remote(name)
        return await self._client.call(lambda sftp: _moved(sftp, source, folder, name, reason))

    def remove_parts(self) -> None:
        """Remove what a crash left unfinished; it is fetched again."""
        for path in self._target.glob(PART.format("*")):
            with suppress(OSError):  # a folder without rights is trouble in the next round
                path.unlink(missing_ok=True)


async def _copied(
    sftp: asyncssh.SFTPClient, remote: str, file: RemoteFile, part: Path, timeout_s: float
) -> bool | None:
    """Copy a file. Return False if it changed or is gone, None if the server refuses to read it."""
    try:
        return await _copy(sftp, remote, file, part, timeout_s)
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
        return False
    except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection):
        raise
    except asyncssh.SFTPError:
        return None


async def _copy(
    sftp: asyncssh.SFTPClient, remote: str, file: RemoteFile, part: Path, timeout_s: float
) -> bool:
    """Copy exactly the listed file; return False if it is another one, longer or shorter."""
    with _writing(part.parent):
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        async with sftp.open(remote, "rb") as source:
            size = 0
            while size <= file.size:
                async with asyncio.timeout(timeout_s):
                    piece = await source.read(CHUNK_BYTES, size)
                assert isinstance(piece, bytes)
                if not piece:
                    break
                size += len(piece)
                with _writing(part.parent):
                    await asyncio.to_thread(_write_all, handle, piece)
        if size != file.size:
            return False
        with _writing(part.parent):
            await asyncio.to_thread(os.fsync, handle)
    finally:
        with suppress(OSError):  # the file is durable, or it is removed
            os.close(handle)
    async with asyncio.timeout(timeout_s):
        after = await sftp.stat(remote)
    return (after.size, int(after.mtime or 0)) == (file.size, file.changed_s)


def _write_all(handle: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Tell faults of this machine from those of the server.

    Raises:
        ImportFolderError: a file or folder of this machine cannot be written.
    """
    try:
        yield
    except OSError as error:
        if out_of_descriptors(error):
            raise
        raise ImportFolderError(
            f"The import folder cannot be written ({type(error).__name__}).",
            where=str(folder),
            fix="Check the folder's owner, its permissions and the free space. The adapter tries "
            "again.",
        ) from None


async def _moved(
    sftp: asyncssh.SFTPClient, source: str, folder: str, name: str, reason: bytes | None
) -> bool:
    if not await sftp.lexists(source):
        return False
    stem, suffix = posixpath.splitext(name)
    token = secrets.token_hex(4)
    for candidate in (name, f"{stem}.{token}{suffix}"):
        target = posixpath.join(folder, candidate)
        if await sftp.lexists(target):
            continue
        if reason is not None:
            async with sftp.open(f"{target}{REASON}", "wb") as file:
                await file.write(reason)
        await sftp.rename(source, target)  # over no other file
        return True
    raise asyncssh.SFTPFailure("no free name")


class FetchLoop:
    """Runs the fetcher until it is stopped, and waits after a fault.

    Args:
        fetcher: fetches.
        client: its connection, which is closed at the end.
        poll_s: seconds between two looks.
    """

    def __init__(self, fetcher: Fetcher, client: SftpClient, poll_s: float) -> None:
        self._fetcher = fetcher
        self._client = client
        self._poll_s = poll_s
        self._again = asyncio.Event()
        self._log = logger("source")

    def trouble(self) -> str | None:
        """Return a code for /readyz if exports cannot be fetched now, else None."""
        return self._client.trouble() or self._fetcher.trouble()

    def retry_now(self) -> None:
        """Look at the server now."""
        self._again.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Fetch until ``stop`` is set."""
        await asyncio.to_thread(self._fetcher.remove_parts)
        failures = 0
        try:
            while not stop.is_set():
                pause = self._poll_s
                try:
                    await self._fetcher.round()
                    failures = 0
                except (SftpError, ImportFolderError) as error:
                    failures += 1
                    pause = retry_delay_s(failures, first=min(1.0, self._poll_s), most=60.0)
                    self._log.warning("fetch_waits", code=error.code, delay_ms=int(pause * 1000))
                self._again.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await first_of(stop, self._again)
        finally:
            await self._client.close()
