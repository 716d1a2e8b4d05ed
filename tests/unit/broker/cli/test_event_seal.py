"""`event seal`: one line for each line, in order, each a record or a refusal with its code."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest

from broker.agency.participant import load_participant
from broker.cli.lines import _lines
from broker.store.database import open_store


def plain(world, cli, **leaves: Any) -> dict[str, Any]:
    return world.event(cli, "csu-camden", "referral.made", **leaves)


def lines(*events: object) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def seal(cli, world, stdin: bytes, agency: str = "csu-camden"):
    return cli("event", "seal", "--agency", world.directory(agency), stdin=stdin)


def strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in items for text in strings(item)]


def places(cli, world, records: bytes) -> list[tuple[str, int]]:
    done = cli("event", "verify", "--agency", world.directory("cps-london"), stdin=records)
    assert done.code == 0, done.text
    return [(line["origin"], line["index"]) for line in done.jsonl]


def test_a_record_has_exactly_the_stated_form(cli, world) -> None:
    done = seal(cli, world, lines(plain(world, cli)))
    assert done.code == 0
    (record,) = done.jsonl
    assert list(record) == ["topic", "partition", "headers", "value"]
    assert set(record["headers"]) == {"content-type", "proof"}
    assert record["headers"]["content-type"] == "application/vnd.concordant.sealed"
    assert base64.b64decode(record["value"], validate=True)[0] == 1
    assert record["topic"].endswith(".trial")
    assert 0 <= record["partition"] < 6


def test_nothing_of_the_data_can_be_read_in_a_sealed_record(cli, world) -> None:
    for agency, event_type in (("csu-camden", "referral.made"), ("cps-london", "case.updated")):
        event = world.event(cli, agency, event_type)
        done = seal(cli, world, lines(event), agency)
        (record,) = done.jsonl
        seen = done.out + base64.b64decode(record["value"]) + json.dumps(record).encode()
        long = [text for text in strings(event["data"]) if len(text) >= 6]
        assert len(long) > 10
        for text in (*long, event_type, *event["recipients"]):
            assert text.encode() not in seen, text
            assert base64.b64encode(text.encode()).rstrip(b"=")[:-1] not in seen, text


def test_one_line_comes_out_for_each_line_in_order(cli, world) -> None:
    good = plain(world, cli)
    stdin = b"".join(
        [lines(good), b"not json\n", lines(good), b"\n", lines({**good, "recipients": []}), b"[]\n"]
    )
    done = seal(cli, world, stdin)
    assert done.code == 4
    refused = [line.get("refused") for line in done.jsonl]
    assert refused == [
        None,
        "event_malformed",
        None,
        "event_malformed",
        "recipients_invalid",
        "event_malformed",
    ]
    assert all(set(line) == {"refused", "detail"} for line in done.jsonl if "refused" in line)


def test_reads_a_file_as_it_reads_standard_input(cli, world, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(lines(plain(world, cli)))
    done = cli("event", "seal", "--agency", world.directory("csu-camden"), file)
    assert done.code == 0
    assert len(done.lines) == 1


@pytest.mark.parametrize("command", ["seal", "open", "verify"])
def test_empty_input_is_done(cli, world, command: str) -> None:
    done = cli("event", command, "--agency", world.directory("csu-camden"))
    assert (done.code, done.out, done.err) == (0, b"", "")


def test_each_line_is_a_new_event(cli, world) -> None:
    event = plain(world, cli)
    sealed = seal(cli, world, lines(event, event))
    assert sealed.code == 0
    opened = cli("event", "open", "--agency", world.directory("council-camden"), stdin=sealed.out)
    ids = [line["id"] for line in opened.jsonl]
    assert len(set(ids)) == 2


def test_all_lines_of_a_call_share_a_checkpoint(cli, world) -> None:
    event = plain(world, cli)
    done = seal(cli, world, lines(*[event] * 20))
    checkpoints = {line["headers"]["proof"].partition("\n\n")[2] for line in done.jsonl}
    assert len(checkpoints) == 1


def test_trial_streams_continue_from_call_to_call(cli, world) -> None:
    event = plain(world, cli)
    first = seal(cli, world, lines(event, event)).out
    second = seal(cli, world, lines(event)).out
    found = places(cli, world, first + second)
    assert [index for _, index in found] == [0, 1, 2]
    assert len({origin for origin, _ in found}) == 1


def test_trying_out_touches_no_live_stream_and_no_outbox(cli, world) -> None:
    assert seal(cli, world, lines(plain(world, cli))).code == 0
    participant = load_participant(world.directory("csu-camden"), 1_900_000_000_000)
    store = open_store(participant.path(participant.config.state.database))
    with store.reading() as tx:
        assert tx.streams.heads() == []
        assert len(tx.streams.heads(trial=True)) == 1
        counts = tx.outbox.counts()
        assert (counts.pending, counts.unsent, counts.sent) == (0, 0, 0)
        assert tx.referrals.open() == []
        assert tx.disclosures.size() == 0


@pytest.mark.parametrize(
    ("recipients", "code"),
    [
        ([], "recipients_invalid"),
        (["council-camden", "council-camden"], "recipients_invalid"),
        (["csu-camden"], "recipients_invalid"),
        (["council-camden", "csu-camden"], "recipients_invalid"),
        (["council-barnet"], "party_unknown"),
        (["council-camden", "council-barnet"], "party_unknown"),
        ("council-camden", "event_malformed"),
        ([7], "event_malformed"),
        (None, "event_malformed"),
    ],
)
def test_recipients_must_be_right(cli, world, recipients: Any, code: str) -> None:
    event = {**plain(world, cli), "recipients": recipients}
    done = seal(cli, world, lines(event))
    assert done.code == 4
    assert done.jsonl[0]["refused"] == code


def test_one_recipient_who_may_not_have_the_type_refuses_the_event(cli, world) -> None:
    event = world.event(cli, "csu-camden", "referral.made")
    contract = load_participant(world.directory("csu-camden"), 1_900_000_000_000)
    signed = contract.contracts.all()[0].contract
    barred = [
        (name, party.id)
        for name, terms in signed.event_types.items()
        for party in signed.parties
        if party.role not in terms.recipients and party.id != "csu-camden"
        if signed.role_of["csu-camden"] in terms.publishers
    ]
    assert barred, "the shipped contract bars nobody from anything"
    event_type, party = barred[0]
    event = world.event(cli, "csu-camden", event_type)
    event["recipients"].append(party)
    done = seal(cli, world, lines(event))
    assert done.jsonl[0]["refused"] == "recipient_not_permitted"


def test_a_type_of_another_sender_or_of_none_is_refused(cli, world) -> None:
    event = plain(world, cli)
    cases = [
        ({**event, "type": "no.such"}, "type_unknown"),
        ({**event, "type": ""}, "type_unknown"),
        ({**event, "type": 7}, "event_malformed"),
    ]
    done = seal(cli, world, lines(*(case for case, _ in cases)))
    assert [line["refused"] for line in done.jsonl] == [code for _, code in cases]
    foreign = world.event(cli, "cps-london", "case.updated")
    foreign["recipients"] = ["csu-camden"]
    refused = seal(cli, world, lines(foreign), "haven-support").jsonl[0]
    assert refused["refused"] == "type_not_permitted"


def test_fields_left_out_are_told_with_recipient_and_reason_and_the_line_still_opens(
    cli, world
) -> None:
    consent = {"share_identity": True, "support_contact": False, "pass_to_police": True}
    told = plain(world, cli)
    told["data"]["consent"] = consent
    done = seal(cli, world, lines(told, plain(world, cli)))
    assert done.code == 0
    left_out = done.jsonl[0].pop("left_out")
    assert {"field": "victim.name", "agency": "haven-support", "reason": "consent_missing"} in (
        left_out
    )
    assert {one["agency"] for one in left_out} == {"haven-support", "lantern-centre"}
    assert all(one.keys() == {"field", "agency", "reason"} for one in left_out)
    assert "left_out" not in done.jsonl[1]  # consent to all: the line is as it always was
    opened = {}
    for agency in ("council-camden", "haven-support"):
        folder = world.directory(agency)
        answer = cli("event", "open", "--agency", folder, stdin=done.text.encode()).jsonl[0]
        opened[agency] = answer["data"]["victim"]
    assert "name" in opened["council-camden"]
    assert "name" not in opened["haven-support"]


def test_a_field_that_none_of_those_addressed_may_read_is_refused(cli, world) -> None:
    event = plain(world, cli)
    contract = load_participant(world.directory("csu-camden"), 1_900_000_000_000)
    signed = contract.contracts.all()[0].contract
    fields = signed.event_types["referral.made"].fields
    alone = {
        party.id: {path for path, field in fields.items() if party.role not in field.readers}
        for party in signed.parties
        if party.id in event["recipients"]
    }
    recipient = max(alone, key=lambda agency: len(alone[agency]))
    assert alone[recipient], "every recipient reads every field"
    done = seal(cli, world, lines({**event, "recipients": [recipient]}))
    assert done.code == 4
    assert done.jsonl[0]["refused"] == "field_not_granted"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("case_id", None),
        ("case_id", "not-a-uuid"),
        ("no_such_field", "x"),
        ("witnesses", 1.5),
        ("witnesses", True),
        ("urgency", "no_such_code"),
        ("victim__name", ""),
        ("victim__name", 7),
        ("victim__date_of_birth", "2025-02-30"),
    ],
)
def test_data_that_the_model_refuses(cli, world, path: str, value: Any) -> None:
    event = plain(world, cli, **{path: value})
    done = seal(cli, world, lines(event))
    assert done.code == 4
    assert done.jsonl[0]["refused"] == "event_invalid"
    if isinstance(value, str) and len(value) > 3:
        assert value not in done.text + done.err


def test_a_null_is_not_an_absent_field(cli, world) -> None:
    event = plain(world, cli)
    event["data"]["victim"]["phone"] = None
    assert seal(cli, world, lines(event)).jsonl[0]["refused"] == "event_invalid"


@pytest.mark.parametrize(
    "stdin",
    [
        b"\xff\xfe\x00\x01binary\x00\n",
        '{"type":"referral.made"}\n'.encode("utf-16") + b"\n",
        b'{"type":"referral.made","recipients":["council-camden"],"data":{"case_id":"\xe9"}}\n',
        b'{"type":"referral.made","recipients":["council-camden"],"data":{}\n',
        b'{"type":"a","type":"b","recipients":["council-camden"],"data":{}}\n',
        b'{"type":"referral.made","recipients":["council-camden"],"data":{"a":NaN}}\n',
        b'{"type":"referral.made","recipients":["council-camden"],"data":{},"more":1}\n',
        b'{"type":"referral.made","recipients":["council-camden"],"data":[]}\n',
        b"[" * 5000 + b"\n",
        b"null\n",
        b'"text"\n',
        b"{}\n",
        b"\xef\xbb\xbf{}\n",
    ],
)
def test_lines_that_are_no_events_are_refused_one_by_one(cli, world, stdin: bytes) -> None:
    good = lines(plain(world, cli))
    done = seal(cli, world, stdin + good)
    assert done.code == 4
    assert [line.get("refused") for line in done.jsonl[:-1]] == ["event_malformed"] * stdin.count(
        b"\n"
    )
    assert "value" in done.jsonl[-1]


def test_a_line_that_is_too_long_is_refused_and_the_next_is_read(cli, world) -> None:
    good = lines(plain(world, cli))
    done = seal(cli, world, b'{"type":"' + b"x" * 3_000_000 + b'"}\n' + good)
    assert [line.get("refused") for line in done.jsonl] == ["event_malformed", None]


def test_an_event_too_large_to_seal_is_refused(cli, world) -> None:
    event = plain(world, cli)
    event["data"]["incident"]["narrative"] = "a " * 200_000
    done = seal(cli, world, lines(event))
    assert done.code == 4
    assert done.jsonl[0]["refused"] in {"event_invalid", "value_too_large"}


def test_the_last_line_needs_no_line_end_and_windows_line_ends_are_fine(cli, world) -> None:
    event = json.dumps(plain(world, cli)).encode()
    done = seal(cli, world, event + b"\r\n" + event)
    assert done.code == 0
    assert len(done.lines) == 2


def test_consent_to_statistics_alone_leaves_nothing_that_identifies(cli, world) -> None:
    event = plain(world, cli)
    event["data"]["consent"] = {
        "pass_to_police": False,
        "support_contact": False,
        "share_identity": False,
        "statistics": True,
    }
    sealed = seal(cli, world, lines(event))
    assert sealed.code == 0
    opened = cli("event", "open", "--agency", world.directory("council-camden"), stdin=sealed.out)
    data = opened.jsonl[0]["data"]
    assert not data["victim"].keys() & {"name", "address", "phone", "email", "date_of_birth"}
    assert "alleged_perpetrators" not in data
    assert data["incident"]["borough"] == "E09000007"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_every_line_of_a_file_in_utf_16_is_refused(cli, world, encoding: str) -> None:
    text = lines(plain(world, cli), plain(world, cli)).decode().encode(encoding)
    done = seal(cli, world, text)
    assert done.code == 4
    assert [line["refused"] for line in done.jsonl] == ["event_malformed"] * 2
    assert "UTF-16" in done.jsonl[0]["detail"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize("between", ["\n", "\r\n", "\n\n"])
def test_each_line_of_wide_input_is_one_line(encoding: str, end: str, between: str) -> None:
    text = f'{{"type":"a"}}{between}{{}}{end}'
    expected = len(text.replace("\r", "").removesuffix("\n").split("\n"))
    found = list(_lines(io.BytesIO(text.encode(encoding))))
    assert len(found) == expected
    assert all(line is not None and b"\0" in line for line in found if line not in {b"", b"\0"})


@pytest.mark.parametrize("command", ["open", "verify"])
def test_wide_input_gives_one_refusal_a_line_for_every_command(cli, world, command: str) -> None:
    wide = '{"topic":"a"}\n{}\n'.encode("utf-16")
    done = cli("event", command, "--agency", world.directory("council-camden"), stdin=wide)
    assert (done.code, [line["refused"] for line in done.jsonl]) == (4, ["record_malformed"] * 2)


def test_a_byte_order_mark_before_the_first_line_changes_nothing_for_any_command(
    cli, world
) -> None:
    mark = b"\xef\xbb\xbf"
    events = lines(plain(world, cli), plain(world, cli))
    assert [set(line) for line in seal(cli, world, mark + events).jsonl] == [
        {"topic", "partition", "headers", "value"}
    ] * 2
    first, second = events.splitlines(keepends=True)
    assert ["refused" in x for x in seal(cli, world, first + mark + second).jsonl] == [False, True]
