"""Transactions in which a subscription stores its position, in three places.

- The caller's database: a function that begins a transaction, such as ``engine.begin``.
- An SQLite file of the client, for a program without a database.
- Memory, for a program that begins anew each time.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from concordant.client import handled, outbox
from concordant.client.errors import ClientError
from concordant.client.statements import (
    AsyncTransactions,
    Step,
    Transactions,
    is_sqlite,
    run,
    run_async,
)

T = TypeVar("T")

Positions: TypeAlias = str | Path | Transactions | None
AsyncPositions: TypeAlias = str | Path | AsyncTransactions | None

OWNER_ONLY: Final = 0o600
BUSY_S: Final = 30.0


class OwnFile:
    """SQLite file of the client, or memory.

    Args:
        path: the file; None for memory.

    Raises:
        ClientError: `positions_unusable`.
    """

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.Lock()
        try:
            if path is not None:
                path.touch(mode=OWNER_ONLY)
            self._connection = sqlite3.connect(
                ":memory:" if path is None else path, timeout=BUSY_S, check_same_thread=False
            )
            with self._connection:
                run(self._connection, handled.create())
        except (OSError, sqlite3.Error):
            raise ClientError(
                "The file of positions cannot be opened, or is no SQLite file.",
                code="positions_unusable",
                where="" if path is None else str(path),
                fix="Give a file that does not exist yet, in a folder that this program may "
                "write to.",
            ) from None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Begin a transaction, and end it with the block."""
        with self._lock, self._connection:
            yield self._connection

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class PositionStore:
    """Runs steps in transactions of their own.

    Args:
        positions: where the position is.
    """

    def __init__(self, positions: Positions) -> None:
        self._own: OwnFile | None = None
        self.transactions: Transactions
        if callable(positions):
            self.transactions = positions
        else:
            self._own = OwnFile(None if positions is None else Path(positions))
            self.transactions = self._own.transaction

    def run(self, step: Step[T]) -> T:
        """Run a step in a transaction of its own."""
        with self.transactions() as connection:
            return run(connection, step)

    def close(self) -> None:
        """Close the client's own file, if there is one."""
        if self._own is not None:
            self._own.close()


class AsyncPositionStore:
    """Runs steps in transactions of their own, which may be async.

    Args:
        positions: where the position is.
    """

    def __init__(self, positions: AsyncPositions) -> None:
        self._own: OwnFile | None = None
        self.transactions: AsyncTransactions
        if callable(positions):
            self.transactions = positions
        else:
            self._own = OwnFile(None if positions is None else Path(positions))
            self.transactions = self._own.transaction

    async def run(self, step: Step[T]) -> T:
        """Run a step in a transaction of its own."""
        return await in_transaction(self.transactions, step)

    def close(self) -> None:
        """Close the client's own file, if there is one."""
        if self._own is not None:
            self._own.close()


async def in_transaction(transactions: AsyncTransactions, step: Step[T]) -> T:
    """Run a step in a transaction of its own."""
    opened: Any = transactions()
    if hasattr(opened, "__aenter__"):
        async with opened as connection:
            return await run_async(connection, step)
    with opened as connection:
        return await run_async(connection, step)


def create_tables(connection: Any) -> None:
    """Make the tables of the client in the caller's database, if they are missing.

    They are `concordant_positions` and `concordant_handled` for subscriptions, and
    `concordant_outbox` for publishing.

    Args:
        connection: to PostgreSQL or SQLite: of SQLAlchemy, sqlite3, psycopg or another DB-API
            library. The caller commits.
    """
    for step in _creating(connection):
        run(connection, step)


async def create_tables_async(connection: Any) -> None:
    """Make the tables of the client; see ``create_tables``. The calls may be awaitable."""
    for step in _creating(connection):
        await run_async(connection, step)


def _creating(connection: Any) -> Iterator[Step[None]]:
    yield handled.create()
    yield outbox.create(sqlite=is_sqlite(connection))


OnTrouble: TypeAlias = Callable[[ClientError], None]
OnRemoved: TypeAlias = Callable[[int], None]
