"""Folder sink: one file per event, named by its event id, complete as soon as it is visible.

The agency's own import job watches the folder. A file gets its final name only when all its bytes
are on disk (written under a hidden name, synced, renamed, the folder synced). So a job that looks
at any moment sees a complete file or none. The owner can read the files. So can the folder's group,
if it can read the folder.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final

from adapters.sinks.sink import SinkError
from broker.keys.durable import sync_folder

FILE_MODE: Final = 0o600
GROUP_READS: Final = 0o040
FOLDER_MODE: Final = 0o700
KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
"""A key has no dot and no slash, so it can neither hide a file nor leave the folder."""
SUFFIX: Final = re.compile(r"(\.[a-z0-9]{1,16}){1,2}")


class FolderSink:
    """Delivers events as files. A second call with the same key and content does no harm."""

    def __init__(self, folder: Path) -> None:
        """Args: folder: the agency's inbox; created if it does not exist."""
        self.folder = folder

    def deliver(self, key: str, suffix: str, content: bytes) -> str:
        """Write one event. See ``Sink.deliver``; the reference is the file's name."""
        if not KEY.fullmatch(key) or not SUFFIX.fullmatch(suffix):
            raise SinkError(
                "The key or suffix cannot be used in a file name.", code="sink_key_invalid"
            )
        final = self.folder / f"{key}{suffix}"
        try:
            self.folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            if not _same(final, content):
                _write(self.folder / f".{final.name}.tmp", final, content)
            # also after a repeat: the first try may have crashed just before this
            sync_folder(self.folder)
        except OSError as error:
            raise SinkError(
                f"The inbox folder cannot be written ({os.strerror(error.errno or 0)}).",
                where=str(self.folder),
                fix="Give the adapter write access to the folder, or free space on its disk.",
            ) from error
        return final.name


def _same(final: Path, content: bytes) -> bool:
    """Return whether the file exists with this content. Raises SinkError for other content."""
    try:
        found = final.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(found.st_mode):
        raise _conflict(final, "An entry that is not a file has this event's name; it is kept.")
    handle = os.open(final, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        # One byte more than expected is enough to see a difference.
        if file.read(len(content) + 1) != content:
            raise _conflict(
                final, "This event was delivered before with other content; the first one is kept."
            )
    return True


def _conflict(final: Path, detail: str) -> SinkError:
    return SinkError(
        detail,
        code="sink_conflict",
        where=final.name,
        fix="Move the earlier file out of the inbox folder, then: concordant quarantine retry",
    )


def _write(beside: Path, final: Path, content: bytes) -> None:
    # The key fixes the hidden name, so that a try after a crash reuses the file that the crash
    # left.
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    # An operator who lets a group read the folder lets it read the files.
    mode = FILE_MODE | (beside.parent.stat().st_mode & GROUP_READS)
    with os.fdopen(os.open(beside, flags, FILE_MODE), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(final)
