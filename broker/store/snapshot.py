"""Copy of a SQLite database while other processes write to it (SQLite's online backup API).

The copy is one read transaction, so it holds the state of one moment: every transaction that was
committed before, and nothing of a later one. In WAL mode it stops no writer.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from broker.store.sqlite_backend import explained, of_sqlite

MAGIC: Final = b"SQLite format 3\0"
BUSY_S: Final = 5.0


def is_database(path: Path) -> bool:
    """Return whether a file is a SQLite database."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


@contextmanager
def snapshot(source: Path, copy: Path) -> Iterator[Path]:
    """Copy a database for the duration of the block, and check the copy.

    Args:
        source: the database; it may be in use.
        copy: a file that does not exist; removed after the block.

    Raises:
        StoreError: `store_busy`, `store_corrupt`, `store_full` or `store_unusable`.
    """
    try:
        _copy(source, copy)
        yield copy
    finally:
        for path in (copy, *(copy.with_name(copy.name + end) for end in ("-wal", "-shm"))):
            path.unlink(missing_ok=True)


def _copy(source: Path, copy: Path) -> None:
    try:
        os.close(os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with closing(_connected(source, "ro")) as here, closing(_connected(copy, "rw")) as there:
            here.backup(there, pages=-1)  # one step: writers cannot make it begin again
            there.execute("PRAGMA journal_mode = DELETE")
        check_database(copy)
    except sqlite3.Error as error:
        raise of_sqlite(error, source) from None
    except OSError:
        raise explained("store_unusable", source) from None


def check_database(path: Path) -> None:
    """Run SQLite's integrity check on a database that no other process uses.

    Raises:
        StoreError: `store_corrupt`, or it cannot be read.
    """
    try:
        with closing(_connected(path, "ro")) as connection:
            sound = connection.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",)
    except sqlite3.Error as error:
        raise of_sqlite(error, path) from None
    if not sound:
        raise explained("store_corrupt", path)


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=BUSY_S, isolation_level=None
    )
