"""Search of the agency's folders for a case: the files, and whether an id stands in one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from adapters.case_ids import CaseIds
from adapters.packed_files import PackedKind, UnsearchableError, packed_kind, unpacked_pieces
from broker.operations.erasure import UNSEARCHED, Folder, FoundFile

CHUNK_BYTES: Final = 1024 * 1024
OVERLAP_BYTES: Final = 4096
"""Longer than any id in any encoding."""
MAX_FOLDERS: Final = 16
"""Folders inside each other that are searched."""


def holds(file: Path, stand_in: Callable[[bytes], bool]) -> bool:
    before = b""
    with open_file(file) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            if stand_in(before + chunk):
                return True
            before = (before + chunk)[-OVERLAP_BYTES:]
    return False


def open_file(file: Path) -> BinaryIO:
    return os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")


def packed_kind_of(file: Path) -> PackedKind | None:
    with open_file(file) as stream:
        return packed_kind(stream)


def in_packed_file(
    file: Path, folder: Folder, kind: PackedKind, ids: CaseIds, *, named: bool, whole_files: bool
) -> FoundFile | None:
    """A compressed file: no part of it was ever taken, and nothing can be cut out of it."""
    found, whole = named, True
    if not found:
        with open_file(file) as stream:
            try:
                found = any(map(ids.stand_in, unpacked_pieces(stream, kind)))
            except UnsearchableError:
                whole = False
        if not whole:
            found = holds(file, ids.stand_in)
    if found and folder in {"processed", "quarantine"}:
        if whole_files:
            return FoundFile(file, folder, "remove")
        return FoundFile(file, folder, "leave", 0, "file_packed")
    if found:
        why = "not_taken" if folder == "import" else "file_foreign"
        return FoundFile(file, folder, "leave", 0, why)
    return None if whole else FoundFile(file, folder, "leave", 0, UNSEARCHED)


def files_in(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(e.name for e in entries if e.is_file(follow_symlinks=False))
    except OSError:
        return
    yield from (folder / name for name in names)


def files_below(folder: Path, others: set[Path]) -> Iterator[Path]:
    """Files in folders inside a folder, without links and without the agency's other folders."""
    for place, inside, names in os.walk(folder):
        inside[:] = sorted(one for one in inside if Path(place, one) not in others)
        if len(Path(place).relative_to(folder).parts) >= MAX_FOLDERS:
            inside.clear()
        if Path(place) != folder:
            paths = (Path(place, name) for name in sorted(names))
            yield from (path for path in paths if path.is_file() and not path.is_symlink())
