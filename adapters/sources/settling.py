"""Detection of complete files: a dropped file is complete when it has not changed for a while.

The file system does not report the end of a copy, and network shares send no change events and have
their own clocks. So each file is checked repeatedly. It is complete when its size, modification
time and identity have not changed for the settle time, measured by our own monotonic clock.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from broker.held.import_folder import name_rule

EMPTY_PATIENCE: Final = 5
"""Multiple of the settle time for an empty file: many exports create the file first and fill it
later.
"""


class Signature(NamedTuple):
    """Properties that must not change while a file settles, nor between reading and moving it."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    mode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Signature:
        """Return the signature of a stat result."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_mode)

    def differs_in_content(self, other: Signature) -> bool:
        """Return whether the content of one file may differ between the two."""
        return (self.size, self.mtime_ns) != (other.size, other.mtime_ns)


@dataclass(frozen=True, slots=True)
class Settled:
    """An entry of the folder that has settled."""

    path: Path
    signature: Signature
    rest_s: float = 0.0
    """Seconds since its last change."""

    @property
    def kind(self) -> int:
        """Return the file type bits, as of ``stat.S_IFMT``."""
        return stat.S_IFMT(self.signature.mode)


class Settling:
    """Tracks the last signature of each entry and the time of its last change."""

    def __init__(self, settle_s: float) -> None:
        """Args: settle_s: seconds without a change that make a file complete."""
        self._settle_s = settle_s
        self._seen: dict[Path, tuple[Signature, float]] = {}

    @property
    def waiting(self) -> int:
        """Return the number of entries at the last look, settled or not."""
        return len(self._seen)

    def look(self, paths: Iterable[Path], now_s: float) -> list[Settled]:
        """Look at the folder's entries once.

        Args:
            paths: entries of the folder.
            now_s: monotonic seconds.

        Returns:
            The settled entries, in the order of their last write.
        """
        seen: dict[Path, tuple[Signature, float]] = {}
        settled: list[Settled] = []
        for path in paths:
            if name_rule(path.name) is not None:
                continue
            try:
                signature = Signature.of(path.lstat())
            except OSError:  # removed, or a fault of the share: the next look will show
                continue
            before = self._seen.get(path)
            since = before[1] if before is not None and before[0] == signature else now_s
            seen[path] = (signature, since)
            patience = self._settle_s * (1 if signature.size else EMPTY_PATIENCE)
            if now_s - since >= patience:
                settled.append(Settled(path, signature, now_s - since))
        self._seen = seen
        settled.sort(key=lambda entry: (entry.signature.mtime_ns, entry.path.name))
        return settled

    def restart(self, path: Path, now_s: float) -> None:
        """Restart the wait for one entry, because it was still changing."""
        before = self._seen.get(path)
        if before is not None:
            self._seen[path] = (before[0], now_s)
