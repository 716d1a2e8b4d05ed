"""Interface of the two databases that can hold the state, and what both need.

`broker.store.sqlite_backend` is a file of one machine, `broker.store.postgres_backend` a schema of
a PostgreSQL server.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection, Engine

from broker.errors import StoreError

BUSY_TIMEOUT_S = 5.0
"""Longest wait of a writer for another one, in seconds."""


class Commits(Protocol):
    """Count of the commits of every process, which is cheap enough for the event loop."""

    def count(self) -> int:
        """Return a number that is another one after each commit.

        Raises:
            StoreError: the database cannot be read.
        """
        ...

    def close(self) -> None:
        """Stop counting."""
        ...


class Backend(Protocol):
    """One database. All errors inside its blocks are raised as `StoreError`."""

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's engine."""
        ...

    def writing(self) -> AbstractContextManager[Connection]:
        """Begin an exclusive write transaction; commit at the end, roll back on an exception."""
        ...

    def reading(self) -> AbstractContextManager[Connection]:
        """Begin a read transaction on one consistent snapshot. A write in it fails."""
        ...

    def commits(self) -> Commits:
        """Begin to count commits."""
        ...

    def check(self) -> None:
        """Look for damage, which may be slow.

        Raises:
            StoreError: `store_corrupt` if there is some.
        """
        ...

    def unsafe_settings(self) -> list[str]:
        """Return settings of the database with which a power cut loses committed data."""
        ...

    def fold(self) -> bool:
        """Remove copies of cleared content as far as the database can; no writer runs meanwhile.

        Returns:
            False if it has to be tried again.
        """
        ...

    def busy(self) -> StoreError:
        """Return the error for a writer that waited too long for another one."""
        ...
