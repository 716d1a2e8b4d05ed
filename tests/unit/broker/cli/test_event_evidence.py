"""`event evidence`: shown by who holds the event, checked by anyone, for people and for scripts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from broker.cli import event_text
from broker.clock import now_ms
from broker.control.heartbeat_retention import keep_heard
from broker.control.own_statements import own_heartbeat
from broker.record import Record, format_record
from broker.sending.publishing import Publisher
from broker.sending.sealing_context import event_sealer
from broker.sending.streams import Stream, append, open_generation
from broker.statements.authorship import cosigner, require_both_authors
from broker.statements.heartbeats import Head, read_heartbeat
from broker.tlog.merkle import leaf_hash
from contracts.events import PlainEvent

SENDER, READER, OTHER = "csu-camden", "council-camden", "cps-london"
CASE = "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38"
LINKS = ["contract", "manifest", "stream key", "heartbeat", "head", "path", "event"]


def beat(world, *readers: str) -> None:
    """A heartbeat of the sender, heard by the readers."""
    participant, store = world.participant(SENDER), world.store(SENDER)
    with store.reading() as tx:
        rows = tx.streams.heads()
    heads = [Head(row.topic, row.partition, row.name, row.size, row.root) for row in rows]
    value = own_heartbeat(participant, store, heads, now_ms())
    store.close()
    note, stated = read_heartbeat(value, participant.deployment)
    key = require_both_authors(note, participant.manifests, SENDER, stated.time)
    for reader in readers:
        heard = world.store(reader)
        with heard.transaction() as tx:
            keep_heard(tx, stated, value, key)
        heard.close()


@pytest.fixture
def records(cli, world) -> list[Record]:
    """Three events of one case, opened by the reader; its last heartbeat covers them."""
    event = world.event(cli, SENDER, "case.updated", case_id=CASE)
    found = world.live(SENDER, event, event, event)
    world.receive(READER, *found)
    beat(world, READER)
    return found


def id_of(world, number: int = 0, agency: str = READER) -> str:
    store = world.store(agency)
    with store.reading() as tx:
        row = tx.inbox.undelivered(10)[number]
    store.close()
    return row.event_id


def show(cli, world, *more: object, agency: str = READER):
    return cli("event", "evidence", "--agency", world.directory(agency), *more)


@pytest.fixture
def file(cli, world, records, tmp_path: Path) -> Path:
    path = tmp_path / "evidence.json"
    done = show(cli, world, id_of(world, 1), "--out", path)
    assert (done.code, done.out, done.err) == (0, b"", "")
    return path


def test_it_is_one_json_document_in_a_pipe(cli, world, records) -> None:
    event = id_of(world)
    done = show(cli, world, event)
    assert done.code == 0
    (found,) = done.jsonl
    assert (found["event"], found["agency"], found["index"]) == (event, SENDER, 0)
    assert found["format"] == "concordant.evidence/v1"
    assert CASE not in done.text


def test_it_needs_no_passphrase(cli, world, records) -> None:
    event = id_of(world)
    (world.directory(READER) / "passphrase").unlink()
    assert show(cli, world, event).code == 0


def test_on_a_terminal_it_is_the_chain_in_words(
    cli, world, records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_text, "for_people", lambda: True)
    done = show(cli, world, id_of(world))
    assert done.code == 0
    head, *lines = done.lines
    assert head == f"event {id_of(world)} of {SENDER}"
    assert all(line.startswith("OK  ") for line in lines)
    assert [line[4:14].strip() for line in lines] == [*LINKS, "classical"]


def test_a_holder_of_the_event_checks_it_link_by_link(cli, world, file) -> None:
    done = show(cli, world, "--check", file)
    assert done.code == 0
    assert [line["link"] for line in done.jsonl] == [*LINKS, "classical"]
    assert all(line["ok"] for line in done.jsonl)


def test_a_check_without_the_event_needs_its_sealed_record(
    cli, world, records, file, tmp_path: Path
) -> None:
    alone = show(cli, world, "--check", file, agency=OTHER)
    assert alone.code == 1
    assert (alone.jsonl[-1]["link"], alone.jsonl[-1]["code"]) == ("event", "event_not_held")
    sealed = tmp_path / "records.jsonl"
    sealed.write_bytes(b"".join(format_record(one) + b"\n" for one in records))
    done = show(cli, world, "--check", file, "--record", sealed, agency=OTHER)
    assert done.code == 0
    assert done.jsonl[6]["ok"]


def test_another_record_is_not_the_one_of_which_it_speaks(
    cli, world, records, file, tmp_path: Path
) -> None:
    sealed = tmp_path / "records.jsonl"
    sealed.write_bytes(b"x\n" + format_record(records[0]) + b"\n")
    done = show(cli, world, "--check", file, "--record", sealed)
    assert (done.code, done.jsonl[-1]["code"]) == (1, "record_not_found")
    value = records[1].value
    assert value is not None
    altered = Record(records[1].topic, 0, (), value[:-1] + bytes((value[-1] ^ 1,)), 0)
    sealed.write_bytes(format_record(altered) + b"\n")
    done = show(cli, world, "--check", file, "--record", sealed)
    assert (done.code, done.jsonl[-1]["code"]) == (1, "leaf_wrong")


def test_evidence_of_another_event_than_it_names_is_found_out(cli, world, file) -> None:
    evidence = json.loads(file.read_bytes())
    evidence["event"] = id_of(world, 2)
    file.write_text(json.dumps(evidence))
    done = show(cli, world, "--check", file)
    assert (done.code, done.jsonl[-1]["code"]) == (1, "leaf_wrong")


def test_a_link_that_fails_is_the_last_and_says_why(
    cli, world, file, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = json.loads(file.read_bytes())
    evidence["head"]["root"] = "00" * 32
    file.write_text(json.dumps(evidence))
    done = show(cli, world, "--check", file)
    assert done.code == 1
    assert [line["ok"] for line in done.jsonl] == [True] * 4 + [False]
    assert done.jsonl[-1]["code"] == "head_unknown"
    monkeypatch.setattr(event_text, "for_people", lambda: True)
    words = show(cli, world, "--check", file)
    assert words.code == 1
    assert words.lines[-1].startswith("NO  head ")
    assert words.lines[-1].endswith("(head_unknown)")


def test_a_partnership_of_the_same_names_is_not_believed(cli, world, foreign, file) -> None:
    done = cli("event", "evidence", "--agency", foreign / READER, "--check", file)
    assert (done.code, done.jsonl[0]["code"]) == (1, "contract_unknown")


def test_an_event_that_is_newer_than_the_last_heartbeat(cli, world, records) -> None:
    event = world.event(cli, SENDER, "case.updated", case_id=CASE)
    world.receive(READER, *world.live(SENDER, event))
    done = show(cli, world, id_of(world, 3))
    assert (done.code, done.out) == (1, b"")
    done.require_failure("heartbeat_awaited", 1)
    beat(world, READER)
    assert show(cli, world, id_of(world, 3)).code == 0


def test_an_event_that_is_not_in_a_stream_yet(cli, world) -> None:
    publisher = Publisher(event_sealer(world.participant(SENDER)))
    plain = world.event(cli, SENDER, "case.updated")
    store = world.store(SENDER)
    with store.transaction() as tx:
        one = PlainEvent(plain["type"], tuple(plain["recipients"]), plain["data"])
        event = publisher.publish(tx, one, now_ms())
    store.close()
    done = show(cli, world, event, agency=SENDER)
    assert (done.code, done.out) == (1, b"")
    assert "event_not_sent" in done.err


def test_the_sender_may_be_named(cli, world, records) -> None:
    event = id_of(world)
    assert show(cli, world, event, "--source", SENDER).code == 0
    done = show(cli, world, event, "--source", OTHER)
    assert done.code == 1
    assert "event_unknown" in done.err


def test_invalid_or_unreadable_evidence(cli, world, tmp_path: Path) -> None:
    show(cli, world, "--check", tmp_path / "absent").require_failure("input_unreadable")
    wrong = tmp_path / "wrong"
    wrong.write_text('{"victim": "a name"}')
    done = show(cli, world, "--check", wrong)
    assert (done.code, done.out) == (1, b"")
    assert "evidence_malformed" in done.err
    assert "a name" not in done.err
    assert "concordant event evidence EVENT_ID --agency DIR --out FILE" in done.err


def test_without_a_state_nothing_is_said_to_be_unknown_and_none_is_made(
    cli, world, records, file, tmp_path: Path
) -> None:
    state = world.directory(READER) / "state" / "concordant.db"
    event = json.loads(file.read_bytes())["event"]
    for each in state.parent.glob("concordant.db*"):
        each.unlink()
    show(cli, world, event).require_failure("state_missing")
    alone = show(cli, world, "--check", file)
    assert (alone.code, alone.jsonl[-1]["code"]) == (1, "event_not_held")
    sealed = tmp_path / "records.jsonl"
    sealed.write_bytes(b"".join(format_record(one) + b"\n" for one in records))
    assert show(cli, world, "--check", file, "--record", sealed).code == 0
    assert not state.exists()


def test_a_file_that_cannot_be_written(cli, world, records, tmp_path: Path) -> None:
    done = show(cli, world, id_of(world), "--out", tmp_path / "absent" / "file")
    done.require_failure("output_unwritable")


@pytest.mark.parametrize("both", [True, False])
def test_either_an_event_or_a_file_is_asked_about(cli, world, both: bool, tmp_path: Path) -> None:
    more = (CASE, "--check", tmp_path / "x") if both else ()
    assert show(cli, world, *more).code == 2


@pytest.mark.parametrize("event", ["3f0c1a52", "evidence.json", ""])
def test_an_invalid_event_id_is_wrong_usage(cli, world, event: str) -> None:
    done = show(cli, world, event)
    assert (done.code, done.out) == (2, b"")
    assert "UUID" in done.err


def test_an_unknown_sender_is_wrong_input(cli, world, records) -> None:
    done = show(cli, world, id_of(world), "--source", "csu-camdem")
    done.require_failure("agency_unknown", 2)
    assert SENDER in done.err


def test_options_that_contradict_each_other_are_refused(cli, world, records, file) -> None:
    event = id_of(world)
    with_record = show(cli, world, event, "--record", file)
    assert (with_record.code, with_record.out) == (2, b"")
    assert "--record" in with_record.err
    with_source = show(cli, world, "--check", file, "--source", SENDER)
    assert (with_source.code, with_source.out) == (2, b"")
    assert "--source" in with_source.err


# --- the sealed record beside it -----------------------------------------------------------------


@pytest.fixture
def sent(cli, world) -> str:
    """An event in the sender's own archive, with its place in the stream; returns its id."""
    publisher = Publisher(event_sealer(world.participant(SENDER)))
    mine, plain = world.participant(SENDER), world.event(cli, SENDER, "case.updated")
    signer = cosigner(mine.key_name, mine.stream_signer(now_ms()))
    store = world.store(SENDER)
    with store.transaction() as tx:
        one = PlainEvent(plain["type"], tuple(plain["recipients"]), plain["data"])
        event = publisher.publish(tx, one, now_ms())
        (row,) = tx.outbox.pending(10)
        stream = Stream(mine.deployment, SENDER, row.topic, row.partition)
        opened = open_generation(stream, None, None, now_ms())
        assert row.value is not None
        grown, (place,) = append(stream, opened, [row.value], signer, now_ms())
        tx.streams.save(grown)
        leaf = leaf_hash(row.value)
        tx.outbox.index([(row.seq, grown.name, 0, leaf, place.proof)])
    store.close()
    beat(world, SENDER)
    assert isinstance(event, str)
    return event


def test_its_sender_hands_out_the_record_and_any_party_checks_both(
    cli, world, sent: str, tmp_path: Path
) -> None:
    evidence, record = tmp_path / "evidence.json", tmp_path / "record.jsonl"
    done = show(cli, world, sent, "--out", evidence, "--with-record", record, agency=SENDER)
    assert (done.code, done.out, done.err) == (0, b"", "")
    checked = show(cli, world, "--check", evidence, "--record", record, agency=OTHER)
    assert checked.code == 0
    assert all(line["ok"] for line in checked.jsonl)
    (verified,) = cli("event", "verify", "--agency", world.directory(OTHER), record).jsonl
    assert verified["verified"]
    assert "data" in cli("event", "open", "--agency", world.directory(READER), record).jsonl[0]


def test_an_event_with_erased_content_has_no_record_any_more(
    cli, world, sent: str, tmp_path: Path
) -> None:
    store = world.store(SENDER)
    with store.transaction() as tx:
        (row,) = tx.outbox.unsent()
        tx.outbox.mark_sent([(row.seq, 0, now_ms())])
        assert tx.outbox.forget_events([sent])
    store.close()
    record = tmp_path / "record.jsonl"
    done = show(cli, world, sent, "--with-record", record, agency=SENDER)
    assert (done.code, done.out) == (1, b"")
    assert "record_not_held" in done.err
    assert "record_not_held" in done.err
    assert not record.exists()
    assert show(cli, world, sent, agency=SENDER).code == 0  # the evidence needs its hash only


def test_the_receiver_of_an_event_has_no_record_to_hand_out(
    cli, world, records, tmp_path: Path
) -> None:
    record = tmp_path / "record.jsonl"
    done = show(cli, world, id_of(world), "--with-record", record)
    assert (done.code, done.out) == (1, b"")
    assert "record_not_held" in done.err
    assert f"Ask {SENDER}: concordant event evidence {id_of(world)} --agency DIR" in done.err
    assert not record.exists()


def test_a_record_is_written_of_an_event_and_not_of_a_check(
    cli, world, sent: str, tmp_path: Path
) -> None:
    both = show(cli, world, "--check", tmp_path / "x", "--with-record", tmp_path / "y")
    assert (both.code, both.out) == (2, b"")
    assert "--with-record" in both.err
    nowhere = show(cli, world, sent, "--with-record", tmp_path / "absent" / "y", agency=SENDER)
    nowhere.require_failure("output_unwritable")
