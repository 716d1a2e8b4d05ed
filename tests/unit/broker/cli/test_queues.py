"""`outbox` and `inbox`: what is on its way in a real state database, and what a person does."""

from __future__ import annotations

from typing import Any

import pytest

from broker.clock import now_ms
from broker.held.retrying import asked_ms
from broker.store.rows import AttemptsRow, NewInboxRow, NewOutboxRow, NewRecipientRow
from broker.store.transaction import Transaction
from tests.unit.broker.cli.test_held import put_aside_record, put_aside_row, put_aside_rows

SENDER, READER = "csu-camden", "council-camden"
WAITING, PLACED, AGAIN = (f"0c0ffee0-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))
HOUR = 3_600_000


def received(number: int, case: bytes) -> NewInboxRow:
    return NewInboxRow(
        SENDER, f"0c0ffee0-0000-4000-8000-00000000010{number}", "case.updated", now_ms() - HOUR,
        "pan-london.a", 0, "0" * 32, number, b"Zephyrine", b"", case * 32,
    )  # fmt: skip


@pytest.fixture
def going_out(world):
    """Three own events: one waits for its place, one for Kafka, one must be sealed again."""
    world.without_state(READER)
    store = world.store(READER)
    with store.transaction() as tx:
        rows = [
            NewOutboxRow(one, "pan-london.a", 0, b"v", False) for one in (WAITING, PLACED, AGAIN)
        ]
        waiting, placed, again = tx.outbox.add_many(rows, now_ms() - HOUR)
        tx.outbox.index([(placed, "0" * 32, 0, b"l" * 32, b"p")])
        tx.outbox.hold(again, "recipients_order", now_ms())
        tx.recipients.add_many([NewRecipientRow(WAITING, SENDER, None, waiting, None)], now_ms())
    store.close()


@pytest.fixture
def coming_in(world):
    """Five received events: held, behind it, tried again, offered, and one that waits."""
    world.without_state(READER)
    store = world.store(READER)
    now = now_ms()
    with store.transaction() as tx:
        held, _behind, tried, offered, _waits = (
            tx.inbox.add(received(number, case))
            for number, case in enumerate((b"a", b"a", b"b", b"c", b"d"))
        )
        tx.inbox.hold(held, "unknown_value", "status", "The code has no own code.", now)
        tx.attempts.keep(AttemptsRow(tried, 3, now - HOUR, now + HOUR, "webhook_unreachable"))
        tx.offers.add_many([offered], now)
    store.close()


def queue(cli, world, *words: object):
    return cli(*words, "--agency", world.directory(READER), "--json")


def log_of(cli, world) -> list[dict[str, Any]]:
    return list(cli("log", "show", "--agency", world.directory(READER), "--json").json["entries"])


def read(world) -> Any:
    return world.store(READER).reading()


@pytest.mark.parametrize("name", ["outbox", "inbox"])
def test_before_the_adapter_has_run_it_says_so(cli, world, name: str) -> None:
    world.without_state(READER)
    queue(cli, world, name, "list").require_failure("state_missing")


def test_the_outbox_has_events_files_and_rows_with_their_states(cli, world, going_out) -> None:
    put_aside_rows(world, cli)
    put_aside_row(world, cli)
    listed = queue(cli, world, "outbox", "list").json
    assert {(one["id"].partition("-")[0], one["state"]) for one in listed} == {
        ("outbox", "waiting"), ("outbox", "sending"), ("outbox", "put_aside"),
        ("rows", "put_aside"), ("row", "put_aside"),
    }  # fmt: skip
    (waits,) = [one for one in listed if one["event_id"] == WAITING]
    assert (waits["agencies"], waits["can_discard"]) == ([SENDER], True)
    assert len(queue(cli, world, "outbox", "list", "--limit", "2").json) == 2
    table = cli("outbox", "list", "--agency", world.directory(READER))
    assert (table.code, len(table.lines)) == (0, 6)
    held = {one["id"] for one in queue(cli, world, "quarantine", "list").json}
    assert {one["id"] for one in listed if one["state"] == "put_aside"} <= held


def test_one_item_is_shown_with_what_helps(cli, world, going_out) -> None:
    put_aside_rows(world, cli)
    shown = queue(cli, world, "outbox", "show", f"outbox-{WAITING}").json
    assert shown["recipients"][SENDER]["state"] == "accepted"
    again = queue(cli, world, "outbox", "show", f"outbox-{AGAIN}").json
    assert (again["code"], bool(again["to_do"])) == ("recipients_order", True)
    (rows,) = [one for one in queue(cli, world, "outbox", "list").json if one["kind"] == "rows"]
    refused = queue(cli, world, "outbox", "show", rows["id"]).json
    assert refused["rows"] == [{"line": 2, "field": "when", "code": "invalid_date"}]
    text = cli("outbox", "show", rows["id"], "--agency", world.directory(READER))
    assert (text.code, "invalid_date" in text.text) == (0, True)
    unknown = "outbox-0c0ffee0-0000-4000-8000-00000000000f"
    queue(cli, world, "outbox", "show", unknown).require_failure("queue_item_unknown", 2)


def test_an_event_that_waits_for_kafka_is_tried_at_once_and_it_is_logged(
    cli, world, going_out
) -> None:
    before = now_ms()
    done = queue(
        cli, world, "outbox", "retry", f"outbox-{PLACED}", f"outbox-{AGAIN}",
        "--reason", "Kafka is back", "--operator", "duty.officer",
    )  # fmt: skip
    assert (done.code, [one["outcome"] for one in done.json]) == (4, ["asked", "needs_export"])
    with read(world) as tx:
        assert asked_ms(tx) >= before
    entries = [one for one in log_of(cli, world) if one["kind"] == "retry"]
    assert [(one["item"], one["event"]) for one in entries] == [
        (f"outbox-{PLACED}", PLACED),
        (f"outbox-{AGAIN}", AGAIN),
    ]
    assert {(one["acting_for"], one["reason_text"]) for one in entries} == {
        ("duty.officer", "Kafka is back")
    }
    assert {one["operator"] for one in entries} != {""}
    assert cli("log", "verify", "--agency", world.directory(READER)).code == 0
    shown = cli("log", "show", "--kind", "retry", "--agency", world.directory(READER))
    assert f"outbox-{PLACED}" in shown.text


def test_an_event_without_a_place_is_discarded_and_one_with_a_place_stays(
    cli, world, going_out
) -> None:
    put_aside_row(world, cli)
    ids = [f"outbox-{one}" for one in (WAITING, PLACED, AGAIN)]
    done = queue(cli, world, "outbox", "discard", *ids, "row-1", "--reason", "test data", "--yes")
    assert [one["outcome"] for one in done.json] == ["discarded", "stays", "discarded", "discarded"]
    assert done.code == 4
    assert ids[1] in done.err
    assert [one["id"] for one in queue(cli, world, "outbox", "list").json] == [ids[1]]
    with read(world) as tx:
        assert tx.outbox.pending(9) == []
        assert [row.event_id for row in tx.outbox.unsent()] == [PLACED]
    codes = [one["code"] for one in log_of(cli, world) if one["kind"] == "erasure"]
    assert sorted(codes) == ["event_discarded", "event_discarded", "row_discarded"]


def test_the_inbox_has_records_and_events_with_their_states(cli, world, coming_in) -> None:
    put_aside_record(world, cli)
    listed = queue(cli, world, "inbox", "list")
    assert [one["state"] for one in listed.json if one["kind"] == "event"] == [
        "behind", "trying", "offered", "waiting", "put_aside",
    ]  # fmt: skip
    (record,) = [one for one in listed.json if one["kind"] == "record"]
    assert (record["agencies"], record["state"]) == ([SENDER], "put_aside")
    assert {tuple(one["agencies"]) for one in listed.json} == {(SENDER,)}
    assert "Zephyrine" not in listed.text
    shown = queue(cli, world, "inbox", "show", "event-3").json
    assert (shown["code"], bool(shown["next"])) == ("webhook_unreachable", True)
    text = cli("inbox", "show", "event-1", "--agency", world.directory(READER))
    assert "unknown_value" in text.text
    assert "Zephyrine" not in text.text


def attempt(tx: Transaction) -> AttemptsRow:
    found = tx.attempts.of_event(3)
    assert found is not None
    return found


def test_a_failed_delivery_is_due_at_once_and_the_others_wait(cli, world, coming_in) -> None:
    done = queue(cli, world, "inbox", "retry", "event-2", "event-3", "event-4", "event-5")
    outcomes = [one["outcome"] for one in done.json]
    assert (done.code, outcomes) == (4, ["waits", "asked", "waits", "asked"])
    with read(world) as tx:
        assert attempt(tx).next_ms <= now_ms()
        assert attempt(tx).tries == 3
    tried = [one["item"] for one in log_of(cli, world) if one["kind"] == "retry"]
    assert tried == ["event-3", "event-5"]
    released = queue(cli, world, "inbox", "retry", "event-1", "--wait", "0")
    assert [one["outcome"] for one in released.json] == ["released"]


def test_only_an_event_that_was_refused_is_discarded(cli, world, coming_in) -> None:
    why = ("--reason", "sent in error", "--yes")
    ids = [f"event-{number}" for number in range(1, 6)]
    done = queue(cli, world, "inbox", "discard", *ids, *why)
    outcomes = [one["outcome"] for one in done.json]
    assert (done.code, outcomes) == (4, ["needs_accepted", "stays", "stays", "stays", "stays"])
    assert [one for one in log_of(cli, world) if one["kind"] == "erasure"] == []
    gone = queue(cli, world, "inbox", "discard", "event-1", "--accepted-events", *why)
    assert (gone.code, [one["outcome"] for one in gone.json]) == (0, ["discarded"])
    (erasure,) = [one for one in log_of(cli, world) if one["kind"] == "erasure"]
    assert (erasure["reason_text"], erasure["source"]) == ("sent in error", SENDER)
    states = {one["id"]: one["state"] for one in queue(cli, world, "inbox", "list").json}
    assert states == {
        "event-2": "waiting", "event-3": "trying", "event-4": "offered", "event-5": "waiting"
    }  # fmt: skip


def test_an_id_of_the_other_queue_is_wrong_usage(cli, world, going_out) -> None:
    why = ("--reason", "x", "--yes")
    assert queue(cli, world, "outbox", "retry", "event-1").code == 2
    assert queue(cli, world, "inbox", "retry", f"outbox-{WAITING}").code == 2
    assert queue(cli, world, "outbox", "discard", "7", *why).code == 2
    assert queue(cli, world, "inbox", "show", "7x").code == 2
    none = queue(cli, world, "inbox", "discard", "7", "event-7", *why)
    assert (none.code, {one["outcome"] for one in none.json}) == (4, {"not_held"})


def test_a_person_is_asked_first(cli, world, going_out) -> None:
    id_ = f"outbox-{WAITING}"
    command = ("outbox", "discard", id_, "--reason", "x", "--agency", world.directory(READER))
    assert "confirmation_needed" in cli(*command).err
    assert cli(*command, stdin=b"no\n", terminal=True).code == 1
    agreed = cli(*command, stdin=b"yes\n", terminal=True)
    assert (agreed.code, id_ in agreed.err) == (0, True)
