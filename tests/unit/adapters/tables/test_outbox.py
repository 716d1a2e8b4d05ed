"""Rows of the outbox: accepted once each, in order, and answered in the application's database."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from adapters.tables import connecting, source
from adapters.tables.errors import DatabaseError
from broker.errors import StoreError
from tests.support.database_agency import DatabaseAgency, DatabasePartnership

NAME = "Zephyrine Quillfeather"


def test_a_row_is_accepted_and_answered(police: DatabaseAgency) -> None:
    key = police.own.put(police.body())
    assert police.take() == 1
    (event_id,) = police.outbox()
    assert police.own.answers() == {key: ("accepted", None, None, event_id)}
    (entry,) = police.entries("disclosure")
    assert (entry.event_id, entry.operator) == (event_id, "database side")
    ((answer, at),) = police.own.run("SELECT answer, answered_at FROM concordant_outbox")
    found = json.loads(answer) if isinstance(answer, str) else answer
    assert found.keys() == {"id", "state", "left_out", "not_sealed"}
    assert at
    assert police.published
    assert police.take() == 0


def test_rows_are_taken_in_the_order_of_their_insertion(police: DatabaseAgency) -> None:
    keys = [police.own.put(police.body()) for _ in range(12)]
    assert police.take() == 12
    answers = police.own.answers()
    assert [answers[key][3] for key in keys] == [
        one.event_id for one in police.entries("disclosure")
    ]


def test_a_row_that_is_rolled_back_is_not_sent(police: DatabaseAgency) -> None:
    connection = police.own.connect()
    police.own.put(police.body(), connection=connection)
    connection.rollback()
    connection.close()
    assert police.take() == 0


def test_a_row_of_a_transaction_that_commits_late_is_not_passed_over(
    police: DatabaseAgency,
) -> None:
    """The gap problem: it has a lower number than rows that were taken before it was visible."""
    if not police.own.postgres:
        pytest.skip("SQLite has one writer at a time, so numbers and commits have one order")
    late = police.own.connect()
    first = police.own.put(police.body(), connection=late)
    second = police.own.put(police.body())
    assert police.take() == 1
    late.commit()
    late.close()
    assert police.take() == 1
    numbers = dict(police.own.run("SELECT id::text, position FROM concordant_outbox"))
    assert numbers[first] < numbers[second]
    assert {one[0] for one in police.own.answers().values()} == {"accepted"}
    assert len(police.outbox()) == 2


def test_two_workers_accept_each_row_once(police: DatabaseAgency) -> None:
    for _ in range(20):
        police.own.put(police.body())
    first = police.source
    police.start()

    def work(worker: Any) -> int:
        taken = 0
        while True:
            try:
                done = worker.round()
            except DatabaseError:  # `database_in_use`: the other worker has the outbox
                return taken
            if not done:
                return taken
            taken += done

    with ThreadPoolExecutor(2) as workers:
        total = sum(workers.map(work, [first, police.source]))
    first._tables.database.close()
    assert total == 20
    assert len(police.outbox()) == len(set(police.outbox())) == 20
    assert {one[0] for one in police.own.answers().values()} == {"accepted"}


def test_two_adapters_do_not_take_the_rows_of_one_outbox(
    town: DatabasePartnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    police, council = town.agencies.values()
    if not police.own.postgres:
        pytest.skip("SQLite has no locks of sessions")
    police.take()
    council.own = police.own
    council.root = police.root
    council.stop()
    council.start()
    monkeypatch.setattr(connecting, "CLAIM_MS", 20)
    with pytest.raises(DatabaseError) as caught:
        council.take()
    assert caught.value.code == "database_in_use"
    monkeypatch.setattr(connecting, "CLAIM_MS", 60_000)
    police.source._tables.database.close()
    assert council.take() == 0


def test_an_adapter_waits_for_the_end_of_an_earlier_session(
    town: DatabasePartnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends a session some time after the client has closed the connection."""
    police, council = town.agencies.values()
    if not police.own.postgres:
        pytest.skip("SQLite has no locks of sessions")
    monkeypatch.setattr(connecting, "CLAIM_MS", 60_000)
    police.take()
    council.own = police.own
    council.root = police.root
    council.stop()
    council.start()
    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(council.take)
        waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while not police.own.run(waiting):
            assert not taken.done(), taken.exception()
        police.source._tables.database.close()
        assert taken.result(60) == 0


def test_a_crash_between_the_two_commits_sends_nothing_twice(
    police: DatabaseAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = police.own.put(police.body())

    def crash(*_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(police.source._tables.rows, "answer", crash)
        with pytest.raises(KeyboardInterrupt):
            police.source.round()
    assert police.own.answers()[key][0] is None
    police.stop()
    police.start()
    assert police.take() == 1
    (event_id,) = police.outbox()
    assert police.own.answers()[key] == ("accepted", None, None, event_id)
    assert len(police.entries("disclosure")) == 1


def test_a_crash_before_the_first_commit_leaves_the_row(
    police: DatabaseAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    police.own.put(police.body())

    def fail(*_: object) -> object:
        raise StoreError("full", code="store_full")

    with monkeypatch.context() as patched:
        patched.setattr(police.source._tables.taker, "take", fail)
        with pytest.raises(StoreError):
            police.source.round()
    assert police.outbox() == []
    assert police.take() == 1


def test_a_refused_row_is_answered_held_and_taken_after_its_correction(
    police: DatabaseAgency,
) -> None:
    key = police.own.put(police.body() | {"type": "referral.mad"})
    good = police.own.put(police.body())
    assert police.take() == 2
    state, code, _, event_id = police.own.answers()[key]
    assert (state, code, event_id) == ("refused", "type_unknown", None)
    assert police.own.answers()[good][0] == "accepted"
    (held,) = police.held_rows()
    assert (held.item, held.code) == (key, "type_unknown")
    assert 'items_refused_total{code="type_unknown"} 1.0' in police.metrics.text().decode()
    (entry,) = police.entries("refusal")
    assert (entry.reason, entry.operator) == ("type_unknown", "database side")
    body = police.body()
    police.own.run(
        "UPDATE concordant_outbox SET payload = ?, type = ?, state = NULL WHERE id = ?",
        json.dumps(body), body["type"], key,
    )  # fmt: skip
    assert police.take() == 1
    assert police.own.answers()[key][0] == "accepted"
    assert police.held_rows() == []


def test_a_retry_takes_a_refused_row_again(police: DatabaseAgency) -> None:
    key = police.own.put(police.body() | {"type": "referral.mad"})
    police.take()
    (held,) = police.held_rows()
    with police.member.store.transaction() as tx:
        assert tx.refused_rows.ask(held.number, 1)
    assert police.take() == 1  # refused again, with one line in the log
    assert police.own.answers()[key][0] == "refused"
    (again,) = police.held_rows()
    assert (again.number, again.held_ms, again.retry_ms) == (held.number, held.held_ms, None)
    assert len(police.entries("refusal")) == 1


def test_a_retry_of_a_row_that_was_removed_ends_its_hold(police: DatabaseAgency) -> None:
    key = police.own.put(police.body() | {"type": "referral.mad"})
    police.take()
    police.own.run("DELETE FROM concordant_outbox WHERE id = ?", key)
    with police.member.store.transaction() as tx:
        (held,) = tx.refused_rows.list(9)
        tx.refused_rows.ask(held.number, 1)
    police.take()
    assert police.held_rows() == []


def test_another_event_under_the_key_of_an_accepted_row_is_refused(police: DatabaseAgency) -> None:
    key = police.own.put(police.body())
    police.take()
    police.own.run(
        "UPDATE concordant_outbox SET payload = ?, state = NULL WHERE id = ?",
        json.dumps(police.body()), key,
    )  # fmt: skip
    police.take()
    assert police.own.answers()[key][:2] == ("refused", "idempotency_key_reused")
    assert len(police.outbox()) == 1


def test_an_answer_that_was_lost_is_given_again(police: DatabaseAgency) -> None:
    """For example, the application's database was restored from a backup."""
    key = police.own.put(police.body())
    police.take()
    before = police.own.answers()[key]
    police.own.run("UPDATE concordant_outbox SET state = NULL WHERE id = ?", key)
    assert police.take() == 1
    assert police.own.answers()[key] == before
    assert len(police.outbox()) == 1


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ('{"type": "unknown"}', "event_malformed"),
        ("[]", "event_malformed"),
        ('"Zephyrine Quillfeather"', "event_malformed"),
        ("[" * 40 + "]" * 40, "request_malformed"),
    ],
    ids=["members", "list", "text", "deep"],
)
def test_a_payload_that_is_no_event_is_refused_without_its_values(
    police: DatabaseAgency, payload: str, code: str
) -> None:
    key = police.own.put(payload)
    police.take()
    assert police.own.answers()[key][:2] == ("refused", code)
    ((detail,),) = police.own.run("SELECT detail FROM concordant_outbox")
    assert detail
    assert NAME not in detail


def test_a_type_that_contradicts_the_payload_is_refused(police: DatabaseAgency) -> None:
    key = police.own.put(police.body())
    police.own.run("UPDATE concordant_outbox SET type = 'another' WHERE id = ?", key)
    police.take()
    assert police.own.answers()[key][:3] == ("refused", "event_malformed", "type")


def test_a_row_that_is_too_large_is_refused_before_it_is_read(police: DatabaseAgency) -> None:
    large = police.own.put(json.dumps({"type": "x" * 1_100_000}))
    good = police.own.put(police.body())
    police.take()
    assert police.own.answers()[large][:2] == ("refused", "database_row_too_large")
    assert police.own.answers()[good][0] == "accepted"
    (entry,) = police.entries("refusal")
    assert entry.reason == "database_row_too_large"


def test_a_key_that_cannot_be_used_is_shown_and_holds_up_no_other_row(
    police: DatabaseAgency,
) -> None:
    if police.own.postgres:
        police.own.script("ALTER TABLE concordant_outbox ALTER COLUMN id TYPE text")
    for strange in ("two words", "x" * 201, "Ä"):
        police.own.put(police.body(), strange)
    good = police.own.put(police.body())
    assert police.take() == 1
    assert police.own.answers()[good][0] == "accepted"
    assert police.source.look() == 3


def test_rows_of_other_aggregate_types_stay_untouched(police: DatabaseAgency) -> None:
    police.own.section = police.own.section.model_copy(
        update={
            "outbox": police.own.section.outbox.model_copy(
                update={"aggregatetypes": ("concordant", "o'clock: x")}
            )
        }
    )
    police.stop()
    police.start()
    other, ours = police.own.put(police.body()), police.own.put(police.body())
    statement = "UPDATE concordant_outbox SET aggregatetype = ? WHERE id = ?"
    police.own.run(statement, "o'clock: x", ours)
    assert police.take() == 1
    assert police.own.answers()[other][0] is None


def test_many_rows_need_more_than_one_round(
    police: DatabaseAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "ROUND_ROWS", 4)
    connection = police.own.connect()
    for _ in range(7):
        police.own.put(police.body(), str(uuid4()), connection)
    connection.commit()
    connection.close()
    assert police.source.round() == 4
    assert police.source.round() == 3
