"""Rows that the agency's own database refuses, or that hold bytes that are no text."""

from __future__ import annotations

import asyncio

import pytest

from adapters.tables.scripts import DatabaseRoles
from tests.support.database_agency import DatabaseAgency, DatabasePartnership
from tests.support.founded_partnership import COUNCIL
from tests.unit.adapters.tables.test_inbox import (
    answer,
    delivered,
    inserted,
    retry_held,
    sent,
    until,
)

FAILED = "database_row_failed"


def refuse(agency: DatabaseAgency, table: str, id_: str, change: str) -> None:
    """Let a trigger abort each change of a row."""
    if not agency.own.postgres:
        row = "NEW" if change == "INSERT" else "OLD"
        agency.own.script(
            f"CREATE TRIGGER refuse BEFORE {change} ON {table} WHEN {row}.id = '{id_}' "
            "BEGIN SELECT RAISE(ABORT, 'Zephyrine'); END"
        )
        return
    agency.own.script(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF NEW.id::text = '{id_}' THEN RAISE EXCEPTION 'Zephyrine'; END IF; RETURN NEW; END $$; "
        f"CREATE TRIGGER refuse BEFORE {change} ON {table} FOR EACH ROW EXECUTE FUNCTION refuse(); "
        f"GRANT EXECUTE ON FUNCTION refuse() TO {DatabaseRoles().adapter}"
    )


def no_longer(agency: DatabaseAgency, table: str) -> None:
    agency.own.script("DROP TRIGGER refuse" + (f" ON {table}" if agency.own.postgres else ""))


async def test_a_row_whose_answer_cannot_be_written_holds_up_no_other_row(
    police: DatabaseAgency, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (police.own.put(police.body((COUNCIL,))) for _ in range(2))
    refuse(police, "concordant_outbox", first, "UPDATE")
    assert police.source.round() == 1
    assert (police.own.answers()[first][0], police.own.answers()[second][0]) == (None, "accepted")
    assert police.source.trouble is not None
    assert police.source.trouble() == "database_row_failed"
    third = police.own.put(police.body((COUNCIL,)))
    monkeypatch.setattr("adapters.tables.source.ROUND_ROWS", 1)  # it fills no round
    assert police.source.round() == 1
    assert police.own.answers()[third][0] == "accepted"
    assert len(police.outbox()) == 3
    stop = asyncio.Event()
    task = asyncio.create_task(police.source.run(stop, lambda: None))
    await until(lambda: f'code="{FAILED}"' in police.metrics.text().decode())
    stop.set()
    await task
    no_longer(police, "concordant_outbox")
    assert police.source.round() == 0  # it is tried again each minute, or when a person asks
    police.source.retry_now()
    assert police.source.round() == 1
    assert police.own.answers()[first][0] == "accepted"
    assert (police.source.trouble(), len(police.outbox())) == (None, 3)
    assert "Zephyrine" not in capsys.readouterr().err


async def test_an_event_that_the_database_refuses_is_held_and_holds_up_no_other_case(
    town: DatabasePartnership,
) -> None:
    first = await sent(town)
    council = town[COUNCIL]
    refuse(council, "concordant_inbox", first, "INSERT")
    other = await sent(town)
    council.sink.round()
    council.sink.round()
    assert inserted(council) == [other]
    ((code, detail),) = council.held_events()
    assert (code, "Zephyrine" in detail) == (FAILED, False)
    no_longer(council, "concordant_inbox")
    retry_held(council)
    council.sink.round()
    assert inserted(council) == [other, first]


async def test_a_result_that_cannot_be_marked_as_recorded_holds_up_no_other_result(
    town: DatabasePartnership,
) -> None:
    first, second = await sent(town), await sent(town)
    council = town[COUNCIL]
    council.sink.round()
    answer(council, first, "imported")
    answer(council, second, "imported")
    refuse(council, "concordant_inbox", first, "UPDATE")
    assert council.sink.round() == 1
    assert delivered(council) == 2
    assert council.sink.round() == 0  # no loop without a pause
    assert council.sink.trouble is not None
    assert council.sink.trouble() == FAILED
    no_longer(council, "concordant_inbox")
    assert council.sink.round() == 1
    assert council.sink.trouble() is None
    assert all(row["recorded_at"] for row in council.own.inbox())


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize("column", ["result", "reason", "text"])
async def test_a_result_that_is_no_utf_8_is_result_malformed_and_holds_up_no_other(
    town: DatabasePartnership, column: str
) -> None:
    first, second = await sent(town), await sent(town)
    council = town[COUNCIL]
    council.sink.round()
    answer(council, second, "imported")
    answer(council, first, "rejected", "unknown_tenant", "none")
    with council.own.connect() as connection:  # an application that writes Latin-1
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(
            f"UPDATE concordant_inbox SET {column} = CAST(x'ff4a' AS TEXT) WHERE id = ?", (first,)
        )
    third = await sent(town)
    assert council.sink.round() > 0
    codes = council.own.run("SELECT id, result_code FROM concordant_inbox ORDER BY position")
    assert codes == [(first, "result_malformed"), (second, None), (third, None)]
    assert delivered(council) == 1
    council.own.run("UPDATE concordant_inbox SET result_code = NULL WHERE id = ?", first)
    answer(council, first, "rejected", "unknown_tenant", "none")
    council.sink.round()
    assert council.held_events() == [("rejected_by_system", "unknown_tenant: none")]
    assert not council.sink.refused_results()
    retry_held(council)
    council.sink.round()
    assert next(row for row in council.own.inbox() if row["id"] == first)["result"] is None
