"""`status` and `status release`: how an agency stands, and going on after a contradiction."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from broker.clock import now_ms
from broker.control.counts_publisher import sent_counts_name
from broker.control.too_large import note_too_large
from broker.figures.counting import quarter_of
from broker.observing.tallies import Tallies
from broker.record import CONTENT_TYPE_HEADER, LEAF_CONTENT_TYPE
from broker.store.exclusion import exclusive
from broker.store.reader_rows import HeadsRow, NamedManifestRow
from broker.tlog.checkpoint import Place
from broker.tlog.merkle import leaf_hash

SENDER, READER = "csu-camden", "council-camden"
RECIPIENTS = [READER, "haven-support", "csu-lewisham"]
DAY = 86_400_000


def status(cli, world, agency: str = READER, *more: str):
    return cli("status", "--agency", world.directory(agency), *more)


def made(world, cli, **leaves):
    event = world.event(cli, SENDER, "referral.made", **leaves)
    event["recipients"] = RECIPIENTS
    return event


def release(cli, world, *more: object, agency: str = READER):
    return cli("status", "release", *more, "--agency", world.directory(agency))


@pytest.fixture
def forked(world, cli, tmp_path: Path):
    """The reader has met two records of one index; returns (first, fork, record after the fork)."""
    update = world.event(cli, SENDER, "case.updated")
    (first,) = world.live(SENDER, update)
    kept = tmp_path / "kept"
    shutil.copytree(world.directory(SENDER), kept)
    (one,) = world.live(SENDER, update)
    honest = tmp_path / "honest"
    world.directory(SENDER).rename(honest)
    kept.rename(world.directory(SENDER))
    (two,) = world.live(SENDER, update)
    world.directory(SENDER).rename(tmp_path / "forked")
    honest.rename(world.directory(SENDER))
    world.receive(READER, first, one, two)
    return world.live(SENDER, update)[0]


# --- status --------------------------------------------------------------------------------------


def test_before_the_adapter_has_run_it_says_so_and_makes_no_state(cli, world) -> None:
    before = sorted(world.without_state(READER).rglob("*"))
    for more in ((), ("--json",)):
        done = status(cli, world, READER, *more)
        done.require_failure("state_missing")
        assert f"concordant adapter run --agency {world.directory(READER)}" in done.err
    release(cli, world, SENDER, "topic", 0).require_failure("state_missing")
    assert sorted(world.directory(READER).rglob("*")) == before


def test_of_an_agency_that_has_done_nothing_yet(cli, world) -> None:
    world.state_of(READER)
    done = status(cli, world, READER, "--json")
    assert done.code == 0
    found = done.json
    assert (found["agency"], found["deployment"]) == (READER, "pan-london")
    assert [one["state"] for one in found["contracts"]] == ["in_force"]
    assert found["outbox"]["pending"] == found["inbox"]["undelivered"] == 0
    assert found["received"] == found["waiting"] == []
    assert len(found["heartbeats"]) == 6
    assert all(one["silent"] and one["heard"] is None for one in found["heartbeats"])
    assert found["time"].endswith("Z")


def test_in_words_and_into_a_file(cli, world, tmp_path: Path) -> None:
    world.state_of(READER)
    done = status(cli, world)
    assert done.code == 0
    assert done.lines[0] == status(cli, world, READER, "--json").json["health"]["sentence"]
    assert any(one.startswith("council-camden in pan-london, ") for one in done.lines)
    for word in ("agreement", "manifest", "outbox", "inbox", "streams", "quarantine", "referrals"):
        assert any(line.startswith(word) for line in done.lines)
    file = tmp_path / "status.txt"
    assert status(cli, world, READER, "--output", str(file)).out == b""
    assert len(file.read_text().splitlines()) == len(done.lines)


def test_in_words_it_has_the_first_step_of_each_trouble(cli, world) -> None:
    store = world.store("csu-camden")
    store.close()
    health = cli("status", "--agency", world.directory("csu-camden"), "--json").json["health"]
    assert health["troubles"]
    text = cli("status", "--agency", world.directory("csu-camden")).out
    for one in health["troubles"]:
        assert one["do"].encode() in text
        assert f"({one['entry']})".encode() in text


def test_needs_no_passphrase(cli, world) -> None:
    world.state_of(READER)
    (world.directory(READER) / "passphrase").unlink()
    assert status(cli, world).code == 0


def test_streams_inbox_and_open_referrals(cli, world) -> None:
    world.receive(READER, *world.live(SENDER, made(world, cli)))
    found = status(cli, world, READER, "--json").json
    assert found["inbox"]["undelivered"] == 1
    (stream,) = found["received"]
    assert (stream["agency"], stream["size"], stream["stopped"]) == (SENDER, 1, False)
    assert found["referrals"]["open"] == 1
    assert found["referrals"]["overdue"] == []
    mine = status(cli, world, SENDER, "--json").json["streams"]
    assert [one["size"] for one in mine] == [1]


def test_trial_streams_are_not_shown(cli, world) -> None:
    example = cli("event", "example", "referral.made", "--agency", world.directory(SENDER)).out
    assert cli("event", "seal", "--agency", world.directory(SENDER), stdin=example).code == 0
    assert status(cli, world, SENDER, "--json").json["streams"] == []


def test_gaps_are_counted_and_named(cli, world) -> None:
    update = world.event(cli, SENDER, "case.updated")
    first, _, _, last = world.live(SENDER, update, update, update, update)
    world.receive(READER, first, last)
    done = status(cli, world)
    assert "GAPS" in done.text
    assert "1 gap(s)" in done.err
    (stream,) = status(cli, world, READER, "--json").json["received"]
    assert [gap[1:] for gap in stream["gaps"]] == [[1, 2]]


def as_leaf(record):
    """The record as Kafka's host can make one of it: the hash of its value."""
    headers = tuple(
        (n, LEAF_CONTENT_TYPE if n == CONTENT_TYPE_HEADER else v) for n, v in record.headers
    )
    return replace(record, headers=headers, value=leaf_hash(record.value))


def test_records_of_which_only_the_hash_came_are_counted(cli, world) -> None:
    update = world.event(cli, SENDER, "case.updated")
    first, second, third = world.live(SENDER, update, update, update)
    world.receive(READER, first, third, as_leaf(second))
    done = status(cli, world)
    assert "RECORDS OF WHICH ONLY THE HASH CAME" in done.text
    (stream,) = status(cli, world, READER, "--json").json["received"]
    assert stream["without_content"] == [[stream["generation"], 1]]
    world.receive(READER, second)
    (stream,) = status(cli, world, READER, "--json").json["received"]
    assert stream["without_content"] == []


def test_an_unacknowledged_referral_is_overdue(cli, world, clock) -> None:
    world.receive(READER, *world.live(SENDER, made(world, cli)))
    store = world.store(READER)
    with store.transaction() as tx:
        tx.links.add("case", "HOU-77", made(world, cli)["data"]["case_id"])
    store.close()
    clock(20 * DAY)
    done = status(cli, world)
    assert "OVERDUE REFERRALS" in done.text
    assert "HOU-77" in done.text
    assert "1 referral(s) overdue" in done.err
    (late,) = status(cli, world, READER, "--json").json["referrals"]["overdue"]
    assert (late["role"], late["counterparty"], late["missed"]) == (
        "fulfiller",
        SENDER,
        "acknowledge",
    )


def test_a_cancelled_referral_is_counted(cli, world) -> None:
    world.receive(READER, *world.live(SENDER, made(world, cli)))
    store = world.store(READER)
    with store.transaction() as tx:
        (row,) = tx.referrals.open()
        asked = replace(row, business_status="cancellation-requested", version=2)
        tx.referrals.save(asked)
    store.close()
    found = status(cli, world, READER, "--json").json["referrals"]
    assert (found["open"], found["cancellation_requested"], found["cancelled"]) == (1, 1, 0)
    store = world.store(READER)
    with store.transaction() as tx:
        tx.referrals.save(replace(asked, status="cancelled", version=3, closed=True))
    store.close()
    found = status(cli, world, READER, "--json").json["referrals"]
    assert (found["open"], found["cancellation_requested"], found["cancelled"]) == (0, 0, 1)
    assert "1 cancelled" in status(cli, world).text


def test_held_records_are_counted_by_sender(cli, world) -> None:
    for path in world.directory(READER).glob("keys/exchange-*"):
        path.rename(path.with_suffix(".away"))
    world.receive(READER, *world.live(SENDER, made(world, cli)))
    done = status(cli, world)
    assert "1 record held, csu-camden 1" in done.text
    assert "quarantine list" in done.err


def test_counts_that_are_too_large_are_shown(cli, world) -> None:
    (signed,) = world.participant(READER).contracts.trusted()
    name, now = signed.contract.name, now_ms()
    period = quarter_of(now)
    store = world.store(READER)
    with store.transaction() as tx:
        note_too_large(tx, sent_counts_name(name, period), now)
    store.close()
    (found,) = status(cli, world, READER, "--json").json["too_large"]
    said = (found["statement"], found["agreement"], found["period"])
    assert said == ("counts", name, period.name)
    assert f"counts of {name} {period.name}" in status(cli, world).text


def test_alarms_are_shown_with_the_agency_that_they_are_about(cli, world) -> None:
    tallies = Tallies()
    tallies.add("alarm", "gap", SENDER)
    tallies.add("alarm", "gap", SENDER)
    store = world.store(READER)
    with store.transaction() as tx:
        tallies.keep(tx, now_ms())
    store.close()
    (alarm,) = status(cli, world, READER, "--json").json["alarms"]
    assert (alarm["code"], alarm["agency"], alarm["count"]) == ("gap", SENDER, 2)
    assert "ALARMS SO FAR" in status(cli, world).text


def test_heartbeats_that_were_heard(cli, world, clock) -> None:
    store = world.store(READER)
    with store.transaction() as tx:
        tx.heads.save(HeadsRow(SENDER, now_ms(), 0, b""))
    store.close()
    heard = {one["agency"]: one for one in status(cli, world, READER, "--json").json["heartbeats"]}
    assert heard[SENDER]["silent"] is False
    clock(4 * 60_000)
    heard = {one["agency"]: one for one in status(cli, world, READER, "--json").json["heartbeats"]}
    assert heard[SENDER]["silent"] is True


def test_a_manifest_that_has_not_come_and_a_registry_that_differs(cli, world, clock) -> None:
    (signed,) = world.participant(READER).contracts.trusted()
    now = now_ms()
    row = NamedManifestRow(
        SENDER,
        now,
        now,
        b"m" * 32,
        now,
        signed.hash,
        b"o" * 32,
        b"t" * 32,
        now - 11 * 60_000,
        now,
    )
    store = world.store(READER)
    with store.transaction() as tx:
        tx.heads.name(row)
    store.close()
    found = status(cli, world, READER, "--json").json
    assert found["manifests_not_received"] == []  # not yet ten seconds
    clock(10_000)
    found = status(cli, world, READER, "--json").json
    (missing,) = found["manifests_not_received"]
    assert (missing["agency"], missing["sha256"]) == (SENDER, (b"m" * 32).hex())
    (differs,) = found["registry_differs"]
    assert (differs["agency"], differs["ours"], differs["theirs"]) == (
        SENDER,
        (b"o" * 32).hex(),
        (b"t" * 32).hex(),
    )
    assert set(differs["delegations"]) == {one.id for one in signed.contract.parties}
    text = status(cli, world).text
    assert (b"o" * 32).hex() in text
    assert (b"t" * 32).hex() in text
    checks = cli("doctor", "--agency", world.directory(READER), "--offline", "--json").json
    codes = {one.get("code") for one in checks["checks"] if one["name"] == "newest"}
    assert codes == {"manifest_not_received", "registry_differs"}


def test_an_expired_contract_and_a_suspension_are_states_and_not_errors(cli, world, clock) -> None:
    world.state_of(READER)
    folder = world.directory(READER)
    assert cli("contract", "suspend", "--agency", folder, "--reason", "dpia_review").code == 0
    (contract,) = status(cli, world, READER, "--json").json["contracts"]
    assert contract["state"] == "suspended"
    assert contract["departed"] == {READER: "suspended"}
    clock(400 * DAY)
    assert status(cli, world).code == 0


def test_without_an_agency_it_is_a_usage_error(cli) -> None:
    assert cli("status").code == 2
    assert cli("status", "release").code == 2


# --- release -------------------------------------------------------------------------------------


def test_a_contradiction_stops_and_says_what_to_do(cli, world, forked) -> None:
    done = status(cli, world)
    assert done.code == 0
    assert "stopped" in done.text
    assert "1 contradictions" in done.text
    assert f"concordant status release {SENDER} {forked.topic} {forked.partition}" in done.err
    found = status(cli, world, READER, "--json").json
    assert found["received"][0]["stopped"] is True
    assert found["evidence"] == 1
    assert [(one["agency"], one["reason"]) for one in found["waiting"]] == [
        (SENDER, "equivocation")
    ]


def test_until_it_is_released_nothing_of_that_sender_is_taken(cli, world, forked) -> None:
    world.receive(READER, forked)
    assert status(cli, world, READER, "--json").json["inbox"]["undelivered"] == 2


def test_released_it_goes_on_after_the_record_that_contradicted(cli, world, forked) -> None:
    done = release(cli, world, SENDER, forked.topic, forked.partition)
    assert done.code == 0, done.err
    found = status(cli, world, READER, "--json").json
    assert found["received"][0]["stopped"] is False
    assert found["waiting"] == []
    assert found["evidence"] == 1  # kept for ever
    store = world.store(READER)
    with store.reading() as tx:
        assert tx.reader.position(forked.kafka_partition) == forked.offset
    store.close()
    world.receive(READER, forked)
    found = status(cli, world, READER, "--json").json
    assert found["inbox"]["undelivered"] == 3
    assert found["received"][0]["gaps"] == []


def test_a_release_leaves_what_others_wait_for(cli, world, forked) -> None:
    store = world.store(READER)
    with store.transaction() as tx:
        tx.reader.defer(
            Place("cps-london", forked.topic, forked.partition), 0, "key_unknown", now_ms()
        )
        tx.reader.save_position(forked.kafka_partition, 0)
    store.close()
    assert release(cli, world, SENDER, forked.topic, forked.partition).code == 0
    store = world.store(READER)
    with store.reading() as tx:
        assert tx.reader.position(forked.kafka_partition) == 0
        (waiting,) = tx.reader.deferred(forked.kafka_partition)
        assert waiting.agency == "cps-london"


def test_releasing_what_is_not_stopped_is_an_answer_of_no(cli, world, forked) -> None:
    place = (SENDER, forked.topic, forked.partition)
    assert release(cli, world, *place).code == 0
    again = release(cli, world, *place)
    assert (again.code, again.out) == (1, b"")
    assert again.err
    release(cli, world, "nobody", "no.topic", 0).require_failure("agency_unknown", 2)


def test_a_partition_that_kafka_cannot_have_is_wrong_usage(cli, world) -> None:
    world.state_of(READER)
    for partition in (2**31, 2**70, "x"):
        assert release(cli, world, SENDER, "topic", partition).code == 2


def test_a_file_in_the_place_of_the_agencys_folder_is_wrong_usage(cli, world) -> None:
    file = world.directory(READER) / "agency.toml"
    for command in (("status",), ("keys", "list"), ("event", "types"), ("contract", "lint")):
        done = cli(*command, "--agency", file)
        assert (done.code, done.out) == (2, b"")
        assert "is a file" in done.err


def test_a_running_adapter_must_be_stopped_first(cli, world, forked) -> None:
    with exclusive(world.directory(READER) / "state" / "adapter.lock"):
        done = release(cli, world, SENDER, forked.topic, forked.partition)
    assert (done.code, done.out) == (3, b"")
    assert "already_running" in done.err
    assert status(cli, world, READER, "--json").json["received"][0]["stopped"] is True
