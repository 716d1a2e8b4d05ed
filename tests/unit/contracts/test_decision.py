"""Decisions: permitted fields with their clause, and denials with their code."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contracts.decision import decide, receiver_check
from contracts.errors import EventError
from contracts.events import JSON, PlainEvent
from contracts.model import Contract
from contracts.status import ContractStatus, Departure, contract_status
from tests.support.words import unflatten
from tests.unit.contracts.asked import ALL_CONSENT, CASE, DATA, SENDER, TO, Asked


def test_each_field_is_decided_with_the_clause_that_decided(ask: Asked) -> None:
    decision = ask(data={"victim": {"name": "A", "address": "B"}, "consent": ALL_CONSENT})
    assert decision.permitted
    assert decision.code == "permitted"
    by_path = {field.path: field for field in decision.fields}
    assert by_path["victim.name"].verdict == "granted"
    assert by_path["victim.name"].clause == "4.1.8"
    assert by_path["victim.address"].verdict == "withheld"
    assert by_path["victim.address"].readers == {"csu-lewisham", "council-camden"}
    assert decision.withheld["haven-support"] == ("victim.address",)
    assert decision.withheld["csu-lewisham"] == ()
    assert decision.flat["victim.address"] == "B"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"recipients": ()}, "recipients_invalid"),
        ({"recipients": ("haven-support", "haven-support")}, "recipients_invalid"),
        ({"recipients": ("haven-support", SENDER)}, "recipients_invalid"),
        ({"recipients": ("haven-support", "elsewhere")}, "party_unknown"),
        ({"sender": "elsewhere"}, "party_unknown"),
        ({"type": "referral.imagined"}, "type_unknown"),
        ({"sender": "haven-support", "recipients": TO[:2], "type": "case.updated"},
         "type_not_permitted"),
        ({"recipients": (*TO, "cps-london")}, "recipient_not_permitted"),
        ({"data": {"case_id": "not an id"}}, "event_invalid"),
        ({"data": {"imagined": 1}}, "event_invalid"),
        ({"data": {"intelligence": {"source_grade": "1", "information_grade": "A",
                                    "handling_code": "P"}},
          "recipients": ("haven-support",)}, "field_not_granted"),
    ],
)  # fmt: skip
def test_an_event_the_contract_does_not_allow_is_denied_with_a_code_and_nothing_to_seal(
    ask: Asked, changed: dict[str, Any], code: str
) -> None:
    decision = ask(**changed)
    assert not decision.permitted
    assert decision.code == code
    assert decision.detail
    assert decision.flat == {}
    assert decision.grouping is None
    assert decision.withheld == {}


def test_an_unreadable_field_refuses_the_event_and_is_named(ask: Asked) -> None:
    decision = ask(data={"witnesses": 2}, recipients=("haven-support",))
    assert decision.code == "field_not_granted"
    assert [f.path for f in decision.fields] == ["witnesses"]
    assert decision.fields[0].reason == "field_not_granted"
    assert decision.clause == decision.fields[0].clause


def test_a_field_that_only_others_may_send_refuses_the_event(
    contract: Contract, in_force: ContractStatus, noon: int
) -> None:
    data: dict[str, JSON] = {"case_id": CASE, "victim": {"name": "A"}}
    event = PlainEvent("case.updated", ("csu-camden",), data)
    council = decide(contract, in_force, "council-camden", event.recipients, event, noon)
    police = decide(contract, in_force, "csu-lewisham", event.recipients, event, noon)
    assert council.code == "field_not_granted"
    assert council.fields[0].reason == "sender_not_granted"
    assert police.permitted


def test_a_leaf_that_the_contract_does_not_name_is_refused(
    contract: Contract, in_force: ContractStatus, noon: int
) -> None:
    terms = contract.event_types["case.updated"]
    fields = {p: f for p, f in terms.fields.items() if p != "note"}
    other = contract.model_copy(
        update={"event_types": {"case.updated": terms.model_copy(update={"fields": fields})}}
    )
    event = PlainEvent("case.updated", ("csu-lewisham",), {"case_id": CASE, "note": "x"})
    decision = decide(other, in_force, SENDER, event.recipients, event, noon)
    assert decision.code == "field_not_granted"
    assert decision.clause == terms.clause


def test_a_field_that_the_contract_requires_must_be_there(
    contract: Contract, in_force: ContractStatus, noon: int
) -> None:
    terms = contract.event_types["referral.made"]
    urgency = terms.fields["urgency"].model_copy(update={"required": True})
    wanted = terms.model_copy(update={"fields": {**terms.fields, "urgency": urgency}})
    other = contract.model_copy(update={"event_types": {"referral.made": wanted}})
    decision = Asked(other, in_force, noon)()
    assert decision.code == "event_invalid"
    assert "urgency" in decision.detail
    assert Asked(other, in_force, noon)(data={"urgency": "routine"}).permitted
    with pytest.raises(EventError) as caught:
        receiver_check(other, SENDER, "haven-support", "referral.made", TO, DATA)
    assert (caught.value.code, caught.value.where) == ("event_invalid", "urgency")


@pytest.mark.parametrize("state", ["draft", "partially_signed", "not_started", "expired"])
def test_nothing_flows_while_the_contract_is_not_in_force(
    ask: Asked, in_force: ContractStatus, state: Any
) -> None:
    assert ask(status=replace(in_force, state=state)).code == "not_in_force"


def test_nothing_flows_before_it_starts_or_after_it_ends(ask: Asked, contract: Contract) -> None:
    assert ask(now=contract.starts_ms - 1).code == "not_in_force"
    assert ask(now=contract.starts_ms).permitted
    assert ask(now=contract.ends_ms - 1).permitted
    assert ask(now=contract.ends_ms).code == "not_in_force"


@pytest.mark.parametrize(("state", "code"), [("suspended", "suspended"), ("left", "contract_left")])
@pytest.mark.parametrize("agency", [SENDER, "haven-support"])
def test_a_party_that_suspends_or_leaves_stops_its_own_part_only(
    ask: Asked,
    contract: Contract,
    everyone: frozenset[str],
    noon: int,
    agency: str,
    state: Any,
    code: str,
) -> None:
    now = contract_status(contract, everyone, [Departure(agency, state, noon - 1)], noon)
    assert ask(status=now).code == code
    others = ask(status=now, sender="council-lewisham", recipients=("csu-lewisham",))
    assert others.permitted


@pytest.mark.parametrize(("state", "code"), [("suspended", "suspended"), ("left", "contract_left")])
def test_a_contract_that_all_but_one_left_is_over(
    ask: Asked, contract: Contract, everyone: frozenset[str], noon: int, state: Any, code: str
) -> None:
    gone = [Departure(agency, state, noon - 1) for agency in everyone - {SENDER}]
    assert ask(status=contract_status(contract, everyone, gone, noon)).code == code


def test_a_decision_says_nothing_of_values(ask: Asked) -> None:
    secret = "Zephyrine"
    decision = ask(data={"victim": {"name": {"first": secret}}})
    assert decision.code == "event_invalid"
    assert secret not in decision.detail
    assert "victim.name" in decision.detail


def test_data_comes_back_as_it_was_when_nothing_is_left_out(ask: Asked) -> None:
    data = {"victim": {"name": "A"}, "consent": ALL_CONSENT}
    decision = ask(data=data)
    assert unflatten(decision.flat) == {**DATA, **data}
