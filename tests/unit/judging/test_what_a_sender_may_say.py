"""Steps 9 and 10: every reader enforces the contract again, whatever its sender's software does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest
from workshop import (
    CASE,
    CHANGED,
    COUNCIL,
    MADE,
    POLICE,
    PROSECUTION,
    SUPPORT,
    Log,
    Reader,
    Workshop,
    draft_event,
    group_of,
)

from broker.envelope.padding import pad
from broker.event import JSON
from broker.judging import interpretation
from contracts.errors import ContractError
from contracts.grouping import grouping
from contracts.schema import leaves

SAME = UUID("0198b6a1-7c44-8e21-9f00-0123456789ab")


@pytest.fixture
def hidden() -> int:
    """A group that the support service reads and the council does not."""
    return draft_event().may_read[COUNCIL].index(False)


@pytest.fixture
def mine() -> int:
    """A group beside group 0 that the council reads."""
    return draft_event().may_read[COUNCIL].index(True, 1)


# --- what is opened -------------------------------------------------------------------------------


def test_an_honest_event_opens_as_exactly_what_i_am_granted(
    council: Reader, log: Log, world: Workshop
) -> None:
    draft = draft_event()
    event = council.take(log.send_one(draft.value())).event
    assert event is not None
    may_read = draft.may_read[COUNCIL]
    sent = {
        path: value
        for group, mine in zip(draft.groups, may_read, strict=True)
        for path, value in group.items()
        if mine
    }
    assert event.flat == sent
    assert (event.type, event.source, event.to) == (MADE, POLICE, (COUNCIL, SUPPORT))
    assert event.id == str(draft.event_id)
    assert not event.urgent
    signed = world.signed
    assert event.contract == (signed.contract.name, signed.contract.version, signed.hash.hex())
    granted = grouping(world.contract, MADE, frozenset((COUNCIL, SUPPORT))).granted[COUNCIL]
    assert event.withheld == tuple(sorted(set(leaves(MADE)) - granted))
    assert event.withheld
    assert not set(event.flat) & set(event.withheld)


def test_a_critical_incident_is_urgent(council: Reader, log: Log) -> None:
    critical = draft_event("critical-incident.declared")
    event = council.take(log.send_one(critical.value())).event
    assert event is not None
    assert event.urgent


# --- step 9: padding and text ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "padded",
    [
        lambda content: pad(content) + b"\x00",
        lambda content: pad(content)[:-1] + b"\x01",
        lambda content: len(content).to_bytes(4, "big") + content,
        lambda content: b"\xff\xff\xff\xff" + pad(content)[4:],
    ],
)
def test_padding_that_is_not_minimal_and_zero_is_refused(
    council: Reader, log: Log, padded: Callable[[bytes], bytes]
) -> None:
    odd = draft_event(victim__name="x" * 300)  # longer than the floor, so that a byte matters
    odd.padded = lambda content: padded(content).ljust(256, b"\x01")
    assert council.refusal(log.send_one(odd.value())) == (9, "padding_wrong")


@pytest.mark.parametrize(
    "text",
    [
        b"{ }",
        b'{"a":1,"a":1}',
        b"[]",
        b'"text"',
        b"7",
        b"{",
        b"\xff",
        b'{"victim.name":null}',
        b'{"witnesses":1.0}',
    ],
)
def test_a_group_that_is_not_the_one_text_of_an_object_is_refused(
    council: Reader, log: Log, mine: int, text: bytes
) -> None:
    odd = draft_event()
    odd.texts[mine] = text
    assert council.refusal(log.send_one(odd.value())) == (9, "json_not_canonical")


# --- step 9: group 0 ------------------------------------------------------------------------------


def test_without_a_key_for_group_0_there_is_no_event(council: Reader, log: Log) -> None:
    headless = draft_event()
    headless.may_read[COUNCIL][0] = False
    assert council.refusal(log.send_one(headless.value())) == (9, "group_zero")


@pytest.mark.parametrize(
    "text",
    [
        b'{"data":{},"to":["council-camden"]}',
        b'{"data":{},"to":["council-camden"],"type":"referral.made","x":1}',
        b'{"data":[],"to":["council-camden"],"type":"referral.made"}',
        b'{"data":{},"to":["council-camden"],"type":["referral.made"]}',
        b'{"data":{},"to":"council-camden","type":"referral.made"}',
        b'{"data":{},"to":{"council-camden":1},"type":"referral.made"}',
        b'{"data":{},"to":[1],"type":"referral.made"}',
        b'{"data":{},"to":[true,"council-camden"],"type":"referral.made"}',
        b'{"data":{},"to":["haven-support","council-camden"],"type":"referral.made"}',
        b'{"data":{},"to":["council-camden","council-camden"],"type":"referral.made"}',
    ],
)
def test_group_0_is_data_addressed_agencies_and_type(
    council: Reader, log: Log, text: bytes
) -> None:
    odd = draft_event()
    odd.texts[0] = text
    assert council.refusal(log.send_one(odd.value())) == (9, "group_zero")


def _addressed(*to: str) -> dict[str, JSON]:
    return {"to": list(to), "type": MADE}


def test_a_recipient_who_is_not_named_is_refused(council: Reader, log: Log) -> None:
    silent = replace(draft_event(), head=_addressed(COUNCIL))
    assert council.refusal(log.send_one(silent.value())) == (9, "addressed_wrong")


def test_a_name_without_a_recipient_is_refused(council: Reader, log: Log) -> None:
    boast = replace(draft_event(), head=_addressed(COUNCIL, SUPPORT, "lantern-centre"))
    assert council.refusal(log.send_one(boast.value())) == (9, "addressed_wrong")


def test_a_reader_who_has_a_wrap_but_no_name_refuses(council: Reader, log: Log) -> None:
    blind_copy = replace(draft_event(), head=_addressed(POLICE[:-1] + "x", SUPPORT))
    assert council.refusal(log.send_one(blind_copy.value())) == (9, "addressed_wrong")


def test_a_sender_does_not_address_itself(council: Reader, log: Log) -> None:
    selfish = replace(draft_event(), head=_addressed(COUNCIL, POLICE))
    assert council.refusal(log.send_one(selfish.value())) == (9, "addressed_wrong")


def test_a_type_that_the_contract_does_not_have_is_refused(council: Reader, log: Log) -> None:
    unknown = replace(draft_event(), head={"to": [COUNCIL, SUPPORT], "type": "case.deleted"})
    assert council.refusal(log.send_one(unknown.value())) == (9, "type_unknown")


def test_an_addressed_agency_that_is_not_a_party_is_refused(council: Reader, log: Log) -> None:
    stranger = replace(draft_event(), head=_addressed(COUNCIL, "somebody-else"))
    assert council.refusal(log.send_one(stranger.value())) == (9, "recipient_not_permitted")


# --- step 9: groups, keys and fields --------------------------------------------------------------


def test_a_group_too_many_is_refused(council: Reader, log: Log) -> None:
    more = draft_event()
    more.groups.append({})
    for may_read in more.may_read.values():
        may_read.append(False)
    assert council.refusal(log.send_one(more.value())) == (9, "grouping_wrong")


def test_a_group_too_few_is_refused(council: Reader, log: Log) -> None:
    fewer = draft_event()
    fewer.groups.pop()
    for may_read in fewer.may_read.values():
        may_read.pop()
    assert council.refusal(log.send_one(fewer.value())) == (9, "grouping_wrong")


def test_a_group_that_is_mine_and_comes_without_a_key_is_refused(
    council: Reader, log: Log, mine: int
) -> None:
    withheld = draft_event()
    withheld.may_read[COUNCIL][mine] = False
    assert council.refusal(log.send_one(withheld.value())) == (9, "group_keys_wrong")


def test_a_key_beyond_my_grant_is_refused(council: Reader, log: Log, hidden: int) -> None:
    generous = draft_event()
    generous.may_read[COUNCIL][hidden] = True
    assert council.refusal(log.send_one(generous.value())) == (9, "group_keys_wrong")


def test_an_empty_group_beyond_my_grant_is_refused_as_well(
    council: Reader, log: Log, hidden: int
) -> None:
    generous = draft_event()
    generous.groups[hidden] = {}
    generous.may_read[COUNCIL][hidden] = True
    assert council.refusal(log.send_one(generous.value())) == (9, "group_keys_wrong")


def test_a_field_beyond_my_grant_in_group_0_is_refused(
    council: Reader, log: Log, hidden: int
) -> None:
    leak = draft_event()
    path, value = next(iter(leak.groups[hidden].items()))
    leak.groups[0][path] = value
    assert council.refusal(log.send_one(leak.value())) == (9, "grouping_wrong")


def test_a_field_beyond_my_grant_in_a_group_of_mine_is_refused(
    council: Reader, log: Log, hidden: int, mine: int
) -> None:
    leak = draft_event()
    path, value = next(iter(leak.groups[hidden].items()))
    leak.groups[mine][path] = value
    assert council.refusal(log.send_one(leak.value())) == (9, "grouping_wrong")


def test_a_field_that_nobody_addressed_may_read_is_refused(council: Reader, log: Log) -> None:
    beyond = draft_event(to=(COUNCIL,))
    beyond.groups[0]["victim.name"] = "Zephyrine"
    readable = grouping_paths(beyond.to)
    path = next(path for path in sorted(leaves(MADE)) if path not in readable)
    beyond.groups[0][path] = "x"
    assert council.refusal(log.send_one(beyond.value()))[0] == 9


def grouping_paths(to: list[str]) -> set[str]:
    from workshop import workshop

    return set(grouping(workshop().contract, MADE, frozenset(to)).group_of)


def test_two_values_of_one_field_in_two_groups_are_refused(
    council: Reader, log: Log, mine: int
) -> None:
    path = next(iter(draft_event().groups[0]))
    for first, second in ((0, mine), (mine, 0)):
        path = next(iter(draft_event().groups[first]))
        double = draft_event()
        double.groups[second][path] = "another value"
        assert council.refusal(log.send_one(double.value())) == (9, "grouping_wrong")


def test_an_unknown_field_is_refused(council: Reader, log: Log, mine: int) -> None:
    for group in (0, mine):
        odd = draft_event()
        odd.groups[group]["victim.shoe_size"] = 38
        assert council.refusal(log.send_one(odd.value())) == (9, "grouping_wrong")


# --- step 9: who may send what --------------------------------------------------------------------


def test_a_type_that_the_sender_may_not_publish_is_refused(council: Reader) -> None:
    usurped = draft_event(CASE, source=SUPPORT, to=(COUNCIL, POLICE))
    one = Log(SUPPORT, "b").send_one(usurped.value())
    assert council.refusal(one) == (9, "type_not_permitted")


def test_a_recipient_who_may_not_receive_the_type_is_refused(council: Reader, log: Log) -> None:
    wrong = draft_event(to=(COUNCIL, PROSECUTION))
    assert council.refusal(log.send_one(wrong.value())) == (9, "recipient_not_permitted")


def test_a_field_that_only_others_may_send_is_refused(world: Workshop) -> None:
    police = Reader(POLICE)
    posing = replace(draft_event(CASE, to=(POLICE, PROSECUTION), publisher=POLICE), source=COUNCIL)
    terms = world.contract.event_types[CASE].fields
    assert any(terms[p].senders and p in g for g in posing.groups for p in terms)
    one = Log(COUNCIL, "b").send_one(posing.value())
    assert police.refusal(one) == (9, "field_not_granted")


def test_a_field_sent_without_the_consent_that_it_needs_is_refused(
    council: Reader, log: Log
) -> None:
    unasked = draft_event(consent__share_identity=False)
    assert council.refusal(log.send_one(unasked.value())) == (9, "consent_missing")


@pytest.mark.parametrize("path", ["case_id", "referral_id"])
def test_an_event_without_a_field_that_the_contract_requires_is_refused(
    council: Reader, log: Log, path: str
) -> None:
    lacking = draft_event(without=[path])
    assert group_of(path) == 0
    assert council.refusal(log.send_one(lacking.value())) == (9, "event_invalid")


def test_an_event_of_no_case_is_refused_even_if_the_contract_withholds_the_case(
    world: Workshop, log: Log
) -> None:
    """Such a contract can be signed; the reader could keep nothing under it."""

    def withhold(text: str) -> str:
        before, granted, after = text.partition("      case_id: {clause: 4.1.1,")
        readers, others, rest = after.partition("readers: [police, council, support]")
        assert granted
        assert others
        return f"{before}{granted}{readers}readers: [police, support]{rest}"

    odd = world.another_contract(terms=withhold)
    reader = Reader(contracts=world.book(COUNCIL, odd))
    draft = draft_event(signed=odd)
    assert "case_id" not in draft.groups[0]
    assert reader.refusal(log.send_one(draft.value())) == (9, "event_invalid")


@pytest.mark.parametrize("failing", ["grouping", "receiver_check"])
def test_a_contract_at_fault_refuses_the_event_and_not_the_reader(
    council: Reader, log: Log, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than 16 sets of readers, say: the record is put aside, and the stream goes on."""

    def faulty(*_arguments: object) -> None:
        raise ContractError("more than 16 sets of readers in one type")

    one = log.send_one(draft_event().value())
    monkeypatch.setattr(interpretation, failing, faulty)
    assert council.refusal(one) == (9, "contract_invalid")


# --- step 10 --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("victim__name", 7),
        ("incident__borough", "E99999999"),
        ("urgency", "whenever"),
        ("case_id", "not-a-uuid"),
        ("incident__occurred_on", "2025-02-30"),
    ],
)
def test_a_value_outside_of_the_events_model_is_refused(
    council: Reader, log: Log, path: str, value: JSON
) -> None:
    odd = draft_event(**{path: value})
    step, code = council.refusal(log.send_one(odd.value()))
    assert (step, code) == (10, "event_invalid")


def test_the_refusal_does_not_repeat_the_value(council: Reader, log: Log) -> None:
    judgement = council.take(log.send_one(draft_event(urgency="Zephyrine").value()))
    assert judgement.refusal is not None
    assert "Zephyrine" not in judgement.refusal.diagnostics()


def test_the_same_event_sealed_again_is_a_repeat(council: Reader, log: Log) -> None:
    for outcome in ("opened", "repeat", "repeat"):
        again = replace(draft_event(), event_id=SAME)
        judgement = council.take(log.send_one(again.value()))
        assert judgement.outcome == outcome
        assert (judgement.event is None) == (outcome == "repeat")


def test_an_id_that_is_used_for_other_content_is_refused(council: Reader, log: Log) -> None:
    council.take(log.send_one(replace(draft_event(), event_id=SAME).value()))
    other = replace(draft_event(reason="another reason"), event_id=SAME)
    assert council.refusal(log.send_one(other.value())) == (10, "id_reused")


def test_an_id_that_is_used_for_another_type_is_refused(council: Reader, log: Log) -> None:
    council.take(log.send_one(replace(draft_event(), event_id=SAME).value()))
    other = replace(draft_event(CHANGED), event_id=SAME)
    assert council.refusal(log.send_one(other.value())) == (10, "id_reused")


def test_the_same_fields_under_another_type_are_another_event(council: Reader, log: Log) -> None:
    first = replace(draft_event(CASE, to=(COUNCIL, SUPPORT)), event_id=SAME)
    cases = Log(logical="b")
    assert council.take(cases.send_one(first.value())).outcome == "opened"
    known = council.view.known(POLICE, str(SAME))
    assert known is not None
    other = replace(draft_event(), event_id=SAME)
    shared = {path for group in other.groups for path in group} & set(known.flat)  # type: ignore[attr-defined]  # a file's
    for group in other.groups:
        group |= {path: known.flat[path] for path in shared & group.keys()}  # type: ignore[attr-defined]  # as above
    assert council.refusal(log.send_one(other.value())) == (10, "id_reused")


def test_only_fields_granted_both_times_are_compared(council: Reader, log: Log) -> None:
    council.take(log.send_one(replace(draft_event(), event_id=SAME).value()))
    less = replace(draft_event(without=["victim.tenure"]), event_id=SAME)
    assert council.take(log.send_one(less.value())).outcome == "repeat"


def test_an_id_is_its_senders_own(council: Reader, log: Log) -> None:
    council.take(log.send_one(replace(draft_event(), event_id=SAME).value()))
    theirs = replace(draft_event(source=SUPPORT, to=(COUNCIL, POLICE)), event_id=SAME)
    assert council.take(Log(SUPPORT).send_one(theirs.value())).outcome == "opened"


def test_a_refused_event_leaves_its_id_free(council: Reader, log: Log) -> None:
    odd = replace(draft_event(urgency="whenever"), event_id=SAME)
    assert council.refusal(log.send_one(odd.value())) == (10, "event_invalid")
    assert council.take(log.send_one(replace(draft_event(), event_id=SAME).value())).outcome == (
        "opened"
    )
