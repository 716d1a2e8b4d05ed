"""Retention of the adapter's folders, in which unencrypted files stay for a set time.

The folders `processed/` and `quarantine/` belong to the adapter: exports, rows that were refused,
and their reasons. In `inbox/` only delivered events, whose names are event ids, belong to the
adapter; other files there stay.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

from broker.agency.participant import Participant
from broker.audit import recording
from broker.audit.log import append_entries
from broker.store.database import Store
from contracts.durations import DAY_MS

KeptFolder: TypeAlias = Literal["processed", "quarantine", "inbox"]
FOLDERS: Final[tuple[KeptFolder, ...]] = get_args(KeptFolder)
MAX_ENTRIES: Final = 1_000_000
"""Maximum number of entries of a folder that are read in one round."""
_DELIVERED: Final = re.compile(
    r"\.?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:\.[a-z0-9]{1,16}){1,2}(?:\.tmp)?"
)


@dataclass(frozen=True, slots=True)
class FolderState:
    """State of one folder.

    Attributes:
        name: as in ``agency.toml``.
        files: number of the adapter's files.
        oldest_ms: when the oldest was put there; None if there is none.
        keep_days: the retention; 0 keeps files.
        over: number of files past the retention.
    """

    name: KeptFolder
    files: int
    oldest_ms: int | None
    keep_days: int
    over: int

    @property
    def unlimited(self) -> bool:
        """Return whether there are files that are kept for ever."""
        return self.files > 0 and self.keep_days == 0


@dataclass(frozen=True, slots=True)
class _Kept:
    path: Path
    since_ms: int


def folder_states(participant: Participant, now: int) -> tuple[FolderState, ...]:
    """Return every folder with unencrypted files.

    Args:
        participant: the agency.
        now: ms.
    """
    states: list[FolderState] = []
    for name in FOLDERS:
        days = _days(participant, name)
        since = [one.since_ms for one in _kept(participant, name)]
        over = sum(_is_over(one, days, now) for one in since)
        states.append(FolderState(name, len(since), min(since, default=None), days, over))
    return tuple(states)


def apply_retention(participant: Participant, store: Store, now: int) -> dict[KeptFolder, int]:
    """Remove files past the retention, and log it.

    The log entry comes first: if the process ends between the two, the next round removes the files
    and logs once more.

    Args:
        participant: the agency with its present settings.
        store: its state.
        now: ms. Past the end of this agency's own manifest the clock may be wrong, so nothing is
            removed.

    Returns:
        Number of removed files by folder.
    """
    removed = dict.fromkeys(FOLDERS, 0)
    if not removal_is_safe(participant, now):
        return removed
    for name in FOLDERS:
        days = _days(participant, name)
        over = [one for one in _kept(participant, name) if _is_over(one.since_ms, days, now)]
        if not over:
            continue
        with store.transaction() as tx:
            append_entries(tx, [recording.erased(f"folder_retention.{name}", len(over), now)])
        for one in over:
            try:
                one.path.unlink()
            except OSError:
                continue  # it is in the next round, and `over` shows it
            removed[name] += 1
    return removed


def removal_is_safe(participant: Participant, now: int) -> bool:
    """Return False past the end of this agency's own manifest: the clock may be wrong."""
    own = participant.manifests.newest(participant.agency)
    return own is not None and now < own.expires


def _days(participant: Participant, name: KeptFolder) -> int:
    retention = participant.config.retention
    return {
        "processed": retention.processed_days,
        "quarantine": retention.quarantine_days,
        "inbox": retention.inbox_days,
    }[name]


def _is_over(since_ms: int, days: int, now: int) -> bool:
    return days > 0 and now - since_ms > days * DAY_MS


def _kept(participant: Participant, name: KeptFolder) -> Iterator[_Kept]:
    """Yield the adapter's own files of a folder, and when they were put there."""
    folders = participant.config.folders
    folder = participant.path(
        {
            "processed": folders.processed,
            "quarantine": folders.quarantine,
            "inbox": folders.inbox,
        }[name]
    )
    try:
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if number >= MAX_ENTRIES:
                    return
                if name == "inbox" and not _DELIVERED.fullmatch(entry.name):
                    continue
                try:
                    if not entry.is_file(follow_symlinks=False):
                        continue
                    status = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                # Time of the move, because an old export may arrive today.
                since = max(status.st_ctime_ns, status.st_mtime_ns) // 1_000_000
                yield _Kept(folder / entry.name, since)
    except OSError:
        return
