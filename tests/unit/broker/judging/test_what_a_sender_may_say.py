"""Step 9: every reader enforces the contract again, whatever its sender's software does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.envelope.padding import pad
from broker.judging import decryption
from contracts.errors import ContractError
from contracts.policy import group_fields
from tests.support.forged_events import draft_event, group_of
from tests.support.founded_partnership import (
    CASE,
    COUNCIL,
    MADE,
    POLICE,
    PROSECUTION,
    SUPPORT,
    FoundedPartnership,
    founded,
)
from tests.support.judging_agency import Reader
from tests.support.sent_records import Log
from tests.support.words import leaves

# --- what is opened -------------------------------------------------------------------------------


def test_an_honest_event_opens_as_exactly_what_i_am_granted(
    council: Reader, log: Log, world: FoundedPartnership
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
    granted = group_fields(world.contract, MADE, frozenset((COUNCIL, SUPPORT))).granted[COUNCIL]
    assert event.withheld == tuple(sorted(set(leaves(MADE)) - granted))
    assert event.withheld
    assert not set(event.flat) & set(event.withheld)


def test_a_critical_incident_is_urgent(council: Reader, log: Log) -> None:
    critical = draft_event("critical-incident.declared")
    event = council.take(log.send_one(critical.value())).event
    assert event is not None
    assert event.urgent


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


def test_a_field_without_an_addressed_reader_is_refused(
    council: Reader, log: Log, world: FoundedPartnership
) -> None:
    beyond = draft_event(to=(COUNCIL,))
    readable = group_fields(world.contract, MADE, frozenset(beyond.to)).group_of
    path = next(path for path in sorted(leaves(MADE)) if path not in readable)
    beyond.groups[0][path] = "x"
    assert council.refusal(log.send_one(beyond.value())) == (9, "grouping_wrong")


def test_two_values_of_one_field_in_two_groups_are_refused(
    council: Reader, log: Log, mine: int
) -> None:
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


def test_a_field_that_only_others_may_send_is_refused(world: FoundedPartnership) -> None:
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


def test_a_recipient_without_consent_opens_the_rest_and_takes_nothing_from_the_others(
    council: Reader, log: Log
) -> None:
    draft = draft_event(consent__support_contact=False)
    record = log.send_one(draft.value())
    event, theirs = council.take(record).event, Reader(SUPPORT).take(record).event
    assert event is not None
    assert theirs is not None
    assert {"victim.name", "victim.phone"} <= event.flat.keys()
    fields = founded().contract.event_types[MADE].fields
    assert not any(fields[path].identifies for path in theirs.flat)
    assert "victim.age_band" in theirs.flat
    assert "victim.name" in theirs.withheld  # kept back by consent; it may have been there or not
    assert "victim.name" not in event.withheld
    empty = draft_event(consent__support_contact=False, without=["victim.name"])
    other = Reader(SUPPORT).take(log.send_one(empty.value())).event
    assert other is not None
    assert other.withheld == theirs.withheld


def test_a_key_without_the_consent_of_the_readers_own_role_is_refused(log: Log) -> None:
    draft = draft_event(consent__support_contact=False)
    at = draft.bound.index(True)
    for content in (draft.groups[at], {}):
        draft.groups[at] = content
        draft.may_read[SUPPORT][at] = True
        record = log.send_one(draft.value())
        assert Reader(SUPPORT).refusal(record) == (9, "consent_missing")


def test_a_key_withheld_in_spite_of_consent_is_refused(council: Reader, log: Log) -> None:
    draft = draft_event()
    draft.may_read[COUNCIL][group_of("victim.name")] = False
    assert council.refusal(log.send_one(draft.value())) == (9, "group_keys_wrong")


@pytest.mark.parametrize("floor", [256, 1024])
def test_a_group_with_the_floor_of_another_kind_is_refused(
    council: Reader, log: Log, floor: int
) -> None:
    draft = draft_event(to=(COUNCIL,))
    draft.groups[1] = {}
    draft.padded = lambda content: pad(content, floor)
    assert draft.bound == (False, True)
    if floor == 1024:  # a group 0 of less than 256 bytes
        keep = ("case_id", "referral_id", "requested_service")
        draft.groups[0] = {path: draft.groups[0][path] for path in keep}
    assert council.refusal(log.send_one(draft.value())) == (9, "padding_wrong")


@pytest.mark.parametrize("path", ["case_id", "referral_id"])
def test_an_event_without_a_field_that_the_contract_requires_is_refused(
    council: Reader, log: Log, path: str
) -> None:
    lacking = draft_event(without=[path])
    assert group_of(path) == 0
    assert council.refusal(log.send_one(lacking.value())) == (9, "event_invalid")


def test_an_event_of_no_case_is_refused_even_if_the_contract_withholds_the_case(
    world: FoundedPartnership, log: Log
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


@pytest.mark.parametrize("failing", ["policy_for", "receiver_check"])
def test_a_contract_at_fault_refuses_the_event_and_not_the_reader(
    council: Reader, log: Log, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than 16 sets of readers, say: the record is put aside, and the stream goes on."""

    def faulty(*_arguments: object) -> None:
        raise ContractError("more than 16 sets of readers in one type")

    one = log.send_one(draft_event().value())
    monkeypatch.setattr(decryption, failing, faulty)
    assert council.refusal(one) == (9, "contract_invalid")
