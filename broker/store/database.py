"""State database of an agency: opening, transactions and the queue of writers.

One transaction writes at a time, in whichever database: every event and every answer adds to the
one disclosure log of the agency, so two at once could only fail. Writers of one process queue at a
lock of our own, because SQLite's busy handler only sleeps and retries.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from broker.errors import StoreError
from broker.store import backend
from broker.store.backend import Commits
from broker.store.place import PostgresPlace, StatePlace, place_name
from broker.store.sqlite_backend import SqliteBackend, open_sqlite
from broker.store.transaction import Transaction

if TYPE_CHECKING:
    from broker.store.instances import Instance
    from broker.store.postgres_backend import PostgresBackend


class Store:
    """The agency's state database.

    Threads may share one store; a transaction belongs to one thread.
    """

    def __init__(self, held: SqliteBackend | PostgresBackend) -> None:
        self._backend = held
        self._lock = threading.Lock()
        self._writer: int | None = None
        self._instance: Instance | None = None

    def among_others(self, name: str) -> Instance | None:
        """Return the part of this adapter among those that share the state; None in a file.

        From now on every transaction needs its lease.

        Args:
            name: names this adapter to operators, and differs from those of the others.
        """
        if isinstance(self._backend, SqliteBackend):
            return None
        from broker.store.instances import Instance

        self._instance = Instance(self._backend, name, os.getpid())
        return self._instance

    @property
    def _engine(self) -> Engine:
        return self._backend.engine

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Begin an exclusive write transaction; commit at the end, roll back on an exception.

        Raises:
            StoreError: `store_busy`, `store_full`, `store_corrupt`, `store_conflict`,
                `store_unreachable` or `store_unusable`; `lease_lost` if another adapter took over;
                `store_nested` for a transaction inside another one of the same thread.
        """
        me = threading.get_ident()
        if self._writer == me:
            raise StoreError(
                "a transaction was begun inside another of the same thread", code="store_nested"
            )
        with self._turn():
            self._writer = me
            try:
                with self._backend.writing() as connection:
                    if self._instance is not None:
                        self._instance.check(connection)
                    yield Transaction(connection)
            finally:
                self._writer = None

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Begin a read transaction on one consistent snapshot. A write in it fails."""
        with self._backend.reading() as connection:
            yield Transaction(connection)

    def commits(self) -> Commits:
        """Begin to count the commits of every process.

        Raises:
            StoreError: the database cannot be opened.
        """
        return self._backend.commits()

    def check(self) -> None:
        """Run the database's integrity check, which is slow.

        Raises:
            StoreError: `store_corrupt` if it finds damage.
        """
        self._backend.check()

    def fold(self) -> bool:
        """Remove copies of cleared content that the database keeps.

        Returns:
            False if a reader prevented it. They are then removed the next time.
        """
        with self._turn():
            return self._backend.fold()

    def unsafe_settings(self) -> list[str]:
        """Return settings of the database with which a power cut loses committed data."""
        return self._backend.unsafe_settings()

    def close(self) -> None:
        """Close every connection."""
        self._backend.engine.dispose()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=backend.BUSY_TIMEOUT_S):
            raise self._backend.busy()
        try:
            yield
        finally:
            self._lock.release()


def open_store(place: StatePlace) -> Store:
    """Open the state database at `place` with this version's schema; create it if it is missing.

    Raises:
        StoreError: `store_corrupt` for a damaged or foreign database, `store_newer` for a newer
            version's, `store_unreleased` for one from before the first release, `store_full`,
            `store_busy` or `store_unusable`; of PostgreSQL also `store_unreachable`,
            `store_login_refused` or `store_driver_missing`.
    """
    if isinstance(place, PostgresPlace):
        _require_driver(place)
        from broker.store.postgres_backend import open_postgres  # with SQLite it costs nothing

        return Store(open_postgres(place))
    return Store(open_sqlite(place))


def state_exists(place: StatePlace) -> bool:
    """Return whether there is a state database; nothing is created.

    Raises:
        StoreError: a server cannot be asked.
    """
    if isinstance(place, PostgresPlace):
        _require_driver(place)
        from broker.store.postgres_backend import postgres_exists

        return postgres_exists(place)
    return place.exists()


def open_existing(place: StatePlace) -> Store:
    """Open the state database like `open_store`, but do not create it.

    An empty database would give wrong answers.

    Raises:
        StoreError: `state_missing`, or as `open_store`.
    """
    if not state_exists(place):
        raise StoreError(
            "This folder holds no state of the agency.",
            code="state_missing",
            where=place_name(place),
            fix="Give the folder with which the agency's adapter runs, or restore its state.",
        )
    return open_store(place)


def _require_driver(place: PostgresPlace) -> None:
    if find_spec("psycopg") is None:
        raise StoreError(
            "the library for PostgreSQL is not installed",
            code="store_driver_missing",
            where=place.where,
            fix="Install it: pip install 'concordant[postgres]'.",
        )
