"""Own columns of a table or view through a mapping, in both directions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from adapters.csu import ADAPTER as CSU
from adapters.tables.check import check_tables
from adapters.tables.connecting import Database
from adapters.tables.mapped_rows import require_mapping
from adapters.tables.scripts import DatabaseRoles, Dialect, quoted, tables_script
from broker.errors import ConfigError
from tests.support.database_agency import (
    DatabaseAgency,
    DatabasePartnership,
    OwnDatabase,
    database_partnership,
)
from tests.support.founded_partnership import POLICE, SUPPORT, founded
from tests.support.live_adapter import police_rows

VIEW = 'referrals "to share"'
OUTBOX = {
    "form": "mapped",
    "answers": "table",
    "table": VIEW,
    "columns": {"id": "row id", "version": "changed", "position": "changed"},
}
ANSWERED = {
    "form": "mapped",
    "answers": "columns",
    "table": "answered referrals",
    "columns": {
        "id": "row id",
        "position": "changed",
        "state": "sent state",
        "code": "sent code",
        "event_id": "sent id",
    },
}
INBOX = {"form": "mapped", "table": "received referrals"}
CONTROL = (
    "source varchar(63), id varchar(36), offer bigint, result text, reason text, text text, "
    "recorded_at text, result_code text, position "
)


def own_tables(own: OwnDatabase, rows: Mapping[int, Mapping[str, object]]) -> None:
    """Make the agency's own table with a view over it, and its own inbox."""
    columns = ", ".join(f"{quoted(one)} text" for one in CSU.mapping.known_columns)
    number = "bigint GENERATED ALWAYS AS IDENTITY" if own.postgres else "integer PRIMARY KEY"
    own.script(
        f'CREATE TABLE referrals ("row id" bigint PRIMARY KEY, changed integer, {columns}, '
        "secret text);"
        f"CREATE VIEW {quoted(VIEW)} AS SELECT * FROM referrals;"
        f"CREATE TABLE {quoted(INBOX['table'])} ({columns}, {CONTROL}{number}, "
        "UNIQUE (source, id));"
    )
    own.script(tables_script(own.section, own.dialect, DatabaseRoles()))
    if own.postgres:
        inbox = quoted(INBOX["table"])
        own.script(f"GRANT ALL ON referrals, {inbox} TO {DatabaseRoles().application}")
    for key, row in rows.items():
        put(own, key, 1, row)


def put(
    own: OwnDatabase, key: int, version: int, row: Mapping[str, object], table: str = "referrals"
) -> None:
    own.run(f'DELETE FROM {quoted(table)} WHERE "row id" = ?', key)
    names = ['"row id"', "changed", *(quoted(one) for one in row)]
    marks = ", ".join("?" for _ in names)
    own.run(
        f"INSERT INTO {quoted(table)} ({', '.join(names)}) VALUES ({marks})",
        key, version, *(str(one) if one else None for one in row.values()),
    )  # fmt: skip


def answers(own: OwnDatabase) -> dict[tuple[str, str], tuple[Any, ...]]:
    rows = own.run("SELECT id, version, state, code, field FROM concordant_outbox_answers")
    return {(row[0], row[1]): row[2:] for row in rows}


@pytest.fixture
def town(tmp_path: Path, dialect: Dialect) -> Iterator[DatabasePartnership]:
    own = {
        one: OwnDatabase(dialect, tmp_path / one, made=False, outbox=OUTBOX, inbox=INBOX)
        for one in (POLICE, SUPPORT)
    }
    for one in own.values():
        own_tables(one, {})
    adapters = {"csu_camden": CSU, "haven_support": CSU}
    made = database_partnership(tmp_path, founded(), own, **adapters)
    yield made
    made.close()


@pytest.fixture
def police(town: DatabasePartnership) -> DatabaseAgency:
    return town[POLICE]


def test_rows_of_a_view_are_sent_and_answered(police: DatabaseAgency) -> None:
    good, other = police_rows()[:2]
    put(police.own, 1, 1, good)
    put(police.own, 2, 1, {**other, "RISK": "no such risk"})
    assert police.take() == 2
    found = answers(police.own)
    assert found["1", "1"] == ("accepted", None, None)
    state, code, field = found["2", "1"]
    assert (state, code, field) == ("refused", "unknown_value", "RISK")
    assert [row.item for row in police.held_rows()] == ["2 1"]
    assert len(police.outbox()) == 1
    put(police.own, 2, 1, other)
    with police.member.store.transaction() as tx:
        tx.refused_rows.ask(tx.refused_rows.list(9)[0].number, 1)
    assert police.take() == 1
    assert answers(police.own)["2", "1"][0] == "accepted"
    assert police.held_rows() == []
    assert police.take() == 0


def test_a_changed_row_is_taken_again_and_an_unchanged_one_is_not_sent_twice(
    police: DatabaseAgency,
) -> None:
    (row,) = police_rows()[:1]
    put(police.own, 1, 1, row)
    police.take()
    put(police.own, 1, 2, row)  # only the change marker
    assert police.take() == 1
    assert answers(police.own)["1", "2"][0] == "accepted"
    assert len(police.outbox()) == 1
    put(police.own, 1, 3, {**row, "MO_TEXT": "Another account."})
    assert police.take() == 1  # another content is another event, and the referral is made once
    assert answers(police.own)["1", "3"][:2] == ("refused", "referral_exists")


async def test_a_received_event_comes_into_own_columns(town: DatabasePartnership) -> None:
    police, support = town[POLICE], town[SUPPORT]
    (row,) = police_rows()[:1]
    put(police.own, 1, 1, row)
    police.take()
    await town.deliver(POLICE, SUPPORT)
    support.sink.round()
    assert support.held_events() == []
    inbox = quoted(INBOX["table"])
    ((source, event_id, text, from_),) = support.own.run(
        f'SELECT source, "EVENT_ID", "MO_TEXT", "RECEIVED_FROM" FROM {inbox}'
    )
    assert (source, text) == (POLICE, row["MO_TEXT"])
    assert from_
    support.own.run(f"UPDATE {inbox} SET result = 'imported' WHERE id = ?", event_id)
    support.sink.round()
    assert support.own.run(f"SELECT recorded_at IS NULL FROM {inbox}")[0][0] in (False, 0)


async def test_an_event_that_own_columns_cannot_hold_is_held_and_offered_again(
    town: DatabasePartnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    from adapters.base import MappingError

    police, support = town[POLICE], town[SUPPORT]
    put(police.own, 1, 1, police_rows()[0])
    police.take()
    await town.deliver(POLICE, SUPPORT)

    def refuse(*_: object) -> None:
        raise MappingError("no column", code="unknown_column", where="X")

    with monkeypatch.context() as patched:
        patched.setattr(support.sink, "_render", refuse)
        support.sink.round()
    assert support.held_events() == [("unknown_column", "no column")]
    with support.member.store.transaction() as tx:
        tx.inbox.release(tx.inbox.held(9)[0].seq)
    support.sink.round()
    assert support.held_events() == []
    inbox = quoted(INBOX["table"])
    assert support.own.run(f"SELECT count(*) FROM {inbox}")[0][0] == 1


def test_the_check_of_own_tables_passes_and_names_a_missing_column(police: DatabaseAgency) -> None:
    def faults() -> list[tuple[str, str]]:
        database = Database(police.own.section, police.own.folder)
        config = police.parts.participant.config
        found = check_tables(database, config, police.own.section, CSU)
        return [(one.code, one.detail) for one in found if one.status != "pass"]

    assert faults() == []
    police.own.script(f"DROP VIEW {quoted(VIEW)}")
    assert [one[0] for one in faults()] == ["database_table_missing"]


@pytest.fixture
def answered(tmp_path: Path, dialect: Dialect) -> Iterator[DatabaseAgency]:
    """The police, whose own table has the columns of the answers."""
    own = OwnDatabase(dialect, tmp_path / POLICE, made=False, outbox=ANSWERED, inbox=INBOX)
    columns = ", ".join(f"{quoted(one)} text" for one in CSU.mapping.known_columns)
    own.script(
        f'CREATE TABLE "answered referrals" ("row id" bigint PRIMARY KEY, changed integer, '
        f'{columns}, "sent state" text, "sent code" text, field text, detail text, "sent id" text, '
        f"answer {'jsonb' if own.postgres else 'text'}, "
        f"answered_at {'timestamptz' if own.postgres else 'text'});"
        f"CREATE TABLE {quoted(INBOX['table'])} ({columns}, {CONTROL} integer, "
        "UNIQUE (source, id));"
    )
    own.script(tables_script(own.section, dialect, DatabaseRoles()))
    if own.postgres:
        own.script(f'GRANT ALL ON "answered referrals" TO {DatabaseRoles().application}')
    made = database_partnership(tmp_path, founded(), {POLICE: own}, csu_camden=CSU)
    yield made[POLICE]
    made.close()


def test_answers_in_columns_of_the_own_table(answered: DatabaseAgency) -> None:
    own = answered.own
    good, other = police_rows()[:2]
    put(own, 1, 1, good, "answered referrals")
    put(own, 2, 1, {**other, "RISK": "no such risk"}, "answered referrals")
    assert answered.take() == 2

    def states() -> list[tuple[Any, ...]]:
        return own.run(
            'SELECT "sent state", "sent code", field, "sent id" IS NOT NULL, '
            'answered_at IS NOT NULL FROM "answered referrals" ORDER BY "row id"'
        )

    assert states() == [
        ("accepted", None, None, True, True),
        ("refused", "unknown_value", "RISK", False, True),
    ]
    assert answered.take() == 0
    database = Database(own.section, own.folder)
    config = answered.parts.participant.config
    found = check_tables(database, config, own.section, CSU)
    database.close()
    assert [(one.code, one.detail) for one in found if one.status == "fail"] == []
    own.run('UPDATE "answered referrals" SET "RISK" = ? WHERE "row id" = 2', str(other["RISK"]))
    assert answered.take() == 0  # its answer stands until a person asks for a retry
    with answered.member.store.transaction() as tx:
        tx.refused_rows.ask(tx.refused_rows.list(9)[0].number, 1)
    assert answered.take() == 1
    assert [row[0] for row in states()] == ["accepted", "accepted"]
    assert len(answered.outbox()) == 2
    assert answered.held_rows() == []


def test_the_answer_of_a_row_names_the_clause_of_a_field_that_is_left_out(
    police: DatabaseAgency,
) -> None:
    for number, row in enumerate(police_rows()):
        put(police.own, number, 1, row)
    police.take()
    rows = police.own.run("SELECT answer FROM concordant_outbox_answers")
    answers = [json.loads(one) if isinstance(one, str) else one for (one,) in rows]
    left_out = [one for answer in answers for one in answer["left_out"]]
    assert ("incident.narrative", "4.1.36") in {(one["field"], one["clause"]) for one in left_out}


def test_a_kind_without_a_mapping_of_columns_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        require_mapping(object())
    assert caught.value.code == "config_invalid"
