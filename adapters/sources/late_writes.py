"""Writes that come after a file was taken: a writer that paused, or had the file open all the time.

Nothing tells a folder that a writer has ended. Where the kernel knows who has a file open, it is
asked before a file is taken (``open_for_writing``). Where it does not (a network share), and for a
writer that opens the file again, each file that was put away is looked at for some time; one that
was written to since comes back into the import folder and is read again as a whole. Rows that were
sent are known by their keys, so only the rest is sent.
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

from adapters.sources.settling import Signature
from broker.held.import_folder import name_rule

WATCHED_S: Final = 60 * 60.0
"""How long a file that was taken is looked at."""
REFUSED_WATCHED_S: Final = 60.0
"""How long one that was refused is: later a person corrects it there, and retries it."""
LOOK_S: Final = 2.0
MAX_WATCHED: Final = 10_000
AT_START_NS: Final = 24 * 60 * 60 * 1_000_000_000
"""At a start, files that were put away since then are looked at once."""
MAX_AT_START: Final = 100_000


def open_for_writing(handle: int) -> bool:
    """Whether a process of this machine has the file open for writing, as far as can be known.

    A read lease is granted only on a file that nobody has open for writing. It is given up at once:
    a process that opens the file in between waits that long.

    Args:
        handle: open for reading only.
    """
    try:
        # The signal that a broken lease sends; SIGIO, the default, would end the process.
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except (OSError, AttributeError):  # another's file, a share, or another system: not to be known
        return False
    with suppress(OSError):
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


@dataclass(slots=True)
class _PutAway:
    signature: Signature
    until_s: float


class LateWrites:
    """Files that were put away and are looked at for a while."""

    def __init__(self) -> None:
        self._watched: dict[Path, _PutAway] = {}
        self._next_s = 0.0

    def watch(self, path: Path, read: Signature, now_s: float, *, taken: bool) -> None:
        """Look at a file from now on.

        Args:
            path: where it was put.
            read: as it was when it was read.
            now_s: monotonic.
            taken: whether it was taken; otherwise it was refused.
        """
        if len(self._watched) >= MAX_WATCHED:
            del self._watched[next(iter(self._watched))]
        self._watched[path] = _PutAway(read, now_s + (WATCHED_S if taken else REFUSED_WATCHED_S))

    def written(self, now_s: float) -> list[Path]:
        """Those that were written to since they were read; each once."""
        if now_s < self._next_s:
            return []
        self._next_s = now_s + LOOK_S
        found: list[Path] = []
        for path, put_away in list(self._watched.items()):
            try:
                status = path.lstat()
            except OSError:  # a person took it away
                del self._watched[path]
                continue
            now_there = Signature.of(status)
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
        """Files that were written to after they were taken, while no adapter ran.

        The last write of a file that is moved lies before the move, and the move sets ``ctime``.
        A write after the move sets both times to one value.
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
