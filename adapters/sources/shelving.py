"""Moves of finished files: in one step, never over another file, with the reason beside it.

Nothing is deleted or overwritten. After a crash at any point the file is either in its old place,
to be read again (harmless: rows are idempotent), or in its new one. The reason is written first, so
a file in quarantine always has one.
"""

from __future__ import annotations

import errno
import itertools
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from broker.held.reason_file import REASON
from broker.held.retrying import put_back
from broker.keys.durable import sync_folder

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
LEFT_OUT: Final = ".left-out.json"
RESULTS: Final = ".results.csv"
"""Ending of the result file beside an export (`adapters.sources.result_files`)."""
NAME_BYTES: Final = 200
"""Longest name that is kept. A longer one is replaced by its hash, so that ``.reason.json`` still
fits into the 255 bytes that file systems allow.
"""

Content: TypeAlias = Callable[[], Iterable[bytes]]
"""Makes the bytes of a file in pieces, anew at each call."""


def shelve(
    path: Path,
    folder: Path,
    token: str,
    reason: bytes | None = None,
    left_out: bytes | None = None,
    content: Content | None = None,
) -> tuple[Path, bool]:
    """Move a file into a folder under its own name, or with ``token`` if the name exists.

    Args:
        path: the file, or a link (the link itself is moved).
        folder: created if it does not exist.
        token: hexadecimal digits that distinguish files of one name.
        reason: content of the reason file, or None for none.
        left_out: content of the report of left-out fields, or None for none.
        content: its content as it was read, for a copy to another file system; None reads it by
            name.

    Returns:
        Its new path, and whether that is a copy on another file system.

    Raises:
        OSError: the file is still where it was.
    """
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    for name in shelf_names(path.name, token):
        target = folder / name
        if os.path.lexists(target):
            continue
        beside = {REASON: reason, LEFT_OUT: left_out}
        if not all(
            content is None
            or _write_once(target.with_name(f"{target.name}{ending}"), _whole(content))
            for ending, content in beside.items()
        ):
            continue
        try:
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE))
        except FileExistsError:
            continue
        try:
            copied = _move(path, target, content)
        except BaseException:
            target.unlink()  # our own empty placeholder
            raise
        sync_folder(folder)
        return target, copied
    raise AssertionError("no free file name was found")


def write_beside(
    folder: Path,
    name: str,
    token: str,
    parts: Mapping[str, Content],
    reason: bytes,
    suffix: str = "",
) -> None:
    """Write the refused or unread part of a file that was otherwise taken, and the reason.

    Each part goes to ``NAME.<part>.<suffix>``, the reason to ``NAME.reason.json``. A second try
    with the same content finds its own files and writes no more.

    Args:
        folder: created if it does not exist.
        name: name of the file.
        token: hexadecimal digits that distinguish files of one name.
        parts: ``rejected`` and ``rest`` -> the bytes of each, in pieces.
        reason: content of the reason file.
        suffix: ending of the parts; that of the file when empty.

    Raises:
        OSError: nothing or only part was written; try again.
    """
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    suffix = suffix or Path(name).suffix
    for candidate in shelf_names(name, token):
        if os.path.lexists(folder / candidate):
            continue  # its reason file would be mistaken for ours
        targets = {folder / f"{candidate}.{part}{suffix}": parts[part] for part in parts}
        targets[folder / f"{candidate}{REASON}"] = _whole(reason)
        if all(_write_once(target, content) for target, content in targets.items()):
            sync_folder(folder)
            return
    raise AssertionError("no free file name was found")


def _whole(content: bytes) -> Content:
    return lambda: (content,)


def shelf_names(name: str, token: str) -> Iterator[str]:
    """Yield the names under which a file may be put away, the preferred one first."""
    whole = Path(name)
    stem, suffix = whole.stem, whole.suffix
    if len(os.fsencode(name)) > NAME_BYTES:
        stem, suffix = token[:16], suffix if len(os.fsencode(suffix)) <= 8 else ""
    yield f"{stem}{suffix}"
    yield f"{stem}.{token[:8]}{suffix}"
    for number in itertools.count(2):
        yield f"{stem}.{token[:8]}-{number}{suffix}"


def _write_once(target: Path, content: Content) -> bool:
    """Write a new file durably. Returns True also when it exists with the same content."""
    beside = target.with_name(f".{target.name}.tmp")
    if os.path.lexists(target):
        return not target.is_symlink() and target.is_file() and _holds(target, content)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(beside, flags, FILE_MODE), "wb") as file:
        for piece in content():
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(target)
    return True


def _holds(target: Path, content: Content) -> bool:
    with target.open("rb") as file:
        return all(file.read(len(piece)) == piece for piece in content()) and not file.read(1)


def archive(
    name: str, folder: Path, token: str, content: Content, reason: bytes | None, mtime_ns: int
) -> Path:
    """Write a copy of a file that was read, after another file took its name.

    Raises:
        OSError: nothing was written.
    """
    for candidate in shelf_names(name, token):
        target = folder / candidate
        if os.path.lexists(target):
            continue
        if reason is not None and not _write_once(
            target.with_name(f"{target.name}{REASON}"), _whole(reason)
        ):
            continue
        _write_once(target, content)
        os.utime(target, ns=(mtime_ns, mtime_ns))
        sync_folder(folder)
        return target
    raise AssertionError("no free file name was found")


def _move(path: Path, target: Path, content: Content | None) -> bool:
    """Move the file. Returns whether it had to be copied."""
    try:
        path.rename(target)  # replaces our own placeholder atomically
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # Another file system: complete the copy there before the original is removed.
        if path.is_symlink():
            raise
        _copy(path, target, content)
        return True
    return False


def _copy(path: Path, target: Path, content: Content | None) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(handle)
        with target.open("wb") as copy:
            if content is not None:
                copy.writelines(content())
            else:
                with os.fdopen(os.dup(handle), "rb") as original:
                    shutil.copyfileobj(original, copy)
            copy.flush()
            os.fsync(copy.fileno())
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
        _remove(path, status)
    finally:
        os.close(handle)


def _remove(path: Path, copied: os.stat_result) -> None:
    """Remove exactly the file that was copied; another one that took its name stays.

    Raises:
        OSError: another file has its name. Discard the copy.
    """
    claimed = path.with_name(f".{copied.st_ino}.taken.tmp")
    os.rename(path, claimed)  # noqa: PTH104 - this one step is never simulated to fail by a test
    found = claimed.lstat()
    if os.path.samestat(found, copied):
        claimed.unlink()
        return
    put_back(claimed, path.parent, f"{copied.st_ino}", path.name)
    raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
