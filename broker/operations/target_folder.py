"""Folder that a command fills: of an agency, a restored agency, or a certificate authority."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from broker.errors import ConfigError, StoreError

_FREE_FIX: Final = "Give a folder that is absent or empty."


def names_in(folder: Path) -> set[str]:
    """Return the names in a folder; none if it is absent.

    Raises:
        ConfigError: `directory_not_empty`: it is a file; or `directory_unusable`.
    """
    try:
        return {path.name for path in folder.iterdir()} if folder.exists() else set()
    except NotADirectoryError:
        raise not_empty(folder, "This is a file, not a folder.") from None
    except OSError as error:
        raise ConfigError(
            f"The folder cannot be read ({error.strerror}).",
            code="directory_unusable",
            where=str(folder),
            fix="Check the owner and the permissions of the folder.",
        ) from None


def not_empty(folder: Path, detail: str, fix: str = _FREE_FIX) -> ConfigError:
    """Return the error of a folder that holds something else."""
    return ConfigError(detail, code="directory_not_empty", where=str(folder), fix=fix)


@contextmanager
def writing(folder: Path, what: str, then: str = "") -> Iterator[None]:
    """Name the folder in the error of a write that fails.

    Args:
        folder: the folder.
        what: what is written, for "The ... cannot be written".
        then: the step after the repair, as the rest of a sentence.

    Raises:
        ConfigError: `directory_unusable`.
    """
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"The {what} cannot be written ({error.strerror}).",
            code="directory_unusable",
            where=str(folder),
            fix=f"Check the free space, the owner and the permissions of the folder{then}.",
        ) from None


@contextmanager
def locked(folder: Path, busy: StoreError | None = None) -> Iterator[None]:
    """Keep other processes from filling the folder at the same time.

    Args:
        folder: an existing folder.
        busy: the error if another process holds it; None waits for that process.

    Raises:
        StoreError: `busy`.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (fcntl.LOCK_NB if busy else 0))
        except BlockingIOError:
            assert busy is not None
            raise busy from None
        yield
    finally:
        os.close(handle)
