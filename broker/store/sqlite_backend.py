"""SQLite file that holds the state: opening, transactions and errors.

SQLite runs in WAL mode with `synchronous=FULL`, because an acknowledged event must survive a power
cut. Write transactions begin IMMEDIATE: a deferred one that reads first can fail when another
process writes. Deleted content is overwritten (`secure_delete`), so that a cleared payload cannot
be recovered from the file.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, exc
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, QueuePool

from broker.errors import StoreError
from broker.keys.durable import make_private_folder
from broker.store import backend
from broker.store.versions import SqliteVersion, make_current
from broker.waiting import DESCRIPTORS_EXHAUSTED

_BUSY_PAUSE_S = 0.01
"""Pause between two attempts to change the journal mode, in seconds."""

CACHE_KIB = 16 * 1024
"""SQLite's page cache per connection in KiB.

It keeps the random keys of the inbox's index in memory.
"""

_WRITES = "concordant_writes"

_CODES = {
    sqlite3.SQLITE_BUSY: "store_busy",
    sqlite3.SQLITE_LOCKED: "store_busy",
    sqlite3.SQLITE_FULL: "store_full",
    sqlite3.SQLITE_CORRUPT: "store_corrupt",
    sqlite3.SQLITE_NOTADB: "store_corrupt",
    sqlite3.SQLITE_CONSTRAINT: "store_conflict",
    # SQLite does not report the reason. If the file exists and is writable but cannot be opened,
    # the process has no free file descriptor.
    sqlite3.SQLITE_CANTOPEN: DESCRIPTORS_EXHAUSTED,
}
_LEAST_ROOM_BYTES = 64 * 1024
"""Room that SQLite needs to open a database: its shared memory has 32 KiB, its log a few pages."""
_EXPLANATIONS = {
    DESCRIPTORS_EXHAUSTED: (
        "The state database cannot be opened: too many files and connections are open.",
        "Wait, find the program that opens them, or raise the limit (LimitNOFILE of the service).",
    ),
    "store_busy": (
        "Another process kept the state database locked.",
        "Stop the other process, or try again.",
    ),
    "store_full": (
        "The disk that holds the state database is full.",
        "Free space on that disk; committed data is not lost.",
    ),
    "store_corrupt": (
        "The state database is damaged or the file is not a database.",
        "Stop the adapter and restore the state folder from a backup.",
    ),
    "store_conflict": ("A row contradicts the content of the state database.", None),
    "store_unusable": (
        "The state database cannot be read or written.",
        "Check that the disk works and that the adapter's account may write to the state folder.",
    ),
}


class SqliteBackend:
    """One file, which every process of this machine may open."""

    def __init__(self, engine: Engine, path: Path) -> None:
        self.engine = engine
        self._writing = engine.execution_options(**{_WRITES: True})
        self._path = path

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Begin an exclusive write transaction: see `Backend`."""
        with _translated(self._path), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Begin a read transaction: see `Backend`."""
        with _translated(self._path), self.engine.connect() as connection:
            connection.begin()
            yield connection

    def commits(self) -> SqliteCommits:
        """Begin to count commits."""
        with _translated(self._path):
            return SqliteCommits(self.engine.raw_connection(), self._path)

    def check(self) -> None:
        """Run SQLite's integrity check, which is slow."""
        with _translated(self._path), self.engine.connect() as connection:
            found = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
        if found != "ok":
            raise explained("store_corrupt", self._path)

    def unsafe_settings(self) -> list[str]:
        """Return no setting: each connection sets its own."""
        return []

    def fold(self) -> bool:
        """Empty the WAL file, so that it holds no copy of cleared content.

        Returns:
            False if a reader prevented it. The WAL is then emptied the next time.
        """
        try:
            raw = self.engine.raw_connection()  # a checkpoint cannot run inside a transaction
        except exc.DBAPIError as error:
            raise of_sqlite(error.orig, self._path) from None
        try:
            row = raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return row is not None and row[0] == 0
        except sqlite3.Error as error:
            raise of_sqlite(error, self._path) from None
        finally:
            raw.close()

    def busy(self) -> StoreError:
        """Return the error for a writer that waited too long."""
        return explained("store_busy", self._path)


class SqliteCommits:
    """One number of shared memory, `PRAGMA data_version`."""

    def __init__(self, raw: PoolProxiedConnection, path: Path) -> None:
        self._raw = raw
        self._cursor = raw.cursor()
        self._path = path

    def count(self) -> int:
        """Return a number that is another one after each commit."""
        try:
            self._cursor.execute("PRAGMA data_version")
            (number,) = self._cursor.fetchall()[0]
            return int(number)
        except sqlite3.Error as error:
            raise of_sqlite(error, self._path) from None

    def close(self) -> None:
        """Give the connection back."""
        self._cursor.close()
        self._raw.close()


def open_sqlite(path: Path) -> SqliteBackend:
    """Open the file with this version's schema; create it with mode 0600.

    Raises:
        StoreError: see `broker.store.database.open_store`.
    """
    _private(path)
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        hide_parameters=True,  # parameters are personal data and must not appear in an error text
        connect_args={"timeout": backend.BUSY_TIMEOUT_S, "isolation_level": None},
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    opened = SqliteBackend(engine, path)
    try:
        make_current(opened, SqliteVersion(), str(path))
    except BaseException:
        engine.dispose()
        raise
    return opened


def _prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    try:
        _switch_to_wal(cursor)
        for pragma in (
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
            "temp_store = MEMORY",
            f"cache_size = -{CACHE_KIB}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
    finally:
        cursor.close()


def _switch_to_wal(cursor: DBAPICursor) -> None:
    # SQLite does not call its busy handler while it changes the journal mode: if two processes open
    # a new file at the same moment, one is refused at once. So we retry ourselves.
    deadline = time.monotonic() + backend.BUSY_TIMEOUT_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() >= deadline:
                raise
        else:
            return
        time.sleep(_BUSY_PAUSE_S)


def _begin(connection: Connection) -> None:
    # The driver's own BEGIN is off (isolation_level None): our BEGIN states the kind.
    if connection.get_execution_options().get(_WRITES):
        connection.exec_driver_sql("PRAGMA query_only = OFF")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql("PRAGMA query_only = ON")
        connection.exec_driver_sql("BEGIN")


def _private(path: Path) -> None:
    try:
        make_private_folder(path.parent)
        # An existing file is not opened here: closing it again would drop every POSIX lock that
        # another store of this process holds on it, and another process would delete its journal.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)  # the WAL beside it inherits this mode from SQLite
    except OSError as error:
        raise StoreError(
            f"the state database cannot be opened: {error.strerror}",
            code="store_unusable",
            where=str(path),
            fix="Let the account that runs the adapter write to its state folder.",
        ) from None


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Translate library exceptions, whose text could hold values, to StoreError."""
    try:
        yield
    except exc.DBAPIError as error:
        raise of_sqlite(error.orig, path) from None
    except OverflowError:
        raise StoreError(
            "a number is too large for the state database",
            code="store_conflict",
            where=str(path),
        ) from None
    except exc.SQLAlchemyError as error:
        raise StoreError(
            f"the state database refused a statement ({type(error).__name__})",
            code="store_unusable",
            where=str(path),
        ) from None


def of_sqlite(error: BaseException | None, path: Path) -> StoreError:
    """Return this project's error for an error of SQLite."""
    code = _CODES.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, "store_unusable")
    if code == DESCRIPTORS_EXHAUSTED and not (
        path.is_file() and os.access(path, os.R_OK | os.W_OK)
    ):
        code = "store_unusable"  # the file is gone or belongs to another account
    if code in {DESCRIPTORS_EXHAUSTED, "store_unusable"} and _disk_is_full(path):
        code = "store_full"  # without room for the files beside it, SQLite gives another reason
    return explained(code, path)


def _disk_is_full(path: Path) -> bool:
    """Return whether the disk of a file has no room for the files beside the database."""
    try:
        return shutil.disk_usage(path.parent).free < _LEAST_ROOM_BYTES
    except OSError:
        return False


def explained(code: str, path: Path) -> StoreError:
    """Return the error with this code."""
    detail, fix = _EXPLANATIONS[code]
    return StoreError(detail, code=code, where=str(path), fix=fix)
