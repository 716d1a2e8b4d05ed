"""Detection of writes after a file was taken: by a writer that paused, or kept the file open.

A folder does not show that a writer has finished. On a local disk the kernel knows whether a
process has a file open for writing, and the adapter asks it before it takes a file
(``open_for_writing``). On a network share the kernel does not know this. A writer may also open a
file again. So the adapter checks each file for some time after it moved the file away. If the file
has changed, the adapter moves it back into the import folder and reads all of it again. It
recognises the rows that it has sent by their keys, and sends only the others.
"""

from __future__ import annotations

import fcntl
import os
import signal
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.sources.settling import FileSignature
from broker.agency.entry_names import name_rule

WATCHED_S: Final = 60 * 60.0
"""Time for which a taken file is checked."""
REFUSED_WATCHED_S: Final = 60.0
"""Time for which a refused file is checked. It is short, because later a person corrects the file
in place and retries it.
"""
LOOK_S: Final = 2.0
MAX_WATCHED: Final = 10_000
AT_START_NS: Final = 24 * 60 * 60 * 1_000_000_000
"""At a start, files that were moved away within this time are checked once."""
MAX_AT_START: Final = 100_000


def open_for_writing(handle: int) -> bool:
    """Return whether a process of this machine is known to have the file open for writing.

    The kernel grants a read lease only on a file that is not open for writing. The lease is
    released at once. A process that opens the file for writing in that moment waits for the
    release.

    Args:
        handle: open for reading only.
    """
    try:
        # Signal of a broken lease; the default SIGIO would end the process.
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except (OSError, AttributeError):  # unknown: another owner's file, a share, or not Linux
        return False
    with suppress(OSError):
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


@dataclass(slots=True)
class _PutAway:
    signature: FileSignature
    until_s: float


class LateWrites:
    """Files that were moved away and are checked for a while."""

    def __init__(self) -> None:
        self._watched: dict[Path, _PutAway] = {}
        self._next_s = 0.0

    def watch(self, path: Path, read: FileSignature, now_s: float, *, taken: bool) -> None:
        """Check a file from now on.

        Args:
            path: its new path.
            read: its signature when it was read.
            now_s: monotonic seconds.
            taken: True if it was taken, False if it was refused.
        """
        if len(self._watched) >= MAX_WATCHED:
            del self._watched[next(iter(self._watched))]
        self._watched[path] = _PutAway(read, now_s + (WATCHED_S if taken else REFUSED_WATCHED_S))

    def written(self, now_s: float) -> list[Path]:
        """Return the files that changed since they were read, each once."""
        if now_s < self._next_s:
            return []
        self._next_s = now_s + LOOK_S
        found: list[Path] = []
        for path, put_away in list(self._watched.items()):
            try:
                status = path.lstat()
            except OSError:  # a person removed it
                del self._watched[path]
                continue
            now_there = FileSignature.of(status)
            if now_there[:2] != put_away.signature[:2]:
                del self._watched[path]  # another file of this name
            elif now_there.differs_in_content(put_away.signature):
                del self._watched[path]
                found.append(path)
            elif now_s >= put_away.until_s:
                del self._watched[path]
        return found

    @staticmethod
    def at_start(folder: Path, now_ns: int) -> list[Path]:
        """Return the files that changed after they were taken, while no adapter ran.

        The move sets ``ctime`` only, so ``mtime`` stays older than ``ctime``. A write after the
        move sets both to the same time.
        """
        return [
            path
            for path, status in _entries(folder)
            if stat.S_ISREG(status.st_mode)
            and status.st_size
            and now_ns - status.st_ctime_ns < AT_START_NS
            and status.st_mtime_ns >= status.st_ctime_ns
        ]


def _entries(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    try:
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if number >= MAX_AT_START:
                    return
                if name_rule(entry.name) is None:
                    yield folder / entry.name, entry.stat(follow_symlinks=False)
    except OSError:
        return
