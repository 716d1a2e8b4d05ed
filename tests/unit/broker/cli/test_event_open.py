"""`event open` and `event verify`: what each record of a file says, judged on its own."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from adapters.trial_agencies import london_agencies
from adapters.trial_partnership import create_partnership
from broker.agency.account import label, login_name
from broker.agency.participant import load_participant
from broker.audit.entries import parse_log_entry
from broker.clock import now_ms
from broker.keys.instant import format_instant
from broker.store.database import open_store
from contracts.loading import shipped_terms
from tests.support.manifest_files import newest_manifest_file
from tests.support.words import flatten, leaves

READERS = ("council-camden", "council-lewisham", "csu-lewisham", "haven-support", "lantern-centre")


@pytest.fixture(scope="module")
def event(cli, made: Path) -> dict[str, Any]:
    done = cli("event", "example", "referral.made", "--agency", made / "csu-camden")
    return done.jsonl[0]


@pytest.fixture(scope="module")
def records(cli, made: Path, event, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Six records of one stream, sealed in two calls: two batches."""
    sender = tmp_path_factory.mktemp("sender") / "csu-camden"
    shutil.copytree(made / "csu-camden", sender)
    line = json.dumps(event).encode() + b"\n"
    sealed = [cli("event", "seal", "--agency", sender, stdin=line * 3) for _ in range(2)]
    assert [done.code for done in sealed] == [0, 0]
    return [line for done in sealed for line in done.out.splitlines(keepends=True)]


def opened(cli, root: Path, agency: str, *records: bytes):
    return cli("event", "open", "--agency", root / agency, stdin=b"".join(records))


def verified(cli, root: Path, agency: str, *records: bytes):
    return cli("event", "verify", "--agency", root / agency, stdin=b"".join(records))


def changed(record: bytes, **changes: Any) -> bytes:
    return json.dumps({**json.loads(record), **changes}).encode() + b"\n"


def with_headers(record: bytes, **changes: Any) -> bytes:
    headers = {**json.loads(record)["headers"], **changes}
    return changed(record, headers={k: v for k, v in headers.items() if v is not ...})


def with_bit_flipped(record: bytes, at: int) -> bytes:
    value = bytearray(base64.b64decode(json.loads(record)["value"]))
    value[at] ^= 1
    return changed(record, value=base64.b64encode(bytes(value)).decode())


# --- what is opened ------------------------------------------------------------------------------


@pytest.mark.parametrize("agency", READERS)
def test_a_reader_gets_exactly_the_granted_leaves_that_were_sent(
    cli, root: Path, event, records, agency: str
) -> None:
    done = opened(cli, root, agency, records[0])
    assert done.code == 0
    (line,) = done.jsonl
    assert list(line) == ["id", "type", "source", "time", "data", "withheld"]
    assert (line["type"], line["source"]) == ("referral.made", "csu-camden")
    contract = load_participant(root / agency, now_ms()).contract_in_force(now_ms()).contract
    role = contract.role_of[agency]
    fields = contract.event_types["referral.made"].fields
    granted = {path for path, field in fields.items() if role in field.readers}
    sent = flatten("referral.made", event["data"])
    assert flatten("referral.made", line["data"]) == {
        path: value for path, value in sent.items() if path in granted
    }
    assert line["withheld"] == sorted(set(leaves("referral.made")) - granted)


def test_two_readers_of_one_record_read_it_differently(cli, root: Path, records) -> None:
    views = {
        json.dumps(opened(cli, root, agency, records[0]).jsonl[0]["data"], sort_keys=True)
        for agency in READERS
    }
    assert len(views) >= 2


def test_withheld_is_the_contracts_word_whether_or_not_a_field_was_sent(
    cli, root: Path, event
) -> None:
    event = json.loads(json.dumps(event))
    event["data"]["incident"].pop("narrative")
    event["data"].pop("intelligence")
    stdin = json.dumps(event).encode() + b"\n"
    sealed = cli("event", "seal", "--agency", root / "csu-camden", stdin=stdin)
    done = opened(cli, root, "council-camden", sealed.out)
    assert "incident.narrative" in done.jsonl[0]["withheld"]
    assert "intelligence.source_grade" in done.jsonl[0]["withheld"]


def test_absent_fields_stay_absent(cli, root: Path, event) -> None:
    event = json.loads(json.dumps(event))
    event["data"]["victim"] = {"name": "Zephyrine Quillfeather"}
    del event["data"]["alleged_perpetrators"]
    stdin = json.dumps(event).encode() + b"\n"
    sealed = cli("event", "seal", "--agency", root / "csu-camden", stdin=stdin)
    assert sealed.code == 0
    data = opened(cli, root, "council-camden", sealed.out).jsonl[0]["data"]
    assert data["victim"] == {"name": "Zephyrine Quillfeather"}
    assert "alleged_perpetrators" not in data


def test_events_of_this_agency_and_for_other_agencies_are_not_addressed(
    cli, root: Path, records
) -> None:
    for agency in ("cps-london", "csu-camden"):
        done = opened(cli, root, agency, *records)
        assert done.code == 0
        assert done.jsonl == [{"not_addressed": True}] * 6


def test_the_same_record_again_is_a_repeat(cli, root: Path, records) -> None:
    done = opened(cli, root, "council-camden", records[0], records[0], records[1], records[0])
    assert done.code == 0
    assert [set(line) == {"repeat"} for line in done.jsonl] == [False, True, False, True]


def test_a_record_after_missing_ones_names_the_gap(cli, root: Path, records) -> None:
    done = opened(cli, root, "council-camden", records[0], records[4], records[5])
    assert done.code == 4
    assert done.jsonl[1]["gap"] == [1, 3]
    assert "data" in done.jsonl[1]
    assert "gap" not in done.jsonl[2]


def test_a_gap_is_named_to_those_not_addressed_and_to_a_verifier_too(
    cli, root: Path, records
) -> None:
    seen = opened(cli, root, "cps-london", records[0], records[2])
    assert (seen.code, seen.jsonl[1]) == (4, {"not_addressed": True, "gap": [1, 1]})
    checked = verified(cli, root, "cps-london", records[0], records[2])
    assert checked.code == 4
    assert checked.jsonl[1]["gap"] == [1, 1]


def test_missing_ones_that_come_later_are_opened(cli, root: Path, records) -> None:
    done = opened(cli, root, "council-camden", records[0], records[2], records[1])
    assert ["data" in line for line in done.jsonl] == [True, True, True]


def test_any_index_starts_a_stream_and_a_missing_tail_is_no_gap(cli, root: Path, records) -> None:
    done = opened(cli, root, "council-camden", records[3], records[4])
    assert done.code == 0
    assert all("gap" not in line for line in done.jsonl)


def test_a_file_is_judged_on_its_own_every_time(cli, root: Path, records) -> None:
    first = opened(cli, root, "council-camden", *records)
    again = opened(cli, root, "council-camden", *records)
    assert first.code == again.code == 0
    assert first.out == again.out


def test_no_stream_and_no_inbox_state_is_written(cli, root: Path, records) -> None:
    opened(cli, root, "council-camden", *records)
    participant = load_participant(root / "council-camden", now_ms())
    store = open_store(participant.path(participant.config.state.database))
    with store.reading() as tx:
        assert tx.reader.state_heads() == []
        counts = tx.inbox.counts()
        assert (counts.undelivered, counts.delivered) == (0, 0)
        assert tx.referrals.open() == []
        assert tx.quarantine.count() == 0


# --- consultations -------------------------------------------------------------------------------


def test_each_opened_event_is_one_consultation_in_the_log(cli, root: Path, records) -> None:
    opened(cli, root, "council-camden", *records[:3], records[0], b"rubbish\n")
    log = cli("log", "verify", "--agency", root / "council-camden", "--json").json
    assert log["entries"] == 3
    case = "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38"
    shown = cli("log", "show", "--agency", root / "council-camden", "--case", case, "--json").json
    assert {one["kind"] for one in shown["received"]} == {"consultation"}
    assert {one["recipient"] for one in shown["received"]} == {"council-camden"}
    assert {one["source"] for one in shown["received"]} == {"csu-camden"}


def test_the_given_name_of_the_reader_is_in_the_log(cli, root: Path, records) -> None:
    folder = root / "council-camden"
    done = cli("event", "open", "--agency", folder, "--operator", "a.n.other", stdin=records[0])
    assert done.code == 0
    participant = load_participant(folder, now_ms())
    store = open_store(participant.path(participant.config.state.database))
    with store.reading() as tx:
        entry = parse_log_entry(tx.disclosures.read(0, 1)[0].entry)
    assert entry.acting_for == "a.n.other"
    assert entry.operator == label(login_name()), "the login name is not replaced"


def test_an_unopened_event_is_not_a_consultation(cli, root: Path, records) -> None:
    opened(cli, root, "cps-london", *records)
    verified(cli, root, "cps-london", *records)
    open_store(root / "cps-london" / "state" / "concordant.db").close()
    assert cli("log", "verify", "--agency", root / "cps-london", "--json").json["entries"] == 0


def test_verifying_makes_no_state_even_where_a_receipt_is_asked_for(
    cli, root: Path, records
) -> None:
    since = format_instant(now_ms() - 60_000)
    everything = ("--all", "--since", since, "--reason", "lost")
    assert cli("keys", "revoke", *everything, "--agency", root / "csu-camden").code == 0
    name = newest_manifest_file(root / "csu-camden", "csu-camden").name
    shutil.copy(root / "csu-camden" / "manifests" / name, root / "cps-london" / "manifests" / name)
    done = verified(cli, root, "cps-london", *records)
    assert {one["refused"] for one in done.jsonl} == {"key_revoked"}
    assert not list((root / "cps-london").rglob("*.db"))


# --- verify --------------------------------------------------------------------------------------


def test_verify_says_origin_and_index_with_public_material_only(cli, root: Path, records) -> None:
    folder = root / "haven-support"
    shutil.rmtree(folder / "keys")
    (folder / "passphrase").unlink()
    done = verified(cli, root, "haven-support", *records)
    assert done.code == 0
    assert all(list(line) == ["verified", "origin", "index"] for line in done.jsonl)
    assert [line["index"] for line in done.jsonl] == list(range(6))
    deployment, agency, topic, partition, generation = done.jsonl[0]["origin"].split("/")
    record = json.loads(records[0])
    assert (deployment, agency) == ("pan-london", "csu-camden")
    assert (topic, int(partition)) == (record["topic"], record["partition"])
    assert len(generation) == 16 + 1 + 32


def test_a_repeat_verifies_again(cli, root: Path, records) -> None:
    done = verified(cli, root, "cps-london", records[1], records[1])
    assert done.code == 0
    assert [line["index"] for line in done.jsonl] == [1, 1]


# --- what is refused -----------------------------------------------------------------------------


def refusals(records: list[bytes]) -> list[tuple[bytes, int, str]]:
    record = records[1]
    parsed = json.loads(record)
    proof = parsed["headers"]["proof"]
    other = json.loads(records[4])["headers"]["proof"]
    head, _, signature = proof.rstrip("\n").rpartition("\n")
    name, _, encoded = signature.rpartition(" ")
    forged = bytearray(base64.b64decode(encoded))
    forged[-1] ^= 1
    broken = f"{head}\n{name} {base64.b64encode(bytes(forged)).decode()}\n"
    return [
        (b"rubbish\n", 0, "record_malformed"),
        (b"{}\n", 0, "record_malformed"),
        (b"\n", 0, "record_malformed"),
        (b"\x80\x81\n", 0, "record_malformed"),
        (record[: len(record) // 2] + b"\n", 0, "record_malformed"),
        (changed(record, more=1), 0, "record_malformed"),
        (changed(record, partition="1"), 0, "record_malformed"),
        (changed(record, value="%%%"), 0, "record_malformed"),
        (changed(record, value=None), 0, "value_missing"),
        (changed(record, value=base64.b64encode(bytes(300_000)).decode()), 0, "value_too_large"),
        (with_headers(record, proof=...), 0, "headers_wrong"),
        (with_headers(record, proof=None), 0, "headers_wrong"),
        (with_headers(record, **{"content-type": ...}), 0, "headers_wrong"),
        (with_headers(record, **{"content-type": "text/plain"}), 0, "content_type_unknown"),
        (with_headers(record, proof="x" * 5000), 0, "proof_too_large"),
        (with_headers(record, proof="x"), 1, "proof_malformed"),
        (with_headers(record, proof=proof + "\n"), 1, "proof_malformed"),
        (with_headers(record, proof=proof.replace("index 1", "index 01")), 1, "proof_malformed"),
        (changed(record, topic=parsed["topic"].replace(".a.", ".b.")), 1, "origin_wrong"),
        (changed(record, partition=(parsed["partition"] + 1) % 6), 1, "origin_wrong"),
        (with_headers(record, proof=broken), 2, "signature_wrong"),
        (with_bit_flipped(record, -1), 3, "not_included"),
        (with_bit_flipped(record, 0), 3, "not_included"),
        (with_headers(record, proof=other), 3, "not_included"),
    ]


def test_a_failure_at_the_first_steps_is_refused_with_its_step_and_code(
    cli, root: Path, records
) -> None:
    cases = refusals(records)
    stdin = b"".join(line for line, _, _ in cases)
    for command in ("open", "verify"):
        done = cli("event", command, "--agency", root / "council-camden", stdin=stdin)
        assert done.code == 4
        assert done.jsonl == [{"refused": code, "step": step} for _, step, code in cases]


def test_a_header_twice_is_refused(cli, root: Path, records) -> None:
    doubled = records[0].replace(b'"headers":{', b'"headers":{"proof":"x",', 1)
    assert opened(cli, root, "council-camden", doubled).jsonl == [
        {"refused": "headers_wrong", "step": 0}
    ]


def test_other_headers_are_ignored(cli, root: Path, records) -> None:
    done = opened(cli, root, "council-camden", with_headers(records[0], traceparent="00-1-2-3"))
    assert done.code == 0
    assert "data" in done.jsonl[0]


def test_a_refused_record_moves_nothing_and_the_others_open(cli, root: Path, records) -> None:
    altered = with_bit_flipped(records[1], 60)
    done = opened(cli, root, "council-camden", records[0], altered, records[1], records[2])
    assert done.code == 4
    assert ["data" in line for line in done.jsonl] == [True, False, True, True]
    assert not any("gap" in line for line in done.jsonl)


def test_a_file_of_another_partnership_is_refused(cli, foreign: Path, records) -> None:
    done = opened(cli, foreign, "council-camden", records[0])
    assert done.code == 4
    assert done.jsonl[0] == {"refused": "key_unknown", "step": 2}


def test_a_forked_stream_is_stopped(cli, root: Path, event, tmp_path: Path) -> None:
    line = json.dumps(event).encode() + b"\n"
    sender, copy = root / "csu-camden", tmp_path / "copy"
    first = cli("event", "seal", "--agency", sender, stdin=line)
    shutil.copytree(sender, copy)
    one = cli("event", "seal", "--agency", sender, stdin=line).out
    two = cli("event", "seal", "--agency", copy, stdin=line).out
    done = opened(cli, root, "council-camden", first.out, one, two, one)
    assert done.code == 4
    assert ["data" in answer for answer in done.jsonl] == [True, True, False, False]
    assert done.jsonl[2]["step"] == done.jsonl[3]["step"] == 4
    assert done.jsonl[3]["refused"] == "stream_stopped"


@pytest.mark.parametrize("command", ["open", "verify"])
def test_a_file_without_any_record_is_told_once(
    cli, root: Path, sealed: bytes, tmp_path: Path, command: str
) -> None:
    agency = ("--agency", root / "council-camden")
    file = tmp_path / "letter.txt"
    file.write_bytes(b"Dear Madam,\nplease call.\n")
    done = cli("event", command, file, *agency)
    assert (done.code, len(done.jsonl)) == (4, 2)
    assert done.err.count("record_malformed") == 1
    assert "letter.txt" in done.err
    file.write_bytes(b"rubbish\n" + sealed)
    assert "record_malformed" not in cli("event", command, file, *agency).err


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The police and a council; the agreement asks people of the council for a reason."""
    plans = [one for one in london_agencies() if one.id in ("csu-camden", "council-camden")]
    root = tmp_path_factory.mktemp("asking") / "partnership"
    terms = f"{shipped_terms()}\nreason_asked_of: [council]\n"
    create_partnership(root, now_ms(), agencies=plans, terms=terms)
    return root


def test_no_event_is_opened_without_the_reason_that_the_agreement_asks_for(
    cli, asking: Path
) -> None:
    sender = ("--agency", asking / "csu-camden")
    example = cli("event", "example", "referral.made", *sender).out
    record = cli("event", "seal", *sender, stdin=example).out
    command = ("event", "open", "--agency", asking / "council-camden")
    for why in ((), ("--reason", "I want to"), ("--reason", "other")):
        refused = cli(*command, *why, stdin=record)
        refused.require_failure("consultation_reason_required", 2)
        assert refused.out == b""
    for why in ("audit", "other: visit of the inspectorate"):
        assert "data" in cli(*command, "--reason", why, stdin=record).jsonl[0]
    shown = cli("log", "show", "--agency", asking / "council-camden", "--json").json["entries"]
    looks = [(one["code"], one["reason_text"]) for one in shown if one["event"]]
    assert looks == [("audit", ""), ("other", "visit of the inspectorate")]


@pytest.mark.parametrize("command", ["open", "verify"])
def test_the_encoding_of_lines_has_one_rule_for_all_commands(
    cli, root: Path, sealed: bytes, command: str
) -> None:
    def run(stdin: bytes) -> list[dict[str, object]]:
        return cli("event", command, "--agency", root / "council-camden", stdin=stdin).jsonl

    mark = b"\xef\xbb\xbf"
    plain = run(sealed)
    assert not any("refused" in line for line in plain)
    assert run(mark + sealed) == plain
    first, second = sealed.splitlines(keepends=True)
    assert ["refused" in line for line in run(first + mark + second)] == [False, True]
    for encoding in ("utf-16", "utf-16-be"):
        answers = run(sealed.decode().encode(encoding))
        assert {line["refused"] for line in answers} == {"record_malformed"}
