"""Complete files of a folder of the server: listed within limits, and settled.

A file is complete when two looks, at least the settle time apart, saw the same size and time of
change. With a done marker it is complete when its marker is there. Names come from another machine:
a name that could leave a folder is not used.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import asyncssh

from adapters.sources.settling import EMPTY_PATIENCE
from broker.agency.entry_names import name_rule
from contracts.hidden_characters import HIDDEN

MOST_ENTRIES: Final = 10_000
"""Entries of one look. The others are seen when these are moved away."""
MOST_NAME_BYTES: Final = 200


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A regular file of the server.

    Attributes:
        name: its name; it may hold personal data, so it is not logged.
        size: bytes.
        changed_s: time of its last change, by the clock of the server.
    """

    name: str
    size: int
    changed_s: int


@dataclass(frozen=True, slots=True)
class RemoteListing:
    """One look at a folder.

    Attributes:
        files: the regular files, by name.
        unusable: number of entries with a name that is not used, or that are no plain files.
        complete: False if the folder has more entries than one look takes.
    """

    files: Mapping[str, RemoteFile]
    unusable: int
    complete: bool


async def listing(sftp: asyncssh.SFTPClient, folder: str) -> RemoteListing:
    """Return the files of a folder."""
    files: dict[str, RemoteFile] = {}
    unusable = seen = 0
    async for entry in sftp.scandir(folder.encode()):
        assert isinstance(entry.filename, bytes)
        if entry.filename in {b".", b".."}:
            continue
        seen += 1
        if seen > MOST_ENTRIES:
            return RemoteListing(files, unusable, complete=False)
        name, attributes = _name(entry.filename), entry.attrs
        regular = (
            attributes.type == asyncssh.FILEXFER_TYPE_REGULAR
            if attributes.permissions is None
            else stat.S_ISREG(attributes.permissions)
        )
        if name is not None and name_rule(name) is not None:
            continue
        if name is None or not regular or attributes.size is None:
            is_folder = attributes.type == asyncssh.FILEXFER_TYPE_DIRECTORY
            unusable += 0 if name is not None and is_folder else 1
            continue
        files[name] = RemoteFile(name, attributes.size, int(attributes.mtime or 0))
    return RemoteListing(files, unusable, complete=True)


def _name(raw: bytes) -> str | None:
    """Return a name that can be used on this machine as well; None for another one."""
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if "/" in name or "\0" in name or len(raw) > MOST_NAME_BYTES or HIDDEN.search(name):
        return None
    return name


class RemoteSettling:
    """Finds the complete files of one look after another.

    Args:
        settle_s: seconds without a change that make a file complete.
        done_marker: ending of the marker of a complete file; None if there are no markers.
    """

    def __init__(self, settle_s: float, done_marker: str | None) -> None:
        self._settle_s = settle_s
        self._marker = done_marker
        self._seen: dict[str, tuple[RemoteFile, float]] = {}

    def look(
        self, files: Mapping[str, RemoteFile], now_s: float
    ) -> tuple[list[RemoteFile], list[str]]:
        """Return the complete files, oldest first, and markers whose file is gone.

        A marker is left over when a crash came between the move of its file and its own removal. It
        must go, or the next file of this name would count as complete while it is written.

        Args:
            files: of this look.
            now_s: monotonic seconds.
        """
        seen: dict[str, tuple[RemoteFile, float]] = {}
        complete: list[RemoteFile] = []
        orphans: list[str] = []
        for name, file in files.items():
            before = self._seen.get(name)
            since = before[1] if before is not None and before[0] == file else now_s
            seen[name] = (file, since)
            settled = before is not None and now_s - since >= self._settle_s * (
                1 if file.size else EMPTY_PATIENCE
            )
            if self._marker is None:
                if settled:
                    complete.append(file)
            elif name.endswith(self._marker):
                if settled and name.removesuffix(self._marker) not in files:
                    orphans.append(name)
            elif f"{name}{self._marker}" in files:
                complete.append(file)
        self._seen = seen
        complete.sort(key=lambda file: (file.changed_s, file.name))
        return complete, orphans

    def restart(self, name: str) -> None:
        """Begin the wait for a file anew, because it was still changing."""
        self._seen.pop(name, None)
