"""Durable files, and folders that only their owner can open.

A file is written under a temporary name, synced and renamed, and its folder is synced: a reader
sees the old file or the new one, never a part of either. A secret file has mode 0600 before the
first byte is written. The umask of the process changes no mode here.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import secrets
from pathlib import Path
from typing import Final

from broker.errors import ConfigError

PUBLIC_MODE: Final = 0o644
SECRET_MODE: Final = 0o600
PRIVATE_FOLDER_MODE: Final = 0o700


def write_durably(path: Path, content: bytes, *, mode: int = PUBLIC_MODE) -> None:
    """Replace the file in one step.

    Args:
        path: the file; its folder must exist.
        content: the whole new content.
        mode: permissions of the new file, whatever the umask says.

    Raises:
        OSError: the file system refuses; the old file is untouched.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET_MODE)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    sync_folder(path.parent)


def write_named(path: Path, content: bytes, what: str) -> None:
    """Write a file that a person named, in one step.

    Args:
        path: the file; its folder must exist.
        content: the whole new content.
        what: the content's name, for the error.

    Raises:
        ConfigError: `output_unwritable`.
    """
    try:
        write_durably(path, content)
    except OSError as error:
        raise ConfigError(
            f"The {what} cannot be written ({error.strerror}).",
            code="output_unwritable",
            where=str(path),
            fix="Name a file in a folder that exists and that you may write to.",
        ) from None


def make_private_folder(folder: Path, *, exist_ok: bool = True) -> None:
    """Create a folder, and each missing folder above it, with mode 0700.

    ``Path.mkdir(parents=True)`` gives its mode to the last folder only: the folders above it get
    0777 less the umask. The mode of a folder that exists stays as it is.

    Args:
        folder: the folder to create.
        exist_ok: whether the folder may exist already.

    Raises:
        FileExistsError: the folder exists and `exist_ok` is false, or a file has its name.
        OSError: the file system refuses.
    """
    try:
        folder.mkdir(mode=PRIVATE_FOLDER_MODE)
    except FileNotFoundError:
        make_private_folder(folder.parent)
        folder.mkdir(mode=PRIVATE_FOLDER_MODE, exist_ok=exist_ok)
    except FileExistsError:
        if not exist_ok or not folder.is_dir():
            raise
        return
    folder.chmod(PRIVATE_FOLDER_MODE)  # a umask could remove even the owner's rights


def files_in(folder: Path, pattern: str) -> list[Path]:
    """Return the entries of a folder whose names match, sorted; none if the folder does not exist.

    From Python 3.13, ``Path.glob`` returns nothing when the folder cannot be opened: a process
    without a free file descriptor would conclude that its keys and manifests are gone.

    Raises:
        OSError: the folder cannot be read.
    """
    try:
        names = os.listdir(folder)  # noqa: PTH208 - pathlib has no call that lists names only
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(folder / name for name in names if fnmatch.fnmatchcase(name, pattern))


def erase(path: Path) -> None:
    """Overwrite the file, then remove it.

    A flash disk may keep the old bytes, which are encrypted.
    """
    with path.open("r+b") as file:
        file.write(secrets.token_bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and removals in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
