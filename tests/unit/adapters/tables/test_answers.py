"""Ways of answering a row, and an outbox that other readers share, as users of Debezium have it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.tables.scripts import Dialect
from tests.support.database_agency import (
    DatabaseAgency,
    DatabasePartnership,
    OwnDatabase,
    database_partnership,
)
from tests.support.founded_partnership import COUNCIL, POLICE, founded

ANSWERS = "SELECT id, state, code FROM concordant_outbox_answers"
ROWS = "SELECT id FROM concordant_outbox"


@pytest.fixture(params=["table", "delete"])
def answers(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def with_settings(tmp_path: Path, dialect: Dialect, **outbox: Any) -> Iterator[DatabasePartnership]:
    made = database_partnership(
        tmp_path, founded(), {POLICE: OwnDatabase(dialect, tmp_path / POLICE, outbox=outbox)}
    )
    yield made
    made.close()


@pytest.fixture
def police(tmp_path: Path, dialect: Dialect, answers: str) -> Iterator[DatabaseAgency]:
    for made in with_settings(tmp_path, dialect, answers=answers):
        yield made[POLICE]


def test_a_table_of_answers_needs_no_column_of_the_outbox(
    police: DatabaseAgency, answers: str
) -> None:
    good, bad = police.own.put(police.body()), police.own.put("{}")
    assert police.take() == 2
    found = {row[0]: row[1:] for row in police.own.run(ANSWERS)}
    left = {str(row[0]) for row in police.own.run(ROWS)}
    assert found[bad] == ("refused", "event_malformed")
    if answers == "delete":
        assert (good in found, left) == (False, {bad})
    else:
        assert (found[good], left) == (("accepted", None), {good, bad})
    assert police.take() == 0
    body = police.body()
    police.own.run(
        "UPDATE concordant_outbox SET payload = ?, type = ? WHERE id = ?",
        json.dumps(body), body["type"], bad,
    )  # fmt: skip
    police.own.run("DELETE FROM concordant_outbox_answers WHERE id = ?", bad)
    assert police.take() == 1
    assert police.held_rows() == []
    assert len(police.outbox()) == 2


def test_a_retry_of_a_person_takes_the_answer_back(police: DatabaseAgency) -> None:
    bad = police.own.put("{}")
    police.take()
    with police.member.store.transaction() as tx:
        tx.refused_rows.ask(tx.refused_rows.list(9)[0].number, 1)
    assert police.take() == 1
    assert police.own.run(ANSWERS) == [(bad, "refused", "event_malformed")]


@pytest.mark.parametrize("form", ["[{0}]", "{0}", "{{{0}}}"], ids=["json", "text", "array"])
def test_recipients_in_a_column_of_their_own(tmp_path: Path, form: str) -> None:
    outbox = {"columns": {"recipients": "recipients"}}
    for made in with_settings(tmp_path, "sqlite", **outbox):
        police = made[POLICE]
        body = police.body((COUNCIL,))
        named = f'"{COUNCIL}"' if form.startswith("[") else COUNCIL
        statement = (
            "INSERT INTO concordant_outbox "
            "(id, aggregatetype, aggregateid, type, payload, recipients) "
            "VALUES (?, 'a', 'b', ?, ?, ?)"
        )
        payload = json.dumps(body["data"])
        police.own.run(statement, "k1", body["type"], payload, form.format(named))
        police.own.run(statement, "k2", body["type"], "[", form.format(named))
        police.take()
        found = police.own.answers()
        assert found["k1"][0] == "accepted"
        assert found["k2"][:3] == ("refused", "event_malformed", "payload")
