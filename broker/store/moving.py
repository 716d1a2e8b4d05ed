"""Copy of a whole state into another database.

A backup holds a state on a server as a SQLite file, and a state moves from a file to a server.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Table, func, insert, select, text

from broker.errors import StoreError
from broker.store.all_tables import ALL_TABLES
from broker.store.backend import Backend
from broker.store.place import PostgresPlace
from broker.store.postgres_backend import open_postgres
from broker.store.snapshot import check_database
from broker.store.sqlite_backend import open_sqlite

_ROWS_AT_ONCE: Final = 500


@contextmanager
def exported(place: PostgresPlace, copy: Path) -> Iterator[Path]:
    """Copy a state on a server into a SQLite file for the duration of the block.

    Args:
        place: the state; it may be in use.
        copy: a file that does not exist; removed after the block.

    Raises:
        StoreError: the state cannot be read, or the file cannot be written.
    """
    try:
        with _opened(open_postgres(place)) as source, _opened(open_sqlite(copy)) as target:
            _copy(source, target)
            target.fold()
        check_database(copy)
        yield copy
    finally:
        _remove(copy)


def move_to_server(file: Path, place: PostgresPlace) -> int:
    """Move the state of a file into an empty schema, and remove the file.

    All rows are committed at once, so a move that was interrupted can be repeated.

    Returns:
        The number of rows.

    Raises:
        StoreError: `state_present` if the schema holds rows; or a database cannot be used.
    """
    with _opened(open_sqlite(file)) as source:
        source.check()
        with _opened(open_postgres(replace(place, file=None))) as target:
            rows = _copy(source, target)
    _remove(file)
    return rows


@contextmanager
def _opened(backend: Backend) -> Iterator[Backend]:
    try:
        yield backend
    finally:
        backend.engine.dispose()


def _remove(file: Path) -> None:
    for path in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm"))):
        path.unlink(missing_ok=True)


def _copy(source: Backend, target: Backend) -> int:
    """Copy every row in one transaction on each side. Returns the number of rows."""
    copied = 0
    with source.reading() as here, target.writing() as there:
        for table in ALL_TABLES.sorted_tables:
            if there.execute(select(table).limit(1)).first() is not None:
                raise StoreError(
                    "The schema holds a state already.",
                    code="state_present",
                    fix="Give an empty schema, or remove url from [state] to use the file.",
                )
            rows = _copy_table(here, there, table)
            if there.scalar(select(func.count()).select_from(table)) != rows:
                raise StoreError("A copy of the state lacks rows.", code="store_corrupt")
            copied += rows
        _continue_numbers(here, there)
    return copied


def _copy_table(here: Connection, there: Connection, table: Table) -> int:
    copied = 0
    found = here.execution_options(yield_per=_ROWS_AT_ONCE).execute(select(table))
    for part in found.mappings().partitions():
        there.execute(insert(table), [dict(row) for row in part])
        copied += len(part)
    return copied


def _continue_numbers(here: Connection, there: Connection) -> None:
    """Let the numbers of rows go on after the last that was given, also to a removed row."""
    for table in ALL_TABLES.sorted_tables:
        column = table.autoincrement_column
        if column is None:
            continue
        last: int = here.scalar(select(func.coalesce(func.max(column), 0))) or 0
        last = max(last, _given(here, table.name, column.name))
        if last:
            _set_given(there, table.name, column.name, last)


def _given(connection: Connection, table: str, column: str) -> int:
    if connection.dialect.name == "sqlite":
        asked = text("SELECT seq FROM sqlite_sequence WHERE name = :table")
        return connection.scalar(asked, {"table": table}) or 0
    asked = text(
        "SELECT pg_sequence_last_value(pg_get_serial_sequence(quote_ident(:table), :column))"
    )
    return connection.scalar(asked, {"table": table, "column": column}) or 0


def _set_given(connection: Connection, table: str, column: str, last: int) -> None:
    if connection.dialect.name == "sqlite":
        change = text("UPDATE sqlite_sequence SET seq = :last WHERE name = :table")
        values: dict[str, object] = {"last": last, "table": table}
        if connection.execute(change, values).rowcount == 0:
            add = text(
                "INSERT INTO sqlite_sequence (name, seq) SELECT name, :last FROM sqlite_master "
                "WHERE name = :table AND sql LIKE '%AUTOINCREMENT%'"
            )
            connection.execute(add, values)
        return
    set_ = text(
        "SELECT setval(pg_get_serial_sequence(quote_ident(:table), :column), CAST(:last AS bigint))"
    )
    connection.execute(set_, {"table": table, "column": column, "last": last})
