"""The PostgreSQL schema: its sessions, its mark, and what becomes of lost connections."""

# ruff: noqa: PT012 - that a transaction fails as a whole takes more than one statement

from __future__ import annotations

import importlib
import pkgutil
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, Delete, Insert, Select, Update
from sqlalchemy.exc import DBAPIError

import broker.store
from broker.errors import StoreError
from broker.store import backend
from broker.store.all_tables import ALL_TABLES
from broker.store.database import Store, open_store
from broker.store.place import PostgresPlace, PostgresTls
from broker.store.versions import SCHEMA_VERSION
from tests.support.postgres import postgres
from tests.support.state_places import empty_place, postgres_place, require_postgres


@pytest.fixture
def place() -> PostgresPlace:
    require_postgres()
    return empty_place()


@pytest.fixture
def store(place: PostgresPlace) -> Iterator[Store]:
    with closing(open_store(place)) as opened:
        yield opened


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for another writer, or for a server, only for a moment."""
    monkeypatch.setattr(backend, "BUSY_TIMEOUT_S", 0.05)


def owner(place: PostgresPlace) -> psycopg.Connection:
    """Return a connection of the server's owner."""
    return postgres().owner(place.database)


def end_sessions(place: PostgresPlace) -> None:
    """End every session of the store, as a restart of the server does."""
    with owner(place) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = %s",
            (place.user,),
        )


def kept(store: Store, name: str) -> bytes | None:
    with store.reading() as tx:
        return tx.meta.get(name)


def test_a_session_is_durable_and_names_tables_of_its_schema(
    store: Store, place: PostgresPlace
) -> None:
    with owner(place) as connection:
        connection.execute(f"ALTER ROLE {place.user} SET synchronous_commit = off")
    try:
        with store._engine.connect() as connection:
            ask = connection.exec_driver_sql
            assert ask("SHOW synchronous_commit").scalar() == "on"
            assert ask("SELECT current_schema()").scalar() == place.schema
            assert ask("SHOW lock_timeout").scalar() == "5s"
    finally:
        with owner(place) as connection:
            connection.execute(f"ALTER ROLE {place.user} RESET synchronous_commit")


def test_the_role_needs_no_right_but_to_make_its_schema(place: PostgresPlace) -> None:
    with owner(place) as connection:
        rights = connection.execute(
            "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls "
            "FROM pg_roles WHERE rolname = %s",
            (place.user,),
        ).fetchone()
    assert rights == (False,) * 5


def test_the_schema_of_another_agency_is_refused(place: PostgresPlace) -> None:
    with pytest.raises(StoreError) as caught:
        open_store(replace(place, owner="partnership/another"))
    assert caught.value.code == "store_corrupt"


def test_the_schema_of_another_program_is_refused(place: PostgresPlace) -> None:
    other = postgres_place()
    with owner(place) as connection:
        connection.execute(f'CREATE SCHEMA "{other.schema}" AUTHORIZATION {place.user}')
        connection.execute(f'CREATE TABLE "{other.schema}".patients (name text)')
    with pytest.raises(StoreError) as caught:
        open_store(other)
    assert caught.value.code == "store_corrupt"


def test_a_newer_schema_is_refused(store: Store, place: PostgresPlace) -> None:
    change = "UPDATE concordant_state SET version = version + %s"
    with store._engine.begin() as connection:
        connection.exec_driver_sql(change, (1,))
    try:
        with pytest.raises(StoreError) as caught:
            open_store(place)
        assert caught.value.code == "store_newer"
    finally:
        with store._engine.begin() as connection:
            connection.exec_driver_sql(change, (-1,))
            found = connection.exec_driver_sql("SELECT version FROM concordant_state").scalar()
    assert found == SCHEMA_VERSION


def test_a_schema_that_the_owner_made_is_used(place: PostgresPlace) -> None:
    made = postgres_place()
    with owner(place) as connection:
        connection.execute(f'CREATE SCHEMA "{made.schema}" AUTHORIZATION {made.user}')
    with closing(open_store(made)) as store:
        store.check()


def test_a_missing_table_is_found_by_the_check() -> None:
    require_postgres()
    with closing(open_store(postgres_place())) as store:
        store.check()
        with store._engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE offers")
        with pytest.raises(StoreError) as caught:
            store.check()
    assert caught.value.code == "store_corrupt"


def test_a_connection_that_was_lost_before_a_transaction_is_replaced(
    store: Store, place: PostgresPlace
) -> None:
    with store.transaction() as tx:
        tx.meta.set("a", b"1")
    end_sessions(place)
    with store.transaction() as tx:
        tx.meta.set("a", b"2")
    end_sessions(place)
    assert kept(store, "a") == b"2"


def test_a_connection_that_is_lost_inside_a_transaction_undoes_it(
    store: Store, place: PostgresPlace
) -> None:
    with pytest.raises(StoreError) as caught, store.transaction() as tx:
        tx.meta.set("a", b"1")
        end_sessions(place)
    assert caught.value.code == "store_unreachable"
    assert kept(store, "a") is None


@pytest.mark.parametrize("committed", [True, False])
def test_a_connection_that_is_lost_at_the_commit_leaves_no_doubt(
    store: Store, place: PostgresPlace, monkeypatch: pytest.MonkeyPatch, *, committed: bool
) -> None:
    def commit(connection: psycopg.Connection) -> None:
        if committed:
            connection.commit()
        end_sessions(place)
        if committed:  # the server's answer does not arrive
            raise psycopg.OperationalError("the connection is lost")
        connection.commit()

    monkeypatch.setattr(store._engine.dialect, "do_commit", commit)
    if committed:
        with store.transaction() as tx:
            tx.meta.set("a", b"1")
    else:
        with pytest.raises(StoreError) as caught, store.transaction() as tx:
            tx.meta.set("a", b"1")
        assert caught.value.code == "store_unreachable"
    monkeypatch.undo()
    assert kept(store, "a") == (b"1" if committed else None)


def test_a_writer_that_hangs_loses_its_turn(
    store: Store, place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends its session, so what it wrote is undone, and others go on."""
    monkeypatch.setattr("broker.store.postgres_backend.IDLE_IN_TRANSACTION_MS", 20)
    with (
        closing(open_store(place)) as hanging,
        pytest.raises(StoreError) as caught,
        hanging.transaction() as tx,
    ):
        tx.meta.set("a", b"1")
        with store.transaction() as other:  # it waits for the turn, which the other one loses
            assert other.meta.get("a") is None
            other.meta.set("b", b"2")
    assert caught.value.code == "store_unreachable"
    assert (kept(store, "a"), kept(store, "b")) == (None, b"2")


def test_a_commit_is_counted_only_if_it_wrote(store: Store, place: PostgresPlace) -> None:
    with closing(store.commits()) as commits, closing(open_store(place)) as other:
        before = commits.count()
        with other.transaction() as tx:
            tx.meta.get("a")
            tx.outbox.hold(7, "code", 1)  # there is no such row
        with other.transaction() as tx:
            tx.meta.set("a", b"1")
        with owner(place) as connection:  # after the commits, in the order of the server
            connection.execute("SELECT 1")
        assert commits.count() == before + 1
        end_sessions(place)
        with pytest.raises(StoreError) as caught:
            for _ in range(3):  # what the server had sent before comes first
                commits.count()
    assert caught.value.code == "store_unreachable"


def test_cleared_rows_free_their_space(store: Store) -> None:
    with store.transaction() as tx:
        tx.meta.set("a", b"1" * 1000)
    with store.transaction() as tx:
        tx.meta.set("a", b"2")
    assert store.fold()


def test_a_server_that_does_not_run_is_named_until_it_does(
    place: PostgresPlace, soon: None
) -> None:
    with socket.socket() as taken:  # nothing listens on it
        taken.bind(("127.0.0.1", 0))
        away = replace(place, host="127.0.0.1", port=taken.getsockname()[1])
        with pytest.raises(StoreError) as caught:
            open_store(away)
    assert caught.value.code == "store_unreachable"
    assert caught.value.where == place.where
    open_store(place).close()


def test_a_wrong_password_is_named_and_not_told(place: PostgresPlace) -> None:
    with pytest.raises(StoreError) as caught:
        open_store(replace(place, password=lambda: "other words"))
    assert caught.value.code == "store_login_refused"
    assert "other words" not in caught.value.diagnostics()
    open_store(place).close()


def test_a_server_without_tls_is_refused_where_tls_is_required(
    place: PostgresPlace, soon: None
) -> None:
    with pytest.raises(StoreError) as caught:
        open_store(replace(place, host="127.0.0.1", tls=PostgresTls("system")))
    assert caught.value.code == "store_unreachable"


def test_without_the_driver_the_install_command_is_given(
    place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "broker.store.postgres_backend")
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError) as caught:
        open_store(place)
    assert caught.value.code == "store_driver_missing"
    assert "concordant[postgres]" in (caught.value.fix or "")
    monkeypatch.undo()
    open_store(place).close()


def test_a_text_that_no_column_can_hold_is_refused(store: Store) -> None:
    with pytest.raises(StoreError) as caught, store.transaction() as tx:
        tx.results.refused("agency", "id\0", "code", 1)
    assert caught.value.code == "store_conflict"


def _statements() -> Iterator[tuple[str, Select[Any] | Insert | Update | Delete]]:
    for module in pkgutil.iter_modules(broker.store.__path__):
        if module.name != "migrations":
            for name, value in vars(importlib.import_module(f"broker.store.{module.name}")).items():
                if isinstance(value, Select | Insert | Update | Delete):
                    yield f"{module.name}.{name}", value


def test_postgresql_understands_every_statement_of_the_store(store: Store) -> None:
    """Also those that the other tests do not reach; values of parameters do not matter here."""
    count = 0
    with store._engine.connect() as connection:
        for name, statement in _statements():
            count += 1
            error = _refused(connection, statement)
            assert error is None or error.orig.sqlstate == "23502", (name, error)  # null in a key
    assert count > 300
    assert len(ALL_TABLES.tables) > 40


def _refused(
    connection: Connection, statement: Select[Any] | Insert | Update | Delete
) -> DBAPIError | None:
    compiled = statement.compile(dialect=connection.dialect)
    lists = {key for key, bind in compiled.binds.items() if bind.expanding}
    values = {key: ([] if key in lists else None) for key in compiled.params}
    try:
        with connection.begin():
            connection.execute(statement, values)
            connection.get_transaction().rollback()  # type: ignore[union-attr]
    except DBAPIError as error:
        return error
    return None
