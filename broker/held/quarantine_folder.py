"""Content of the quarantine folder: refused files, and refused rows of other files.

A file that was refused as a whole is there under its name, with its reason in ``NAME.reason.json``.
Refused rows of a file that was otherwise taken are in ``NAME.rejected.<suffix>`` beside such a
reason, and the unread rest of a file with too many of them in ``NAME.rest.<suffix>``. The suffix is
that of the file, or ``.csv`` for a spreadsheet. A file that a
person moves away or deletes is no longer held; the reason file alone is only a record.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from broker.held.items import HeldItem
from broker.held.reason_file import REASON, FileReason, RowReason, read_reason

PARTS: Final = (".rejected", ".rest")
"""Parts of the name of a partial file, before its ending."""
CONVERTED: Final = ".csv"
"""Ending of the parts of a spreadsheet, which cannot be cut."""
MAX_ENTRIES: Final = 100_000
"""Maximum number of entries that are read."""
READ_REASONS: Final = 1000
"""Maximum number of reason files that are read."""


def held_files(folder: Path, *, with_reasons: bool) -> list[HeldItem]:
    """Return held files and rows, oldest first; none if the folder does not exist.

    Args:
        folder: the agency's quarantine folder.
        with_reasons: whether to read the reason files; without them ``code`` is empty.
    """
    try:
        entries = {entry.name: entry for entry in _first(folder)}
    except OSError:
        return []
    found: list[HeldItem] = []
    for name, entry in entries.items():
        if name.startswith(".") or name.endswith(REASON):
            continue
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        rows_of = _rows_of(name, entries)
        kind = "file" if rows_of is None else "rows"
        reason: FileReason | None = None
        if with_reasons and len(found) < READ_REASONS:
            reason = read_reason(folder / f"{name if rows_of is None else rows_of}{REASON}")
        found.append(
            HeldItem(
                "file" if kind == "file" else "rows",
                file_id(kind, name),
                # time of the move, not of the last change: an old export can be refused now
                status.st_ctime_ns // 1_000_000,
                _code(reason) if with_reasons else "",
                "" if reason is None else reason.detail,
                name.encode("utf-8", "replace").decode(),
                count=1 if reason is None else max(len(reason.rows), 1),
            )
        )
    found.sort(key=lambda item: (item.since_ms, item.id))
    return found


def find_held_file(folder: Path, id_: str) -> Path | None:
    """Return the file of an id, None if it no longer exists."""
    with suppress(OSError):
        for entry in _first(folder):
            if id_ in (file_id("file", entry.name), file_id("rows", entry.name)):
                return folder / entry.name
    return None


def refused_rows(folder: Path, id_: str) -> tuple[RowReason, ...]:
    """Return the reasons of the refused rows of a file; none if the id is not one of such rows.

    Args:
        folder: the agency's quarantine folder.
        id_: id of a held item.
    """
    file = find_held_file(folder, id_)
    if file is None:
        return ()
    with suppress(OSError):
        rows_of = _rows_of(file.name, {entry.name: entry for entry in _first(folder)})
        reason = None if rows_of is None else read_reason(folder / f"{rows_of}{REASON}")
        return () if reason is None else reason.rows
    return ()


def file_id(kind: str, name: str) -> str:
    """Return the id of a file: part of its hash, because its name may hold personal data."""
    return f"{kind}-{sha256(os.fsencode(name)).hexdigest()[:12]}"


def _rows_of(name: str, entries: dict[str, os.DirEntry[str]]) -> str | None:
    """Return the name of the file to which rejected rows belong; None for a file of its own."""
    if f"{name}{REASON}" in entries:
        return None
    for part in PARTS:
        stem, found, suffix = name.rpartition(part)
        if found and suffix in (Path(stem).suffix, CONVERTED) and f"{stem}{REASON}" in entries:
            return stem
    return None


def _first(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for number, entry in enumerate(entries):
            if number >= MAX_ENTRIES:
                return
            yield entry


def _code(reason: FileReason | None) -> str:
    return "no_reason" if reason is None or not reason.code else reason.code
