"""Detection of complete files of a folder: renamed, marked, or unchanged for a while.

A file that arrives by a rename is complete at once. The kernel reports a rename on this machine. A
rename on a network share by another machine shows only if this adapter saw the same file under the
name of an unfinished one, with the same size and modification time.

With a done marker, a file is complete when its marker is there and is not older than the file.

The file system does not report the end of a copy, and network shares send no change events and have
their own clocks. So any other file is checked repeatedly. It is complete when its size,
modification time and identity have not changed for the settle time, measured by our own monotonic
clock.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from broker.agency.entry_names import name_rule
from broker.held.import_folder import marks

EMPTY_PATIENCE: Final = 5
"""Multiple of the settle time for an empty file: many exports create the file first and fill it
later.
"""


class FileSignature(NamedTuple):
    """Properties that must not change while a file settles, nor between reading and moving it."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    mode: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileSignature:
        """Return the signature of a stat result."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_mode)

    def differs_in_content(self, other: FileSignature) -> bool:
        """Return whether the content of one file may differ between the two."""
        return (self.size, self.mtime_ns) != (other.size, other.mtime_ns)


@dataclass(frozen=True, slots=True)
class Settled:
    """An entry of the folder that has settled."""

    path: Path
    signature: FileSignature
    rest_s: float = 0.0
    """Seconds since its last change."""
    marker: FileSignature | None = None
    """Signature of its done marker, if it has one."""

    @property
    def kind(self) -> int:
        """Return the file type bits, as of ``stat.S_IFMT``."""
        return stat.S_IFMT(self.signature.mode)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The signature of an entry, the time of its last change, and whether it needs no settling."""

    signature: FileSignature
    since_s: float
    whole: bool = False


Found: TypeAlias = Mapping[Path, FileSignature]


class Settling:
    """Tracks the last signature of each entry and the time of its last change.

    Args:
        settle_s: seconds without a change that make a file complete.
        done_marker: ending of the marker of a complete file; None if there are no markers.
    """

    def __init__(self, settle_s: float, done_marker: str | None = None) -> None:
        self._settle_s = settle_s
        self._done_marker = done_marker
        self._seen: dict[Path, _Seen] = {}
        self._unfinished: dict[tuple[int, int], FileSignature] = {}
        self._moved_back: set[Path] = set()

    @property
    def waiting(self) -> int:
        """Return the number of entries at the last look, settled or not."""
        return len(self._seen)

    def look(
        self,
        paths: Iterable[Path],
        now_s: float,
        renamed: Callable[[Collection[str]], Collection[str]] = lambda _: (),
    ) -> list[Settled]:
        """Look at the folder's entries once.

        Args:
            paths: entries of the folder.
            now_s: monotonic seconds.
            renamed: returns which of the given names come from a rename since the last look. It is
                asked after the signatures are read, so a file that replaces a renamed one is not
                taken for it.

        Returns:
            The settled entries, in the order of their last write.
        """
        visible, unfinished, markers = self._signatures(paths)
        names = set(renamed({path.name for path in visible}))
        names -= {path.name for path in self._moved_back}
        seen = {path: self._see(path, found, now_s, names) for path, found in visible.items()}
        self._moved_back &= seen.keys()
        self._unfinished = {found[:2]: found for found in unfinished.values()}
        self._seen = seen
        settled = [
            Settled(path, one.signature, now_s - one.since_s, markers.get(path))
            for path, one in seen.items()
            if self._settled(path, one, now_s, markers)
        ]
        settled.sort(key=lambda entry: (entry.signature.mtime_ns, entry.path.name))
        return settled

    def restart(self, path: Path, now_s: float) -> None:
        """Restart the wait for one entry, because it was still changing."""
        before = self._seen.get(path)
        if before is not None:
            self._seen[path] = _Seen(before.signature, now_s)

    def moved_back(self, path: Path) -> None:
        """Let an entry settle that this adapter moved into the folder because it had changed.

        Call it between two looks, before the entries of the second one are read.
        """
        self._moved_back.add(path)

    def _signatures(self, paths: Iterable[Path]) -> tuple[Found, Found, Found]:
        """Return the entries to take, the unfinished ones, and the markers by their file."""
        visible: dict[Path, FileSignature] = {}
        unfinished: dict[Path, FileSignature] = {}
        markers: dict[Path, FileSignature] = {}
        for path in paths:
            try:
                signature = FileSignature.of(path.lstat())
            except OSError:  # removed, or a fault of the share: the next look will show
                continue
            if self._done_marker is not None and path.name.endswith(self._done_marker):
                markers[path.with_name(path.name.removesuffix(self._done_marker))] = signature
            elif name_rule(path.name) is None:
                visible[path] = signature
            else:
                unfinished[path] = signature
        return visible, unfinished, markers

    def _see(self, path: Path, found: FileSignature, now_s: float, names: Collection[str]) -> _Seen:
        before = self._seen.get(path)
        unchanged = before is not None and before.signature == found
        if before is not None and unchanged and (before.whole or path.name not in names):
            return before
        earlier = self._unfinished.get(found[:2])
        whole = path.name in names or (
            not unchanged and earlier is not None and not earlier.differs_in_content(found)
        )
        return _Seen(found, now_s, whole)

    def _settled(self, path: Path, one: _Seen, now_s: float, markers: Found) -> bool:
        if (
            self._done_marker is not None
            and stat.S_ISREG(one.signature.mode)
            and path not in self._moved_back
        ):
            marker = markers.get(path)
            return marker is not None and marks(
                marker.mode, marker.mtime_ns, one.signature.mtime_ns
            )
        if not one.signature.size:
            return now_s - one.since_s >= EMPTY_PATIENCE * self._settle_s
        return one.whole or now_s - one.since_s >= self._settle_s
