"""Sealed events that the reader refuses (docs/spec/contracts.md, "Step 9")."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.decision import receiver_check
from contracts.errors import EventError
from contracts.model import Contract
from tests.unit.contracts.asked import CASE, DATA, SENDER, TO


def check(contract: Contract, **changed: Any) -> None:
    asked: dict[str, Any] = {
        "sender": SENDER,
        "me": "haven-support",
        "event_type": "referral.made",
        "to": TO,
        "flat": DATA,
        **changed,
    }
    receiver_check(contract, **asked)


def test_an_event_the_sender_may_send_passes(contract: Contract) -> None:
    check(contract)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"to": (*TO, SENDER)}, "recipients_invalid"),
        ({"me": "lantern-centre"}, "recipients_invalid"),
        ({"to": (*TO, "elsewhere")}, "party_unknown"),
        ({"event_type": "referral.imagined"}, "type_unknown"),
        ({"to": (*TO, "cps-london")}, "recipient_not_permitted"),
        ({"event_type": "case.updated", "sender": "lantern-centre"}, "type_not_permitted"),
    ],
)
def test_an_event_the_sender_may_not_send_is_refused(
    contract: Contract, changed: dict[str, Any], code: str
) -> None:
    with pytest.raises(EventError) as caught:
        check(contract, **changed)
    assert caught.value.code == code


def test_a_field_without_its_consent_is_refused(contract: Contract) -> None:
    flat = {"case_id": CASE, "victim.name": "A", "consent.statistics": True}
    with pytest.raises(EventError) as caught:
        check(contract, flat=flat)
    assert (caught.value.code, caught.value.where) == ("consent_missing", "victim.name")


def test_a_field_that_the_reader_may_not_have_is_refused(contract: Contract) -> None:
    with pytest.raises(EventError) as caught:
        check(contract, flat={"case_id": CASE, "victim.address": "B"})
    assert (caught.value.code, caught.value.where) == ("field_not_granted", "victim.address")


def test_a_field_that_the_sender_may_not_send_is_refused(contract: Contract) -> None:
    with pytest.raises(EventError) as caught:
        check(
            contract,
            sender="council-camden",
            me="csu-camden",
            to=("csu-camden",),
            event_type="case.updated",
            flat={"case_id": CASE, "victim.name": "A"},
        )
    assert (caught.value.code, caught.value.where) == ("field_not_granted", "victim.name")
