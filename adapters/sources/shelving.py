"""Putting a file away: moved in one step, never over another, its reason beside it.

Nothing is ever deleted or overwritten. A crash at any point leaves the file either where it was, to
be read again (harmless: rows are idempotent), or where it belongs; the reason is written first, so
a file in quarantine is never without one.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

from adapters.sources.interfaces import RowReason

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
NAME_BYTES: Final = 200
"""Longest name kept; what is longer is named by its hash, so that ``.reason.json`` still fits into
the 255 bytes that file systems allow."""


def reason_bytes(
    name: str, sha256: str, code: str, detail: str, rows: tuple[RowReason, ...] = ()
) -> bytes:
    """The reason file: the same bytes for the same refusal, so that a second try can tell."""
    reason = {
        "file": name.encode("utf-8", "replace").decode(),  # names need not be UTF-8
        "sha256": sha256,
        "code": code,
        "detail": detail,
        "rows": [asdict(row) for row in rows],
    }
    return json.dumps(reason, ensure_ascii=False, indent=2).encode() + b"\n"


def shelve(path: Path, folder: Path, token: str, reason: bytes | None = None) -> Path:
    """Move a file into a folder under its own name, or a name with ``token`` when that is taken.

    Args:
        path: the file, or a link (the link itself is moved).
        folder: made when it is not there.
        token: hexadecimal digits that tell this file from its namesakes.
        reason: content of the reason file, or None for none.

    Returns:
        Where it is now.

    Raises:
        OSError: the file is still where it was.
    """
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    for name in _names(path.name, token):
        target = folder / name
        if os.path.lexists(target):
            continue
        if reason is not None and not _write_once(_reason_of(target), reason):
            continue
        try:
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE))
        except FileExistsError:
            continue
        try:
            _move(path, target)
        except BaseException:
            target.unlink()  # our own empty placeholder
            raise
        _sync(folder)
        return target
    raise AssertionError("names are endless")


def write_beside(folder: Path, name: str, token: str, content: bytes, reason: bytes) -> Path:
    """Write what could not be taken of a file that otherwise was, and the reason.

    The rows go to ``NAME.rejected.<suffix>``, the reason to ``NAME.reason.json``. A second try
    with the same content finds its own files and writes no more.

    Raises:
        OSError: nothing or only part was written; to be tried again.
    """
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    suffix = Path(name).suffix
    for candidate in _names(name, token):
        target = folder / f"{candidate}.rejected{suffix}"
        if os.path.lexists(folder / candidate):
            continue  # its reason file would be taken for ours
        if _write_once(target, content) and _write_once(
            folder / f"{candidate}.reason.json", reason
        ):
            _sync(folder)
            return target
    raise AssertionError("names are endless")


def _reason_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.reason.json")


def _names(name: str, token: str) -> Iterator[str]:
    whole = Path(name)
    stem, suffix = whole.stem, whole.suffix
    if len(os.fsencode(name)) > NAME_BYTES:
        stem, suffix = token[:16], suffix if len(os.fsencode(suffix)) <= 8 else ""
    yield f"{stem}{suffix}"
    yield f"{stem}.{token[:8]}{suffix}"
    for number in itertools.count(2):
        yield f"{stem}.{token[:8]}-{number}{suffix}"


def _write_once(target: Path, content: bytes) -> bool:
    """Write a new file durably. True also when it is there with the same content."""
    beside = target.with_name(f".{target.name}.tmp")
    if os.path.lexists(target):
        return not target.is_symlink() and target.is_file() and target.read_bytes() == content
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(beside, flags, FILE_MODE), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(target)
    return True


def _move(path: Path, target: Path) -> None:
    try:
        path.rename(target)  # over our own placeholder, in one step
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # Another file system: complete there before it goes here.
        if path.is_symlink():
            raise
        shutil.copyfile(path, target)
        handle = os.open(target, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        path.unlink()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
