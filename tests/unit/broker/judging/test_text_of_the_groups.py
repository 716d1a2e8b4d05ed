"""Step 9 before the contract: padding, the one text of a group, and what group 0 says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from broker.envelope.padding import pad
from broker.event import JSON
from tests.support.forged_events import draft_event
from tests.support.founded_partnership import COUNCIL, MADE, POLICE, SUPPORT
from tests.support.judging_agency import Reader
from tests.support.sent_records import Log

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
