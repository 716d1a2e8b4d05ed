"""`event types` and `event example`: what an agency may publish, and one event of each."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from broker.agency.participant import load_participant
from broker.clock import now_ms
from contracts.decision import decide
from contracts.events import PlainEvent
from tests.support.words import EVENT_TYPES, flatten, leaves

AGENCIES = (
    "csu-camden",
    "cps-london",
    "council-camden",
    "haven-support",
    "lantern-centre",
)


def strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.values() for text in strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return []


@pytest.fixture(scope="module")
def examples(cli, made: Path) -> list[tuple[str, dict[str, Any]]]:
    """(agency, event) of every type that one agency of each kind may publish."""
    found = []
    for agency in AGENCIES:
        for event_type in cli("event", "types", "--agency", made / agency).lines:
            done = cli("event", "example", event_type, "--agency", made / agency)
            assert done.code == 0, done.err
            assert len(done.lines) == 1
            found.append((agency, done.jsonl[0]))
    return found


def test_types_are_listed_one_per_line(cli, made: Path) -> None:
    done = cli("event", "types", "--agency", made / "csu-camden")
    assert done.code == 0
    assert set(done.lines) <= set(EVENT_TYPES)
    assert "referral.made" in done.lines
    assert done.out.endswith(b"\n")


def test_together_the_agencies_publish_every_type(cli, made: Path) -> None:
    listed = [cli("event", "types", "--agency", made / agency).lines for agency in AGENCIES]
    assert {name for names in listed for name in names} == set(EVENT_TYPES)


def test_an_example_has_exactly_the_three_members_and_is_permitted(examples, made: Path) -> None:
    participants = {name: load_participant(made / name, now_ms()) for name in AGENCIES}
    for agency, event in examples:
        assert list(event) == ["type", "recipients", "data"]
        participant, now = participants[agency], now_ms()
        in_force = participant.contract_in_force(now)
        plain = PlainEvent(event["type"], tuple(event["recipients"]), event["data"])
        decision = decide(
            in_force.contract,
            in_force.status(now),
            agency,
            plain.recipients,
            plain,
            now,
        )
        assert decision.permitted, (agency, event["type"], decision.detail)
        assert not decision.left_out


def test_an_example_addresses_every_permitted_party_and_never_the_sender(
    examples, made: Path
) -> None:
    contract = load_participant(made / "csu-camden", now_ms()).contract_in_force(now_ms()).contract
    for agency, event in examples:
        terms = contract.event_types[event["type"]]
        permitted = {party.id for party in contract.parties if party.role in terms.recipients}
        assert set(event["recipients"]) == permitted - {agency}
        assert len(set(event["recipients"])) == len(event["recipients"])


def test_an_example_fills_every_field_with_a_reader(examples, made: Path) -> None:
    contract = load_participant(made / "csu-camden", now_ms()).contract_in_force(now_ms()).contract
    for agency, event in examples:
        terms, role = contract.event_types[event["type"]], contract.role_of[agency]
        readers = {contract.role_of[one] for one in event["recipients"]}
        sendable = {
            path
            for path, field in terms.fields.items()
            if readers & set(field.readers) and (not field.senders or role in field.senders)
        }
        assert set(flatten(event["type"], event["data"])) == sendable & set(leaves(event["type"]))
        assert "case_id" in event["data"]


def test_an_example_is_the_same_every_time(cli, made: Path) -> None:
    first = cli("event", "example", "referral.made", "--agency", made / "csu-camden").out
    time.sleep(0.002)
    assert cli("event", "example", "referral.made", "--agency", made / "csu-camden").out == first


def test_no_long_string_of_an_example_is_part_of_a_name_or_of_today(examples, made: Path) -> None:
    contract = load_participant(made / "csu-camden", now_ms()).contract_in_force(now_ms()).contract
    today = datetime.now(UTC)
    names = [party.id for party in contract.parties]
    names += [f"{contract.deployment}.{contract.name}.{topic}.trial" for topic in contract.topics]
    names += [contract.deployment, f"{today:%Y-%m-%d}", f"{today:%Y%m%d}", f"{today:%d/%m/%Y}"]
    for _, event in examples:
        for text in strings(event["data"]):
            if len(text) >= 6:
                assert not [n for n in names if text in n or n in text], event["type"]


def test_at_least_one_type_is_read_differently_by_two_of_those_addressed(cli, made: Path) -> None:
    contract = load_participant(made / "csu-camden", now_ms()).contract_in_force(now_ms()).contract
    event = cli("event", "example", "referral.made", "--agency", made / "csu-camden").jsonl[0]
    views = {
        frozenset(
            path
            for path, field in contract.event_types["referral.made"].fields.items()
            if contract.role_of[agency] in field.readers
        )
        for agency in event["recipients"]
    }
    assert len(views) >= 2


@pytest.mark.parametrize("event_type", ["no.such-type", "", "referral.made\n"])
def test_an_unknown_type_is_refused_with_its_code(cli, made: Path, event_type: str) -> None:
    done = cli("event", "example", event_type, "--agency", made / "csu-camden")
    assert (done.code, done.out) == (4, b"")
    assert "type_unknown" in done.err
    assert f"concordant event types --agency {made / 'csu-camden'}" in done.err


def test_a_type_that_this_agency_may_not_publish_is_refused(cli, made: Path) -> None:
    may = set(cli("event", "types", "--agency", made / "cps-london").lines)
    denied = sorted(set(EVENT_TYPES) - may)
    for event_type in denied:
        done = cli("event", "example", event_type, "--agency", made / "cps-london")
        assert done.code == 4
        assert "type_not_permitted" in done.err


def test_an_example_is_one_compact_json_document(cli, made: Path) -> None:
    done = cli("event", "example", "case.updated", "--agency", made / "cps-london")
    assert json.dumps(json.loads(done.out), separators=(",", ":"), ensure_ascii=False) == (
        done.text.rstrip("\n")
    )
