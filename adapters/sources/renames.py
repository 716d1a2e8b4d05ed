"""Names that a rename gave to entries of a folder, as the kernel reports them (inotify).

A program that renames a finished file into the folder has finished it, so such a file needs no
settling. The kernel reports only what happens on this machine. On a network share, a rename by
another machine is not seen here, and the file settles. The same holds where there is no inotify.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inotify_simple import INotify


class Renames:
    """Watches one folder. It must be used by one thread at a time.

    Args:
        folder: the folder; it may be missing for a while, or be replaced by another one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kernel: INotify | None = None
        self._watched: tuple[int, int] | None = None
        self._names: set[str] = set()
        self._left: set[str] = set()
        self._unseen = False

    @property
    def unseen(self) -> bool:
        """Return whether `names` read a report of an entry that came after the folder was read.

        The kernel does not report it again, so the folder must be read again.
        """
        return self._unseen

    @property
    def handle(self) -> int | None:
        """Return the descriptor that is readable when something happened; None without inotify."""
        return None if self._kernel is None else self._kernel.fileno()

    def watch(self) -> None:
        """Watch the folder that has the name now. Call it before the entries are read."""
        self._unseen = False
        try:
            status = self._folder.stat()
            if (status.st_dev, status.st_ino) != self._watched:
                self.close()
                self._begin()
                self._watched = (status.st_dev, status.st_ino)
        except OSError:  # the folder is missing, or the limit of watches is reached: files settle
            self.close()
        except ModuleNotFoundError:  # not Linux: files settle
            return

    def arrived(self) -> bool:
        """Read the kernel's reports. Return whether one of them is a rename."""
        return any(renamed for _, renamed in self._read())

    def names(self, present: Collection[str]) -> frozenset[str]:
        """Return the names of the folder that were given by a rename, each once.

        Args:
            present: names of the entries that were read. A name that came after them is returned
                by the next call.
        """
        self._unseen = any(name not in present for name, _ in self._read())
        found = self._names.intersection(present)
        left = self._names - found
        self._names = left - self._left  # not in the folder at two calls: the entry is gone
        self._left = left
        return frozenset(found)

    def close(self) -> None:
        """End the watch; ``watch`` begins a new one."""
        if self._kernel is not None:
            self._kernel.close()
        self._kernel = self._watched = None
        self._names.clear()

    def _begin(self) -> None:
        from inotify_simple import INotify, flags

        self._kernel = INotify(nonblocking=True)
        self._kernel.add_watch(self._folder, flags.MOVED_TO | flags.CREATE | flags.ONLYDIR)

    def _read(self) -> list[tuple[str, bool]]:
        """Take the kernel's reports. Return each name, and whether a rename gave it."""
        if self._kernel is None:
            return []
        from inotify_simple import flags

        reported: list[tuple[str, bool]] = []
        for event in self._kernel.read(timeout=0):
            if event.mask & flags.Q_OVERFLOW:  # reports are missing: every file settles
                self._names.clear()
            elif event.mask & flags.IGNORED:  # the folder was removed
                self._watched = None
            elif event.mask & flags.MOVED_TO:
                self._names.add(event.name)
                reported.append((event.name, True))
            else:  # a new file has the name, and is written in place
                self._names.discard(event.name)
                reported.append((event.name, False))
        return reported
