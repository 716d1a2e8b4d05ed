"""Rules for the entries of the import folder: which are taken, ignored or shown.

Every entry has one rule. A plain file is taken when it has settled. An entry whose name marks an
unfinished file or a report of the adapter is ignored until it is an hour old, then shown. Names
that desktops and file servers make are ignored. Any other entry is left in place and shown with the
reason: a folder, a pipe, a device, a file with a second name, a file that cannot be moved away.
With a done marker, a file waits for its marker. Both are shown when the other one is missing.
"""

from __future__ import annotations

import itertools
import os
import re
import stat
from collections.abc import Collection, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from broker.agency.entry_names import name_rule
from broker.held.items import HeldItem

UNFINISHED_SHOWN_MS: Final = 60 * 60 * 1000
SHOWN_MS: Final = 60_000
"""Time after which a waiting file or another entry of the folder is shown."""
MAX_ENTRIES: Final = 100_000

_DETAILS: Final = {
    "symlink": "Links are not followed: drop the file itself.",
    "not_a_file": "Only files are taken: this is a folder, a pipe or a device.",
    "hard_link": "The file has a second name elsewhere, so it is not taken: remove one of them.",
    "file_unfinished": "Its name marks it as unfinished, or as a report of this adapter. "
    "Rename it when the export is finished, else remove it.",
    "marker_missing": "Its done marker is missing, or is older than the file. "
    "Write the marker when the export is finished.",
    "marker_alone": "This is a done marker without its file. Remove it, or write the export and "
    "then the marker again.",
    "file_waits": "It is not taken yet: the adapter does not run, a program has the file open, "
    "or the disk is full; the adapter's log says which.",
}


def why_not_taken(name: str, status: os.stat_result, now_ms: int) -> str | None:
    """Return the code under which an entry is shown; None if it is taken soon, or ignored.

    Args:
        name: name of the entry.
        status: result of ``lstat``.
        now_ms: wall clock.
    """
    rule = name_rule(name)
    if rule == "system":
        return None
    age_ms = now_ms - _changed_ms(status)
    if rule is not None:  # a report of ours stays when its export is moved away
        return "file_unfinished" if age_ms >= UNFINISHED_SHOWN_MS else None
    if age_ms < SHOWN_MS:
        return None
    if stat.S_ISLNK(status.st_mode):
        return "symlink"
    if not stat.S_ISREG(status.st_mode):
        return "not_a_file"
    return "hard_link" if status.st_nlink > 1 else "file_waits"


def marks(marker_mode: int, marker_ns: int, file_ns: int) -> bool:
    """Return whether a done marker says that a file is complete.

    A marker that is older than its file is one of an earlier file of that name, and stayed because
    of a crash.

    Args:
        marker_mode: ``st_mode`` of the marker, which must be a regular file.
        marker_ns: its modification time.
        file_ns: modification time of the file.
    """
    return stat.S_ISREG(marker_mode) and marker_ns >= file_ns


def own_inside(import_folder: Path, *folders: Path) -> frozenset[str]:
    """Return the names of our own folders that lie directly in the import folder.

    A folder of the same name there counts only if it is that very folder.
    """
    inside = import_folder.resolve()
    return frozenset(one.name for one in folders if one.parent.resolve() == inside)


def entries_not_taken(
    folder: Path, ours: Collection[str], now_ms: int, done_marker: str | None = None
) -> list[HeldItem]:
    """Return the entries of the import folder that are not taken, oldest first.

    Args:
        folder: the import folder; it need not exist.
        ours: names of our own folders inside it.
        now_ms: wall clock.
        done_marker: ending of the marker of a complete file; None if there are no markers.
    """
    files = _statuses(folder, ours)
    found: list[HeldItem] = []
    for name, status in files.items():
        code = _why_shown(name, status, files, now_ms, done_marker)
        if code is not None:
            found.append(_item(name, status, code))
    found.sort(key=lambda item: (item.since_ms, item.id))
    return found


def _statuses(folder: Path, ours: Collection[str]) -> dict[str, os.stat_result]:
    """Return the entries of a folder; none if it cannot be read."""
    found: dict[str, os.stat_result] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in itertools.islice(entries, MAX_ENTRIES):
                if entry.name not in ours:
                    with suppress(OSError):  # removed meanwhile
                        found[entry.name] = entry.stat(follow_symlinks=False)
    except OSError:
        return {}
    return found


def _why_shown(
    name: str,
    status: os.stat_result,
    files: Mapping[str, os.stat_result],
    now_ms: int,
    done_marker: str | None,
) -> str | None:
    """Return the code under which an entry is shown, done markers included; None for none."""
    if done_marker is None:
        return why_not_taken(name, status, now_ms)
    if name.endswith(done_marker) and stat.S_ISREG(status.st_mode):
        alone = name.removesuffix(done_marker) not in files
        waited = now_ms - _changed_ms(status) >= SHOWN_MS
        return "marker_alone" if alone and waited else None
    code = why_not_taken(name, status, now_ms)
    marker = files.get(f"{name}{done_marker}")
    marked = marker is not None and marks(marker.st_mode, marker.st_mtime_ns, status.st_mtime_ns)
    return "marker_missing" if code == "file_waits" and not marked else code


def entry_id(name: str) -> str:
    """Return the id of an entry, whose name may hold personal data."""
    return f"entry-{sha256(os.fsencode(name)).hexdigest()[:12]}"


def _item(name: str, status: os.stat_result, code: str) -> HeldItem:
    shown = name.encode("utf-8", "replace").decode()
    return HeldItem("entry", entry_id(name), _changed_ms(status), code, _DETAILS[code], shown)


def _changed_ms(status: os.stat_result) -> int:
    return max(status.st_mtime_ns, status.st_ctime_ns) // 1_000_000


# --- files left by a crash of the adapter -----------------------------------------------------

_LEFTOVER: Final = re.compile(r"\..+\.tmp")


def leftovers(folders: Collection[Path], now_ms: int, *, age_ms: int = SHOWN_MS) -> list[Path]:
    """Return unfinished files that this software began to write.

    None is the only copy of its content.

    Args:
        folders: the inbox, processed and quarantine folders.
        now_ms: wall clock.
        age_ms: younger files may still be being written.
    """
    found: list[Path] = []
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if _LEFTOVER.fullmatch(entry.name) is None:
                        continue
                    status = entry.stat(follow_symlinks=False)
                    if (
                        stat.S_ISREG(status.st_mode)
                        and now_ms - status.st_mtime_ns // 1_000_000 >= age_ms
                    ):
                        found.append(folder / entry.name)
        except OSError:
            continue
    return sorted(found)


def remove_leftovers(folders: Collection[Path], now_ms: int, *, age_ms: int = SHOWN_MS) -> int:
    """Remove unfinished files, whose content is written again. Returns how many."""
    paths = leftovers(folders, now_ms, age_ms=age_ms)
    for path in paths:
        path.unlink(missing_ok=True)
    return len(paths)
