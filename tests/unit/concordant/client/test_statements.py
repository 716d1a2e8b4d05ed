"""The tables of the client on the connections of real libraries, to PostgreSQL and SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from concordant.client import (
    ClientError,
    Event,
    create_tables,
    create_tables_async,
    handled,
    outbox,
)
from concordant.client.handled import Outcome
from concordant.client.positions import AsyncPositionStore, PositionStore
from concordant.client.statements import Transactions, require_transaction, run, run_async
from tests.support.postgres import OWNER, PASSWORD, postgres

EVENT = Event("referral.made", ["haven-support"], {"case_id": "7", "reason": "100% “sure” :x"})
ID = "00000000-0000-8000-8000-000000000001"


def connect(database: str) -> psycopg.Connection:
    """A connection that commits at the end of its block, as psycopg makes it."""
    connection = postgres().owner(database)
    connection.autocommit = False
    return connection


def rolled_back(transactions: Transactions) -> None:
    with transactions() as connection:
        run(connection, handled.handle("a", "csu", ID, "c1", Outcome(), tell=True))
        raise ZeroDivisionError


def steps(transactions: Transactions) -> None:
    """Steps of a subscription and a publication, and a transaction that is rolled back."""
    store = PositionStore(transactions)
    with transactions() as connection:
        create_tables(connection)
        create_tables(connection)
    with pytest.raises(ZeroDivisionError):
        rolled_back(transactions)
    assert store.run(handled.position("a")) is None
    store.run(handled.handle("a", "csu", ID, "c1", Outcome("rejected", "no", "text"), tell=True))
    assert store.run(handled.is_handled("a", "csu", ID, "c1"))
    assert not store.run(handled.is_handled("a", "csu", ID, "c2"))
    (one,) = store.run(handled.untold("a"))
    store.run(handled.tell("a", one))
    assert store.run(handled.untold("a")) == []
    store.run(handled.handle("a", "csu", ID, "c2", Outcome(), tell=False))
    with pytest.raises(ClientError) as error:
        store.run(handled.handle("a", "csu", ID, "c3", Outcome(), tell=False))
    assert error.value.code == "event_handled"
    assert store.run(handled.position("a")) == "c2"
    store.run(outbox.add("k1", EVENT.model_dump_json()))
    (row,) = store.run(outbox.waiting(0))
    assert (row.key, json.loads(row.body)) == ("k1", EVENT.body())
    store.run(outbox.refused("k1", ClientError("No.", code="event_invalid", where="data")))
    assert store.run(outbox.waiting(0)) == []


def test_sqlite(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "own.db")
    steps(lambda: connection)
    connection.close()
    engine = create_engine(f"sqlite:///{tmp_path}/other.db")
    steps(engine.begin)
    engine.dispose()


def test_psycopg() -> None:
    database = postgres().database()
    steps(lambda: connect(database))


@pytest.mark.parametrize("form", ["connection", "session"])
def test_sqlalchemy_on_postgresql(form: str) -> None:
    database = postgres().database()
    engine = create_engine("postgresql+psycopg://", creator=lambda: connect(database))
    steps(engine.begin if form == "connection" else sessionmaker(engine).begin)
    engine.dispose()


def test_a_connection_that_commits_each_statement_is_transaction_missing() -> None:
    owner = postgres().owner()
    for connection in (owner, sqlite3.connect(":memory:", isolation_level=None)):
        with pytest.raises(ClientError) as error:
            require_transaction(connection)
        assert error.value.code == "transaction_missing"
        connection.execute("BEGIN")  # type: ignore[attr-defined]  # both have it
        require_transaction(connection)
        connection.close()  # type: ignore[attr-defined]  # both have it
    require_transaction(sqlite3.connect(":memory:"))


async def test_an_async_connection_of_psycopg() -> None:
    database = postgres().database()

    @asynccontextmanager
    async def transactions() -> AsyncIterator[Any]:
        connection = await psycopg.AsyncConnection.connect(
            host="127.0.0.1", port=postgres().port, user=OWNER, password=PASSWORD, dbname=database
        )
        async with connection:
            yield connection

    async with transactions() as connection:
        await create_tables_async(connection)
        await run_async(connection, outbox.add("k1", EVENT.model_dump_json()))
    store = AsyncPositionStore(transactions)
    await store.run(handled.handle("a", "csu", ID, "c1", Outcome(), tell=False))
    assert await store.run(handled.position("a")) == "c1"
    assert await store.run(handled.is_handled("a", "csu", ID, "c9"))
    (row,) = await store.run(outbox.waiting(0))
    assert json.loads(row.body) == EVENT.body()


def test_the_outbox_of_the_side_database_takes_the_same_row() -> None:
    """The columns of the adapter's own script; PostgreSQL decides the types."""
    database = postgres().database()
    with postgres().owner(database) as connection:
        connection.execute(
            "CREATE TABLE concordant_outbox (position bigint GENERATED ALWAYS AS IDENTITY,"
            " id uuid PRIMARY KEY, aggregatetype text NOT NULL, aggregateid text NOT NULL,"
            " type text NOT NULL, payload jsonb NOT NULL, state text, code text, field text,"
            " detail text, event_id uuid, answer jsonb, answered_at timestamptz)"
        )
    engine = create_engine("postgresql+psycopg://", creator=lambda: connect(database))
    for number, begin in enumerate((engine.begin, lambda: connect(database))):
        key = f"00000000-0000-8000-8000-{number:012d}"
        store = PositionStore(begin)
        store.run(outbox.add(key, EVENT.model_dump_json()))
        (row,) = store.run(outbox.waiting(0))
        assert (row.key, json.loads(row.body)) == (key, EVENT.body())
        store.run(outbox.refused(key, ClientError("No.", code="event_invalid")))
    engine.dispose()
