"""Rows of the inbox: one for each event, and the results that the application writes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from adapters.base import MappingError
from adapters.exchange.offering import Read
from adapters.tables.errors import DatabaseError
from broker.errors import StoreError
from broker.store import schema
from broker.waiting import set_within
from tests.support.database_agency import DatabaseAgency, DatabasePartnership
from tests.support.founded_partnership import COUNCIL, POLICE

NAME = "Zephyrine Quillfeather"


async def sent(town: DatabasePartnership, **changes: object) -> str:
    """Send an event from the police's outbox to the council's inbox. Return its id."""
    police = town[POLICE]
    key = police.own.put(police.body((COUNCIL,), **changes))
    police.take()
    await town.deliver(POLICE, COUNCIL)
    return str(police.own.answers()[key][3])


def answer(
    council: DatabaseAgency, id_: str, result: str, reason: str = "", text: str = ""
) -> None:
    council.own.run(
        "UPDATE concordant_inbox SET result = ?, reason = ?, text = ? WHERE id = ?",
        result, reason or None, text or None, id_,
    )  # fmt: skip


async def until(holds: Callable[[], bool]) -> None:
    """Wait at most ten seconds until a condition holds."""
    for _ in range(1_000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")


def delivered(council: DatabaseAgency) -> int:
    with council.member.store.reading() as tx:
        return tx.inbox.counts().delivered


async def test_an_event_is_a_row_with_typed_columns(town: DatabasePartnership) -> None:
    id_ = await sent(town)
    council = town[COUNCIL]
    assert council.sink.round() > 0
    (row,) = council.own.inbox()
    assert (row["source"], row["id"], row["type"]) == (POLICE, id_, "referral.made")
    assert row["payload"].keys() == {
        "id", "type", "source", "time", "data", "withheld", "urgent", "withheld_reasons",
    }  # fmt: skip
    assert row["payload"]["data"]["case_id"] == row["case_id"]
    assert bool(row["urgent"]) is row["payload"]["urgent"]
    assert row["received_at"]
    assert (row["result"], row["recorded_at"]) == (None, None)
    (entry,) = council.entries("consultation")
    assert (entry.event_id, entry.acting_for) == (id_, "database side")
    council.sink.round()
    assert len(council.own.inbox()) == 1
    assert len(council.entries("consultation")) == 1


async def test_imported_ends_the_event_and_removes_its_content_here(
    town: DatabasePartnership,
) -> None:
    id_ = await sent(town)
    council = town[COUNCIL]
    council.sink.round()
    answer(council, id_, "imported")
    council.sink.round()
    (row,) = council.own.inbox()
    assert (bool(row["recorded_at"]), row["result_code"]) == (True, None)
    assert delivered(council) == 1
    assert council.sink.round() == 0


async def test_rejected_holds_the_event_and_a_retry_offers_it_again(
    town: DatabasePartnership,
) -> None:
    id_ = await sent(town)
    council = town[COUNCIL]
    council.sink.round()
    answer(council, id_, "rejected", "unknown_tenant", "none")
    council.sink.round()
    assert council.held_events() == [("rejected_by_system", "unknown_tenant: none")]
    first = council.own.inbox()[0]["offer"]
    with council.member.store.transaction() as tx:
        tx.inbox.release(tx.inbox.held(9)[0].seq)
    council.sink.round()
    (row,) = council.own.inbox()
    assert row["offer"] > first
    assert (row["result"], row["reason"], row["text"], row["recorded_at"]) == (None,) * 4
    answer(council, id_, "imported")
    council.sink.round()
    assert delivered(council) == 1
    assert council.held_events() == []


async def sent_of_one_case(town: DatabasePartnership, count: int) -> list[str]:
    """Send events of one case, and one of another case. Return their ids."""
    case = str(uuid4())
    ids = [await sent(town, case_id=case) for _ in range(count)]
    return [*ids, await sent(town)]


def retry_held(council: DatabaseAgency) -> None:
    with council.member.store.transaction() as tx:
        assert tx.inbox.release(tx.inbox.held(9)[0].seq)


def inserted(council: DatabaseAgency) -> list[str]:
    return [row["id"] for row in council.own.inbox()]


async def test_later_events_of_a_case_wait_for_one_that_the_mapping_cannot_write(
    town: DatabasePartnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third, other = await sent_of_one_case(town, 3)
    council = town[COUNCIL]
    render, rendered = council.sink._render, []

    def fail(read: Read, now: int) -> dict[str, object]:
        rendered.append(read.event.id)
        if read.event.id == first:
            raise MappingError("no column", code="mapping_failed")
        return render(read, now)

    with monkeypatch.context() as patched:
        patched.setattr(council.sink, "_render", fail)
        council.sink.round()
        council.sink.round()
    assert inserted(council) == [other]
    assert rendered == [first, other]  # the mapping may store links of an event that it writes
    council.stop()
    council.start()
    council.sink.round()
    assert inserted(council) == [other]
    retry_held(council)
    council.sink.round()
    assert inserted(council) == [other, first, second, third]
    assert council.held_events() == []


async def test_later_events_of_a_case_wait_for_one_that_cannot_be_read(
    town: DatabasePartnership,
) -> None:
    first, second, other = await sent_of_one_case(town, 2)
    council = town[COUNCIL]
    table = schema.inbox
    this = table.c.event_id == first
    with council.member.store.transaction() as tx:
        whole = tx.inbox._connection.scalar(select(table.c.payload).where(this))
        tx.inbox._connection.execute(update(table).where(this).values(payload=b"x"))
    council.sink.round()
    council.sink.round()
    assert inserted(council) == [other]
    with council.member.store.transaction() as tx:
        tx.inbox._connection.execute(update(table).where(this).values(payload=whole))
    retry_held(council)
    council.sink.round()
    assert inserted(council) == [other, first, second]


async def test_a_rejection_while_the_next_event_of_the_case_waits_keeps_that_event_back(
    town: DatabasePartnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = str(uuid4())
    first = await sent(town, case_id=case)
    council = town[COUNCIL]
    council.sink.round()
    second = await sent(town, case_id=case)

    def fail(*_: object) -> None:
        raise DatabaseError("away", code="database_unreachable")

    with monkeypatch.context() as patched:
        patched.setattr(council.sink._rows, "put", fail)
        with pytest.raises(DatabaseError):
            council.sink.round()
    answer(council, first, "rejected", "unknown_tenant")
    council.sink.round()
    assert inserted(council) == [first]
    retry_held(council)
    council.sink.round()
    assert inserted(council) == [first, second]


async def test_a_crash_before_the_offer_is_remembered_inserts_nothing_twice(
    town: DatabasePartnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = await sent(town)
    council = town[COUNCIL]

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(council.sink, "_advance", crash)
        with pytest.raises(KeyboardInterrupt):
            council.sink.round()
    answer(council, id_, "rejected", "unknown_tenant")  # the application is quicker
    council.stop()
    council.start()
    council.sink.round()
    council.sink.round()
    (row,) = council.own.inbox()
    assert (row["result"], bool(row["recorded_at"])) == ("rejected", True)
    assert council.held_events() == [("rejected_by_system", "unknown_tenant")]


async def test_a_crash_between_the_two_commits_of_a_result_records_it_once(
    town: DatabasePartnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = await sent(town)
    council = town[COUNCIL]
    council.sink.round()
    answer(council, id_, "imported")

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(council.sink._rows, "record", crash)
        with pytest.raises(KeyboardInterrupt):
            council.sink.round()
    assert delivered(council) == 1
    council.stop()
    council.start()
    council.sink.round()
    assert council.own.inbox()[0]["recorded_at"]
    assert delivered(council) == 1


async def test_a_database_that_is_away_does_not_fill_the_disclosure_log(
    town: DatabasePartnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sent(town)
    council = town[COUNCIL]

    def fail(*_: object) -> None:
        raise DatabaseError("away", code="database_unreachable")

    with monkeypatch.context() as patched:
        patched.setattr(council.sink._rows, "put", fail)
        for _ in range(3):
            with pytest.raises(DatabaseError):
                council.sink.round()
    assert len(council.entries("consultation")) == 1
    council.sink.round()
    assert len(council.own.inbox()) == 1


async def test_a_database_that_is_away_is_a_trouble_of_readyz_until_it_is_back(
    town: DatabasePartnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink, stop = town[COUNCIL].sink, asyncio.Event()
    away = True

    def look() -> int:
        if away:
            raise DatabaseError("away", code="database_unreachable")
        return 0

    monkeypatch.setattr(sink, "round", look)
    assert sink.trouble is not None
    assert sink.trouble() is None
    task = asyncio.create_task(sink.run(lambda _s: set_within(stop, 0.01), stop, lambda: None))
    await until(lambda: sink.trouble() == "database_unreachable")
    away = False
    await until(lambda: sink.trouble() is None)
    stop.set()
    await task


async def test_an_event_that_is_erased_while_the_database_is_away_is_not_inserted(
    town: DatabasePartnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await sent(town), await sent(town)
    council = town[COUNCIL]

    def fail(*_: object) -> None:
        raise DatabaseError("away", code="database_unreachable")

    with monkeypatch.context() as patched:
        patched.setattr(council.sink._rows, "put", fail)
        with pytest.raises(DatabaseError):
            council.sink.round()
    with council.member.store.transaction() as tx:
        row = tx.inbox.find(POLICE, first)
        assert row is not None
        tx.inbox.mark_delivered(row.seq, 1, "erased")
    council.sink.round()
    assert [row["id"] for row in council.own.inbox()] == [second]


@pytest.mark.parametrize(
    ("reason", "text"),
    [("", ""), ("Not A Code", ""), ("known", "x\u202ey")],
    ids=["none", "words", "hidden"],
)
async def test_a_result_that_is_not_valid_is_shown_and_may_be_corrected(
    town: DatabasePartnership, reason: str, text: str
) -> None:
    id_ = await sent(town)
    council = town[COUNCIL]
    council.sink.round()
    answer(council, id_, "rejected", reason, text)
    council.sink.round()
    (row,) = council.own.inbox()
    assert (row["result_code"], row["recorded_at"]) == ("result_malformed", None)
    assert council.sink.refused_results() == 1
    assert delivered(council) == 0
    statement = "UPDATE concordant_inbox SET result = 'imported', result_code = NULL WHERE id = ?"
    council.own.run(statement, id_)
    council.sink.round()
    assert delivered(council) == 1
    assert council.sink.refused_results() == 0


async def test_a_second_result_that_contradicts_the_first_is_refused(
    town: DatabasePartnership,
) -> None:
    id_ = await sent(town)
    council = town[COUNCIL]
    council.sink.round()
    answer(council, id_, "imported")
    council.sink.round()
    council.own.script("UPDATE concordant_inbox SET recorded_at = NULL")
    answer(council, id_, "rejected", "late")
    council.sink.round()
    assert council.own.inbox()[0]["result_code"] == "result_conflict"


async def test_a_result_for_a_row_that_the_adapter_did_not_insert_is_refused(
    town: DatabasePartnership,
) -> None:
    council = town[COUNCIL]
    council.own.script(
        "INSERT INTO concordant_inbox (source, id, type, case_id, urgent, received_at, payload, "
        f"offer, result) VALUES ('{POLICE}', '6f0f6c1e-5bd5-4a0e-8e9d-0a5c1f6e7a11', 't', 'c', "
        f"{'false' if council.own.postgres else 0}, '2026-01-01', '{{}}', 1, 'imported')"
    )
    council.sink.round()
    assert council.own.inbox()[0]["result_code"] == "event_unknown"


async def test_the_loops_show_a_fault_and_go_on_after_it(
    town: DatabasePartnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = await sent(town)
    council = town[COUNCIL]
    fails = [True]
    whole = council.sink._rows.put

    def put(*given: object) -> None:
        if fails:
            raise StoreError("busy", code="store_busy")
        whole(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(council.sink._rows, "put", put)
    monkeypatch.setattr("adapters.tables.sink.retry_delay_s", lambda *_a, **_k: 0.01)
    stop = asyncio.Event()
    turns: list[int] = []
    waiting = council.sink.run(lambda _s: set_within(stop, 0.01), stop, lambda: turns.append(1))
    task = asyncio.create_task(waiting)
    shown = re.compile(r"concordant_database_failed\{[^}]*store_busy[^}]*\} 1.0")
    await until(lambda: shown.search(council.metrics.text().decode()) is not None)
    fails.clear()
    await until(lambda: bool(council.own.inbox()))
    await until(lambda: shown.search(council.metrics.text().decode()) is None)
    stop.set()
    with suppress(asyncio.CancelledError):
        await task
    assert council.own.inbox()[0]["id"] == id_
    assert turns
