"""List the files in the agency's folders, and search compressed ones for a case."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from adapters.case_ids import CaseIds
from adapters.packed_files import PackedKind, UnsearchableError, packed_kind, unpacked_pieces
from broker.operations.erasure import UNSEARCHED, Folder, FoundFile

CHUNK_BYTES: Final = 1024 * 1024
OVERLAP_BYTES: Final = 4096
"""Overlap of two pieces; longer than any id in any encoding."""
MAX_FOLDERS: Final = 16
"""Maximum depth of nested folders that are searched."""


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
    """Search a compressed file. The adapter never takes or cuts a compressed file."""
    # Search the raw bytes too: ZIP comments, and data before or after the compressed part.
    found, whole = named or holds(file, ids.stand_in), True
    if not found:
        with open_file(file) as stream:
            try:
                found = any(map(ids.stand_in, unpacked_pieces(stream, kind)))
            except UnsearchableError:
                whole = False
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


def files_below(
    folder: Path, others: set[Path], unsearched: Callable[[Path], None]
) -> Iterator[Path]:
    """Yield files in subfolders, without links and without the agency's other folders.

    Args:
        folder: one of the agency's folders.
        others: all folders of the agency.
        unsearched: called with each folder whose files are not searched, because it cannot be read
            or is nested too deeply. This can be ``folder`` itself.
    """

    def unreadable(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            unsearched(Path(os.fsdecode(error.filename)))

    for place, inside, names in os.walk(folder, onerror=unreadable):
        inside[:] = sorted(one for one in inside if Path(place, one) not in others)
        if len(Path(place).relative_to(folder).parts) >= MAX_FOLDERS:
            for one in inside:
                if not Path(place, one).is_symlink():
                    unsearched(Path(place, one))
            inside.clear()
        if Path(place) == folder:
            continue
        try:
            paths = [Path(place, name) for name in sorted(names)]
            plain = [path for path in paths if stat.S_ISREG(path.lstat().st_mode)]
        except OSError:
            unsearched(Path(place))
        else:
            yield from plain
