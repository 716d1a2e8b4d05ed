"""The outbox of the Python client and that of the side `database` are one table."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from adapters.tables.scripts import tables_script
from broker.agency.database_section import DatabaseSection
from concordant.client import Event, create_tables, outbox
from concordant.client.statements import run
from tests.support.database_agency import OwnDatabase, database_partnership
from tests.support.founded_partnership import POLICE, founded

TABLE = "concordant_outbox"


def columns(connection: sqlite3.Connection) -> dict[str, bool]:
    """Return column -> whether it must have a value."""
    rows = connection.execute(f"PRAGMA table_info({TABLE})")
    return {row[1]: bool(row[3]) for row in rows}


def test_both_definitions_have_the_same_columns() -> None:
    with sqlite3.connect(":memory:") as client, sqlite3.connect(":memory:") as side:
        run(client, outbox.create(sqlite=True))
        side.executescript(tables_script(DatabaseSection(), "sqlite"))
        assert columns(client) == columns(side)
    client.close()
    side.close()
    for name in columns_of_postgresql():
        assert name in outbox.ON_POSTGRESQL


def columns_of_postgresql() -> list[str]:
    script = tables_script(DatabaseSection(), "postgresql")
    table = script.split(f'"{TABLE}" (\n', 1)[1].split("\n);", 1)[0]
    return [line.split('"')[1] for line in table.splitlines()]


@pytest.mark.parametrize("made", ["by the client", "by the script"])
def test_the_side_takes_and_answers_a_row_of_the_client(tmp_path: Path, made: str) -> None:
    own = OwnDatabase("sqlite", tmp_path / POLICE, made=made == "by the script")
    if made == "by the client":
        with own.connect() as connection:
            create_tables(connection)
        connection.close()
    town = database_partnership(tmp_path, founded(), {POLICE: own})
    police = town[POLICE]
    body = police.body()
    event = Event(body["type"], body["recipients"], body["data"])
    with own.connect() as connection:
        run(connection, outbox.add("key-1", event.model_dump_json()))
        run(connection, outbox.add("key-2", Event(event.type, event.to, {}).model_dump_json()))
    connection.close()
    assert police.take() == 2
    (accepted,) = police.outbox()
    answers = own.answers()
    assert answers["key-1"] == ("accepted", None, None, accepted)
    assert answers["key-2"][0] == "refused"
    with own.connect() as connection:  # so ``relay`` of the client has nothing to send
        assert list(run(connection, outbox.waiting(0))) == []
    connection.close()
    town.close()
