"""`log verify` and `log show`: who received a field, from a log that was verified first."""

from __future__ import annotations

import csv
import io
import sqlite3
from pathlib import Path

import pytest

from broker.agency.account import label, login_name
from broker.agency.participant import Participant, load_participant
from broker.audit.log import log_origin, sign_head
from broker.clock import now_ms
from broker.sending.publishing import Publisher
from broker.sending.sealing_context import event_sealer
from broker.statements.authorship import cosigner
from broker.store.database import open_store
from broker.store.reader_rows import HeadsRow
from broker.tlog.cosignature import signed_checkpoint
from contracts.errors import EventError
from contracts.events import PlainEvent

SENDER, READER = "csu-camden", "council-camden"
CASE = "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38"


def publish(world, cli, count: int = 2, **leaves) -> Participant:
    """As the sender's adapter does: outbox and log entry in one transaction."""
    participant = world.participant(SENDER)
    publisher = Publisher(event_sealer(participant))
    store = world.store(SENDER)
    for number in range(count):
        event = world.event(cli, SENDER, "case.updated", **leaves)
        plain = PlainEvent(event["type"], tuple(event["recipients"]), event["data"])
        with store.transaction() as tx:
            publisher.publish(tx, plain, now_ms() + number)
    store.close()
    return participant


def sign(world, agency: str = SENDER, key_of: str = SENDER) -> None:
    participant, signer_of = world.participant(agency), world.participant(key_of)
    note_signer = cosigner(participant.key_name, signer_of.stream_signer(now_ms()))
    store = world.store(agency)
    with store.transaction() as tx:
        origin = log_origin(participant.deployment, agency)
        sign_head(tx, origin, lambda at, head: signed_checkpoint(note_signer, at, head), now_ms())
    store.close()


def alter(world, statement: str, agency: str = SENDER) -> None:
    with sqlite3.connect(world.directory(agency) / "state" / "concordant.db") as database:
        assert database.execute(statement).rowcount > 0


def verify(cli, world, *more: str):
    return cli("log", "verify", "--agency", world.directory(SENDER), *more)


# --- verify --------------------------------------------------------------------------------------


def test_an_empty_log_verifies(cli, world) -> None:
    world.state_of(SENDER)
    done = verify(cli, world, "--json")
    assert done.code == 0
    assert (done.json["verified"], done.json["entries"], done.json["signed"]) == (True, 0, 0)


def test_a_log_verifies_without_a_passphrase(cli, world) -> None:
    publish(world, cli)
    sign(world)
    (world.directory(SENDER) / "passphrase").unlink()
    done = verify(cli, world, "--json")
    assert done.code == 0
    assert (done.json["entries"], done.json["signed"]) == (2, 2)
    assert "2 entries; 2 entries covered" in verify(cli, world).text


def test_an_unsigned_head_is_reported(cli, world) -> None:
    publish(world, cli)
    sign(world)
    publish(world, cli)
    done = verify(cli, world)
    assert done.code == 4
    assert "verified" not in done.text
    answer = verify(cli, world, "--json")
    assert (answer.code, answer.json["code"]) == (4, "log_not_signed")
    assert (answer.json["verified"], answer.json["not_signed"]) == (False, [2, 3])
    sign(world)  # as the next heartbeat does
    assert verify(cli, world).code == 0


@pytest.mark.parametrize(
    ("statement", "code", "index"),
    [
        (
            "update disclosures set entry = cast(replace(entry, 'csu', 'cps') as blob) "
            "where idx = 1",
            "log_entry_altered",
            1,
        ),
        ("update disclosures set leaf = zeroblob(32) where idx = 0", "log_entry_altered", 0),
        ("update disclosures set time_ms = time_ms + 1 where idx = 2", "log_entry_altered", 2),
        ("delete from disclosures where idx = 1", "log_entry_missing", 1),
        ("delete from disclosures where idx = 2", "log_entry_missing", 2),
        (
            "update disclosure_checkpoints set root = zeroblob(32)",
            "log_checkpoint_invalid",
            None,
        ),
    ],
)
def test_an_altered_log_is_an_answer_of_no(
    cli, world, statement: str, code: str, index: int | None
) -> None:
    publish(world, cli, 3)
    sign(world)
    alter(world, statement)
    done = verify(cli, world, "--json")
    assert done.code == 1
    assert done.json["verified"] is False
    assert done.json["code"] == code
    assert done.json["index"] == index
    text = verify(cli, world)
    assert text.code == 1
    assert text.text.startswith("altered: ")
    assert "to do: " in text.err
    shown = cli("log", "show", "--agency", world.directory(SENDER), "--case", CASE)
    assert (shown.code, shown.out) == (1, b"")


def test_csv_has_a_row_for_each_field_with_its_purpose_and_basis(cli, world) -> None:
    publish(world, cli, count=1)
    sign(world)
    command = ("log", "show", "--agency", world.directory(SENDER), "--case", CASE, "--csv")
    rows = list(csv.DictReader(io.StringIO(cli(*command).out.decode())))
    assert READER in {row["recipient"] for row in rows}
    for row in rows:
        assert row["clause"]
        assert row["purposes"]
        assert row["legal basis"]


def test_entries_of_one_recipient(cli, world) -> None:
    publish(world, cli, count=1)
    sign(world)
    command = ("log", "show", "--agency", world.directory(SENDER), "--json", "--recipient")
    shown = cli(*command, READER).json["entries"]
    assert [one["kind"] for one in shown] == ["disclosure"]
    assert cli(*command, SENDER).json["entries"] == []
    assert "agency_unknown" in cli(*command, "stranger").err


def test_a_head_signed_by_another_key_is_not_believed(cli, world) -> None:
    publish(world, cli)
    sign(world, key_of=READER)
    done = verify(cli, world, "--json")
    assert (done.code, done.json["code"]) == (1, "log_checkpoint_invalid")


def test_a_log_cut_below_what_our_own_heartbeat_said_is_noticed(cli, world) -> None:
    publish(world, cli, 3)
    store = world.store(SENDER)
    with store.transaction() as tx:
        tx.heads.save(HeadsRow(SENDER, now_ms(), 9, b"\xab" * 32))
    store.close()
    done = verify(cli, world, "--json")
    assert (done.code, done.json["code"]) == (1, "log_entry_missing")


def test_an_entry_holds_no_value(cli, world) -> None:
    publish(world, cli)
    participant = load_participant(world.directory(SENDER), now_ms())
    store = open_store(participant.path(participant.config.state.database))
    with store.reading() as tx:
        kept = b"".join(row.entry for row in tx.disclosures.read(0, 10))
    for value in (b"Zephyrine", b"Quillfeather", CASE.encode(), b"1991-04-17"):
        assert value not in kept


# --- show ----------------------------------------------------------------------------------------


def show(cli, world, *more: str, agency: str = SENDER, case: str = CASE):
    return cli("log", "show", "--agency", world.directory(agency), "--case", case, *more)


def test_recipients_of_a_field_with_time_and_clause_and_version(cli, world) -> None:
    participant = publish(world, cli, 1)
    sign(world)
    done = show(cli, world, "--field", "victim.name", "--json")
    assert done.code == 0
    signed = participant.contract_in_force(now_ms())
    fields = signed.contract.event_types["case.updated"].fields
    readers = {
        party.id
        for party in signed.contract.parties
        if party.role in fields["victim.name"].readers and party.id != SENDER
    }
    received = done.json["received"]
    assert {one["recipient"] for one in received} == readers
    for one in received:
        assert one["field"] == "victim.name"
        assert one["clause"] == fields["victim.name"].clause
        assert one["contract"] == "london-hate-crime 1.0.0"
        assert one["contract_sha256"] == signed.hash.hex()
        assert one["time"].endswith("Z")
    assert done.json["log"]["entries"] == 1
    (event,) = {one["event"] for one in received}
    assert event in show(cli, world).text
    assert event in cli("log", "show", "--agency", world.directory(SENDER)).text


def test_a_prefix_means_everything_below_it(cli, world) -> None:
    publish(world, cli, 1)
    below = {
        one["field"] for one in show(cli, world, "--field", "victim", "--json").json["received"]
    }
    assert len(below) > 1
    assert all(path.startswith("victim.") for path in below)
    every = {one["field"] for one in show(cli, world, "--json").json["received"]}
    assert below < every


def test_a_misspelt_field_is_an_error_and_not_an_empty_answer(cli, world) -> None:
    publish(world, cli, 1)
    for misspelt in ("vict", "victim.nam", "name", "Victim.name", "victim."):
        show(cli, world, "--field", misspelt).require_failure("field_unknown", 2)
    assert "victim.name" in show(cli, world, "--field", "victim.nam").err
    assert show(cli, world, "--field", "intelligence.source_grade").code == 1


def test_as_a_table_of_full_width(cli, world) -> None:
    publish(world, cli, 1)
    sign(world)
    done = show(cli, world, "--field", "victim.name")
    assert done.code == 0
    assert done.lines[0].split()[:4] == ["when", "received", "by", "field"]
    assert "london-hate-crime 1.0.0" in done.lines[1]
    assert "verified" in done.err


def test_our_own_reference_of_a_case_will_do(cli, world) -> None:
    publish(world, cli, 1)
    sign(world)
    store = world.store(SENDER)
    with store.transaction() as tx:
        tx.links.add("case", "EK/2025/0042", CASE)
    store.close()
    assert show(cli, world, case="EK/2025/0042").code == 0


def test_fields_left_out_are_shown_with_their_reason(cli, world) -> None:
    participant = world.participant(SENDER)
    publisher = Publisher(event_sealer(participant))
    event = world.event(cli, SENDER, "referral.made")
    event["data"]["consent"] = {"statistics": True}
    plain = PlainEvent(event["type"], tuple(event["recipients"]), event["data"])
    store = world.store(SENDER)
    with store.transaction() as tx:
        publisher.publish(tx, plain, now_ms())
    store.close()
    sign(world)
    done = show(cli, world, "--field", "victim.address", "--json")
    assert done.code == 0
    assert done.json["received"] == []
    assert {one["field"] for one in done.json["left_out"]} == {"victim.address"}
    assert "consent" in done.json["left_out"][0]["reason"]
    assert "left out" in show(cli, world, "--field", "victim.address").text


def test_nothing_about_a_case_is_an_answer_of_no(cli, world) -> None:
    publish(world, cli, 1)
    done = show(cli, world, case="00000000-0000-4000-8000-000000000000")
    assert done.code == 1
    assert done.err


def test_neither_an_id_nor_a_reference(cli, world) -> None:
    world.state_of(SENDER)
    done = show(cli, world, case="Quillfeather, Zephyrine")
    done.require_failure("case_unknown", 2)
    assert "Quillfeather" not in done.err


def test_finding_a_case_needs_the_agencys_secret(cli, world) -> None:
    publish(world, cli, 1)
    (world.directory(SENDER) / "passphrase").write_text("wrong")
    done = show(cli, world)
    assert (done.code, done.out) == (3, b"")
    assert "passphrase_wrong" in done.err


def test_into_a_file(cli, world, tmp_path: Path) -> None:
    publish(world, cli, 1)
    sign(world)
    done = show(cli, world, "--output", str(tmp_path / "answer.txt"))
    assert (done.code, done.out) == (0, b"")
    assert "victim.name" in (tmp_path / "answer.txt").read_text()


@pytest.mark.parametrize("command", ["verify", "show", "erase"])
def test_before_the_adapter_has_run_nothing_is_said_to_be_whole(cli, world, command: str) -> None:
    more = () if command == "verify" else ("--case", CASE)
    done = cli("log", command, "--agency", world.without_state(SENDER), *more)
    done.require_failure("state_missing")
    assert not list(world.directory(SENDER).rglob("*.db"))


def test_an_answer_that_no_signed_head_covers_is_not_called_verified(cli, world) -> None:
    publish(world, cli, 2)
    done = show(cli, world, "--json")
    assert (done.code, done.json["log"]["verified"]) == (4, False)
    assert done.json["log"]["not_signed"] == [0, 1]
    assert "verified" not in done.err
    later = show(cli, world, "--json")  # the reading before has had the head signed
    assert (later.code, later.json["log"]["verified"]) == (0, True)


# --- who looked, and why -------------------------------------------------------------------------


def test_reading_the_log_is_logged_with_who_why_and_the_filter(cli, world) -> None:
    publish(world, cli, 1)
    done = show(
        cli, world, "--field", "victim.name", "--operator", "dpo", "--reason", "complaint 17"
    )
    assert done.code in {0, 4}
    entries = show(cli, world, "--kind", "consultation", "--json").json["entries"]
    (read,) = entries
    assert read["about"] == "log"
    assert read["filter"] == {"field": "victim.name"}
    assert (read["operator"], read["acting_for"]) == (label(login_name()), "dpo")
    assert read["reason_text"] == "complaint 17"
    text = show(cli, world, "--kind", "consultation").text
    assert f"{label(login_name())} acting for dpo" in text
    assert "complaint 17" in text


def test_neither_the_case_nor_the_reason_is_in_clear_in_the_database(cli, world) -> None:
    publish(world, cli, 1)
    show(cli, world, "--reason", "because of Quillfeather")
    state = world.directory(SENDER) / "state"
    bytes_of_state = b"".join(path.read_bytes() for path in state.glob("concordant.db*"))
    assert b"Quillfeather" not in bytes_of_state
    assert CASE.encode() not in bytes_of_state


def test_a_reason_that_was_altered_is_found(cli, world) -> None:
    publish(world, cli, 1)
    show(cli, world, "--reason", "complaint 17")
    alter(world, "update log_reasons set sealed = zeroblob(40)")
    done = show(cli, world)
    done.require_failure("log_reason_altered", 1)


@pytest.mark.parametrize("text", ["", "x" * 201, "two\nlines", "hidden \u202e order"])
def test_a_reason_is_one_short_line(cli, world, text: str) -> None:
    publish(world, cli, 1)
    show(cli, world, "--reason", text).require_failure("reason_invalid", 2)


def test_a_kind_that_does_not_exist_is_wrong_usage(cli, world) -> None:
    world.state_of(SENDER)
    assert show(cli, world, "--kind", "gossip").code == 2


def test_a_time_that_is_none_is_wrong_input(cli, world) -> None:
    world.state_of(SENDER)
    show(cli, world, "--since", "yesterday").require_failure("moment_invalid", 2)
    reversed_span = show(cli, world, "--since", "2026-11-29", "--until", "2026-11-29")
    assert (reversed_span.code, reversed_span.out) == (2, b"")  # and not: the log has nothing


def test_entries_of_a_period(cli, world) -> None:
    publish(world, cli, 1)
    assert show(cli, world, "--since", "2020-01-01", "--kind", "disclosure").code in {0, 4}
    assert show(cli, world, "--until", "2020-01-01").code == 1


# --- refusals ------------------------------------------------------------------------------------


def test_refusals_say_what_was_refused_to_whom_why_and_under_which_clause(cli, world) -> None:
    participant = world.participant(SENDER)
    publisher = Publisher(event_sealer(participant))
    event = world.event(cli, SENDER, "referral.made", case_id=CASE)
    plain = PlainEvent(event["type"], ("cps-london",), event["data"])
    store = world.store(SENDER)
    with store.transaction() as tx, pytest.raises(EventError):
        publisher.publish(tx, plain, now_ms())
    store.close()
    publish(world, cli, 1)
    done = cli("log", "show", "--refusals", "--agency", world.directory(SENDER), "--json")
    assert done.code == 4
    (refusal,) = done.json["entries"]
    assert refusal["kind"] == "refusal"
    assert refusal["type"] == "referral.made"
    assert refusal["recipients"] == ["cps-london"]
    assert refusal["code"] == "recipient_not_permitted"
    assert refusal["clause"]
    of_case = show(cli, world, "--refusals", "--json").json["entries"]
    assert [one["code"] for one in of_case] == ["recipient_not_permitted"]
    table = cli("log", "show", "--refusals", "--agency", world.directory(SENDER))
    assert "recipient_not_permitted" in table.text
    assert table.code == 0, "the reading before has had the head signed"


def test_without_refusals_the_answer_is_no(cli, world) -> None:
    publish(world, cli, 1)
    done = cli("log", "show", "--refusals", "--agency", world.directory(SENDER))
    assert done.code == 1


# --- erase ---------------------------------------------------------------------------------------


def erase(cli, world, case: str = CASE):
    return cli("log", "erase", "--agency", world.directory(SENDER), "--case", case, "--json")


def archived(world) -> list[bool]:
    """Of each event that was published, by its place, whether its content is still there."""
    with sqlite3.connect(world.directory(SENDER) / "state" / "concordant.db") as database:
        rows = database.execute("SELECT value IS NOT NULL FROM outbox ORDER BY seq").fetchall()
    return [bool(held) for (held,) in rows]


def sent(world) -> None:
    """As if the relay had sent everything."""
    store = world.store(SENDER)
    with store.transaction() as tx:
        rows = tx.outbox.pending(100)
        tx.outbox.index([(row.seq, "g", at, b"l" * 32, b"p") for at, row in enumerate(rows)])
        tx.outbox.mark_sent([(row.seq, at, now_ms()) for at, row in enumerate(rows)])
    store.close()


def test_an_erased_case_leaves_leaf_hashes_and_an_entry(cli, world) -> None:
    publish(world, cli, 2, case_id=CASE)
    publish(world, cli, 1, case_id="9d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38")
    sent(world)
    done = erase(cli, world)
    assert (done.code, done.json["values"], done.json["payloads"]) == (0, 2, 0)
    assert done.json["facts"] == 2
    assert archived(world) == [False, False, True], "the other case is as it was"
    sign(world)
    assert verify(cli, world, "--json").json["entries"] == 4
    again = erase(cli, world)
    assert (again.code, again.json["values"]) == (1, 0)


def test_an_unsent_event_is_not_erased_and_named(cli, world) -> None:
    publish(world, cli, case_id=CASE)
    done = erase(cli, world)
    assert done.code == 4
    assert done.json["left"] == [{"what": "outbox", "why": "not_sent", "count": 2}]
    assert all(archived(world))


def test_an_unknown_case_cannot_be_erased(cli, world) -> None:
    publish(world, cli)
    erase(cli, world, "R-1").require_failure("case_unknown", 2)


def test_a_changed_setting_is_shown_with_the_person_who_ran_next(cli, world) -> None:
    world.state_of(SENDER)
    folder = world.directory(SENDER)
    show = ("log", "show", "--agency", folder, "--operator", "duty.officer", "--json")
    cli(*show)  # the first settings
    file = folder / "agency.toml"
    file.write_text(file.read_text().replace("inbox_days = 90", "inbox_days = 80"))
    assert [one for one in cli(*show).json["entries"] if one["kind"] == "setting"] == []
    (entry,) = [one for one in cli(*show).json["entries"] if one["kind"] == "setting"]
    assert (entry["settings"], entry["acting_for"]) == (["retention.inbox_days"], "duty.officer")
    assert entry["settings_before"] != entry["settings_after"]
    text = cli("log", "show", "--kind", "setting", "--agency", folder)
    assert "retention.inbox_days" in text.text
    assert cli("log", "verify", "--agency", folder).code == 0
