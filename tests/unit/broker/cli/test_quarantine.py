"""`quarantine list` and `quarantine retry`: what was refused, and again from step 5."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.audit import head_signing
from broker.codes.meanings import CODES
from broker.errors import RefusedError, StoreError
from broker.operations import retry as retry_operation
from broker.receiving import persistence
from broker.receiving.persistence import QUARANTINE_BYTES
from broker.record import Record
from broker.store.rows import QuarantineRow
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import Origin, parse_origin

SENDER, READER = "csu-camden", "council-camden"
REFERRAL = "b41e9c07-2f6d-4a95-8c3b-e6d27a10f594"


@pytest.fixture
def hidden_key(world):
    """The reader's exchange key is away until it is called."""
    (path,) = world.directory(READER).glob("keys/exchange-*")
    away = path.with_suffix(".away")
    path.rename(away)
    return lambda: away.rename(path)


def made(world, cli, **leaves):
    event = world.event(cli, SENDER, "referral.made", **leaves)
    event["recipients"] = [READER, "haven-support", "csu-lewisham"]
    return event


def listed(cli, world, *more: str):
    return cli("quarantine", "list", "--agency", world.directory(READER), "--json", *more)


def retry(cli, world, *more: object):
    return cli("quarantine", "retry", "--agency", world.directory(READER), "--json", *more)


def inbox(world) -> int:
    store = world.store(READER)
    with store.reading() as tx:
        return tx.inbox.counts().undelivered


def test_before_the_adapter_has_run_it_says_so_and_makes_no_state(cli, world) -> None:
    world.without_state(READER)
    listed(cli, world).require_failure("state_missing")
    listed(cli, world, "--unverified").require_failure("state_missing")
    retry(cli, world, "--all").require_failure("state_missing")
    assert not list(world.directory(READER).rglob("*.db"))


def test_nothing_is_held_at_first(cli, world) -> None:
    world.state_of(READER)
    assert (listed(cli, world).code, listed(cli, world).json) == (0, [])
    done = retry(cli, world, "--all")
    assert (done.code, done.json) == (0, [])


def test_held_records_are_listed_with_place_step_and_code(cli, world, hidden_key) -> None:
    (record,) = world.live(SENDER, made(world, cli))
    world.receive(READER, record)
    (row,) = listed(cli, world).json
    assert (row["agency"], row["step"], row["code"]) == (SENDER, 5, "key_missing")
    assert (row["topic"], row["partition"], row["index"]) == (record.topic, record.partition, 0)
    assert row["status"] == "held"
    table = cli("quarantine", "list", "--agency", world.directory(READER))
    assert "key_missing" in table.text
    assert "Zephyrine" not in table.text + table.err


def test_listing_needs_no_passphrase(cli, world, hidden_key) -> None:
    world.receive(READER, *world.live(SENDER, made(world, cli)))
    (world.directory(READER) / "passphrase").unlink()
    assert len(listed(cli, world).json) == 1


def test_a_repaired_record_goes_to_the_inbox_and_into_the_log(cli, world, hidden_key) -> None:
    world.receive(READER, *world.live(SENDER, made(world, cli)))
    assert inbox(world) == 0
    hidden_key()
    (row,) = listed(cli, world).json
    done = retry(cli, world, row["id"], "--operator", "duty.officer")
    assert done.code == 0
    assert done.json == [{"id": row["id"], "outcome": "opened", "step": None, "code": None}]
    assert inbox(world) == 1
    assert listed(cli, world).json == []
    assert listed(cli, world, "--all").json[0]["status"] == "retried"
    case = "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38"
    shown = cli("log", "show", "--agency", world.directory(READER), "--case", case, "--json")
    assert {one["kind"] for one in shown.json["received"]} == {"collection"}
    assert {one["acting_for"] for one in shown.json["received"]} == {"duty.officer"}
    store = world.store(READER)
    with store.reading() as tx:
        assert len(tx.referrals.open()) == 1


def test_a_record_refused_again_stays_held(cli, world, hidden_key) -> None:
    world.receive(READER, *world.live(SENDER, made(world, cli)))
    (row,) = listed(cli, world).json
    done = retry(cli, world, "--all")
    assert done.code == 4
    assert done.json == [{"id": row["id"], "outcome": "refused", "step": 5, "code": "key_missing"}]
    assert [one["id"] for one in listed(cli, world).json] == [row["id"]]
    assert "0 of 1" in done.err


def test_a_change_of_a_referral_that_came_first_opens_after_the_referral(cli, world) -> None:
    first = made(world, cli)
    change = world.event(cli, SENDER, "referral.status-changed")
    change["recipients"] = [READER]
    change["data"] = {
        "case_id": first["data"]["case_id"],
        "referral_id": first["data"]["referral_id"],
        "version": 2,
        "previous_status": "requested",
        "status": "entered-in-error",
    }
    changed, referral = world.live(SENDER, change, first)
    world.receive(READER, changed)
    (row,) = listed(cli, world).json
    assert (row["step"], row["code"]) == (11, "referral_unknown")
    assert retry(cli, world, "--all").json[0]["code"] == "referral_unknown"
    world.receive(READER, referral)
    done = retry(cli, world, row["id"])
    assert (done.code, done.json[0]["outcome"]) == (0, "opened")
    assert inbox(world) == 2
    store = world.store(READER)
    with store.reading() as tx:
        assert tx.referrals.open() == []


def test_a_record_is_retried_once(cli, world, hidden_key) -> None:
    world.receive(READER, *world.live(SENDER, made(world, cli)))
    hidden_key()
    (row,) = listed(cli, world).json
    assert retry(cli, world, row["id"], row["id"]).code == 0
    again = retry(cli, world, row["id"])
    assert (again.code, again.json[0]["outcome"]) == (4, "not_held")
    assert inbox(world) == 1


def test_a_held_record_can_be_handed_out_and_checked_by_another_party(
    cli, world, hidden_key
) -> None:
    (record,) = world.live(SENDER, made(world, cli))
    world.receive(READER, record)
    (row,) = listed(cli, world).json
    done = cli("quarantine", "export", row["id"], "--agency", world.directory(READER))
    assert (done.code, len(done.lines)) == (0, 1)
    (given,) = done.jsonl
    assert (given["topic"], given["partition"]) == (record.topic, record.partition)
    other = world.directory("haven-support")
    (verified,) = cli("event", "verify", "--agency", other, stdin=done.out).jsonl
    assert verified["verified"]
    assert "data" in cli("event", "open", "--agency", other, stdin=done.out).jsonl[0]


@pytest.mark.parametrize("number", [0, -1, 2**63, "x"])
def test_an_invalid_number_of_a_record_is_wrong_usage(cli, world, number: object) -> None:
    for command in ("retry", "export"):
        agency = ("--agency", world.directory(READER))
        assert cli("quarantine", command, *agency, "--", number).code == 2
    assert listed(cli, world, "--limit", str(2**63)).code == 2


def test_exporting_a_number_that_was_never_given_is_wrong_input(cli, world) -> None:
    world.state_of(READER)
    done = cli("quarantine", "export", 999, "--agency", world.directory(READER))
    done.require_failure("record_unknown", 2)
    for other in ("rows-408a5d10eecc", "event-7", "0"):
        done = cli("quarantine", "export", other, "--agency", world.directory(READER))
        assert (done.code, done.out) == (2, b"")
        assert "refused record" in " ".join(done.err.split())


def test_a_number_that_was_never_given(cli, world) -> None:
    world.state_of(READER)
    done = retry(cli, world, 999)
    assert (done.code, done.json[0]["outcome"]) == (4, "not_held")


def test_each_of_several_has_its_own_outcome(cli, world, hidden_key) -> None:
    first, second = world.live(SENDER, made(world, cli), made(world, cli))
    world.receive(READER, first, second)
    hidden_key()
    done = retry(cli, world, "--all")
    # the same referral is made twice: the second is refused by its course, not by its key
    assert [(one["outcome"], one["code"]) for one in done.json] == [
        ("opened", None),
        ("refused", "referral_exists"),
    ]
    assert done.code == 4


def add_again(tx: Transaction, row: QuarantineRow) -> int:
    """Put a quarantined record into the quarantine once more."""
    record = Record(row.topic, row.partition, (), row.value, row.offset)
    refusal = RefusedError(row.step, row.code, row.detail)
    origin = parse_origin(row.origin)
    return tx.quarantine.add(record, row.headers_json, origin, row.index, refusal, row.added_ms)


def hold(tx: Transaction, sender: str, offset: int, index: int, value: bytes) -> None:
    """Put a made-up record of a sender into the quarantine."""
    origin = Origin("pan-london", sender, "t", 0, "g")
    refusal = RefusedError(9, "grouping_wrong", "")
    tx.quarantine.add(Record("t", 0, (), value, offset), "", origin, index, refusal, 1)


def test_the_same_event_that_arrived_meanwhile_is_a_repeat(cli, world, hidden_key) -> None:
    (record,) = world.live(SENDER, made(world, cli))
    world.receive(READER, record)
    hidden_key()
    (row,) = listed(cli, world).json
    store = world.store(READER)
    with store.transaction() as tx:  # as a second copy under another index would have left it
        held = tx.quarantine.get(row["id"])
        add_again(tx, held)
    store.close()
    assert [one["outcome"] for one in retry(cli, world, "--all").json] == ["opened", "repeat"]
    assert inbox(world) == 1


def test_bytes_that_were_altered_in_the_database_are_not_opened(cli, world, hidden_key) -> None:
    world.receive(READER, *world.live(SENDER, made(world, cli)))
    hidden_key()
    store = world.store(READER)
    with store.transaction() as tx:
        (one,) = tx.quarantine.list("held")
        row = tx.quarantine.get(one.id)
        altered = bytearray(row.value)
        altered[200] ^= 1
        id_ = add_again(tx, replace(row, value=bytes(altered)))
    store.close()
    done = retry(cli, world, id_)
    assert (done.code, done.json[0]["step"]) == (4, 3)
    assert inbox(world) == 0


def test_it_is_all_or_nothing(cli, world, hidden_key, monkeypatch: pytest.MonkeyPatch) -> None:
    world.receive(READER, *world.live(SENDER, made(world, cli)))
    hidden_key()

    def full(*_: object) -> None:
        raise StoreError("the disk is full", code="store_full", fix="make room")

    with monkeypatch.context() as patch:
        patch.setattr(retry_operation, "log_act", full)
        done = retry(cli, world, "--all")
    assert done.code == 3
    assert "store_full" in done.err
    assert inbox(world) == 0
    assert len(listed(cli, world).json) == 1
    store = world.store(READER)
    with store.reading() as tx:
        assert tx.referrals.open() == []
    assert retry(cli, world, "--all").code == 0
    assert head_signing.log_act is retry_operation.log_act


def test_ids_or_all_but_not_both_and_not_neither(cli, world) -> None:
    assert retry(cli, world).code == 2
    assert retry(cli, world, "--all", 1).code == 2
    assert retry(cli, world, "one").code == 2


def test_a_wrong_passphrase_retries_nothing(cli, world, hidden_key) -> None:
    world.receive(READER, *world.live(SENDER, made(world, cli)))
    hidden_key()
    (world.directory(READER) / "passphrase").write_text("wrong")
    done = retry(cli, world, "--all")
    assert (done.code, done.out) == (3, b"")
    assert "passphrase_wrong" in done.err
    assert len(listed(cli, world).json) == 1


def test_unauthenticated_records_are_listed_separately(cli, world) -> None:
    (record,) = world.live(SENDER, made(world, cli))
    world.receive(READER, replace(record, value=b"\x01" + bytes(300)))
    assert listed(cli, world).json == []
    (row,) = listed(cli, world, "--unverified").json
    assert (row["code"], row["topic"], len(row["sha256"])) == ("not_included", record.topic, 64)
    table = cli("quarantine", "list", "--agency", world.directory(READER), "--unverified")
    assert "not_included" in table.text


# --- discarding ----------------------------------------------------------------------------------


def discard(cli, world, *more: object):
    agency = ("--agency", world.directory(READER))
    return cli("quarantine", "discard", *agency, "--reason", "obsolete", "--yes", "--json", *more)


def test_a_discarded_record_is_held_no_more_and_its_bytes_are_gone(cli, world, hidden_key) -> None:
    (record,) = world.live(SENDER, made(world, cli))
    world.receive(READER, record)
    (row,) = listed(cli, world).json
    done = discard(cli, world, row["id"])
    assert (done.code, done.json[0]["outcome"]) == (0, "discarded")
    assert listed(cli, world).json == []
    assert [one["status"] for one in listed(cli, world, "--all").json] == ["discarded"]
    hidden_key()
    assert retry(cli, world, row["id"]).json[0]["outcome"] == "not_held"
    exported = cli("quarantine", "export", row["id"], "--agency", world.directory(READER))
    exported.require_failure("record_not_held", 2)
    database = world.directory(READER) / "state/concordant.db"
    assert record.value not in database.read_bytes()
    assert not any(
        record.value in path.read_bytes() for path in database.parent.glob("concordant.db-*")
    )
    shown = cli("log", "show", "--agency", world.directory(READER), "--json")
    (entry,) = [one for one in shown.json["entries"] if one["kind"] == "erasure"]
    assert (entry["code"], entry["source"], entry["count"]) == ("record_discarded", SENDER, 1)


def test_all_records_of_one_sender_are_discarded_and_no_other(cli, world, hidden_key) -> None:
    other = "cps-london"
    world.receive(READER, *world.live(SENDER, made(world, cli), made(world, cli)))
    store = world.store(READER)
    with store.transaction() as tx:
        hold(tx, other, 1, 0, b"v")
    store.close()
    assert discard(cli, world, "--sender", "haven-support").json == []
    done = discard(cli, world, "--sender", SENDER)
    assert (done.code, len(done.json)) == (0, 2)
    assert [one["agency"] for one in listed(cli, world).json] == [other]


def test_status_and_doctor_say_how_full_the_quarantine_of_a_sender_is(cli, world) -> None:
    agency = ("--agency", world.directory(READER))
    world.state_of(READER)
    store = world.store(READER)
    size = QUARANTINE_BYTES * 9 // 10
    with store.transaction() as tx:
        hold(tx, SENDER, 1, 0, b"v" * size)
    (line,) = cli("status", *agency, "--json").json["quarantine"]
    assert line == {"agency": SENDER, "records": 1, "bytes": size, "filled": 0.9}
    told = cli("status", *agency)
    assert "90% full" in told.text + told.err
    checks = cli("doctor", *agency, "--offline", "--json").json["checks"]
    assert [one["status"] for one in checks if one["code"] == "quarantine_full"] == ["warn"]
    with store.transaction() as tx:
        hold(tx, SENDER, 2, 1, b"v" * size)
    store.close()
    checks = cli("doctor", *agency, "--offline", "--json").json["checks"]
    (full,) = [one for one in checks if one["code"] == "quarantine_full"]
    assert full["status"] == "fail"
    assert str(world.directory(READER)) in full["fix"]  # the command can be copied


def test_a_sender_whose_quarantine_was_full_goes_on_when_its_records_are_discarded(
    cli, world, hidden_key, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(persistence, "QUARANTINE_QUOTA", 1)
    first, second = world.live(SENDER, made(world, cli), made(world, cli))
    world.receive(READER, first)
    second = replace(second, offset=1)
    (waits,) = world.receive(READER, second)
    assert waits.deferred == [(SENDER, "quarantine_full")]
    agency = ("--agency", world.directory(READER))
    (check,) = [
        one
        for one in cli("doctor", *agency, "--offline", "--json").json["checks"]
        if one["code"] == "quarantine_full"
    ]
    assert "quarantine discard" in check["fix"]
    (row,) = listed_records(cli, world)
    assert retry(cli, world, "--all").code == 4
    assert "concordant quarantine discard ID --reason TEXT" in CODES["quarantine_full"].to_do
    assert discard(cli, world, row["id"]).code == 0
    hidden_key()
    (goes_on,) = world.receive(READER, second)
    assert len(goes_on.opened) == 1


def listed_records(cli, world):
    return [one for one in listed(cli, world).json if one["kind"] == "record"]
