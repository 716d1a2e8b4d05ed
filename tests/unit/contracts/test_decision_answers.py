"""Every answer of `decide` and `receiver_check` in full: code, sentence and clause."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from contracts.decision import Decision, decide, receiver_check
from contracts.errors import EventError
from contracts.events import JSON, PlainEvent
from contracts.model import Contract
from contracts.policy import FieldDecision
from contracts.status import ContractStatus, Departure, contract_status
from tests.unit.contracts.asked import CASE, DATA, SENDER, TO


class Asked:
    """`decide` of exactly the data that a test gives."""

    def __init__(self, contract: Contract, in_force: ContractStatus, noon: int) -> None:
        self.asked: dict[str, Any] = {
            "contract": contract,
            "status": in_force,
            "sender": SENDER,
            "recipients": TO,
            "now": noon,
        }

    def __call__(
        self, data: Mapping[str, JSON] = DATA, kind: str = "referral.made", **changed: Any
    ) -> Decision:
        asked = {**self.asked, **changed}
        return decide(event=PlainEvent(kind, asked["recipients"], dict(data)), **asked)


@pytest.fixture
def ask(contract: Contract, in_force: ContractStatus, noon: int) -> Asked:
    return Asked(contract, in_force, noon)


def denied(decision: Decision) -> tuple[str, str | None]:
    """Return code and clause of a decision that holds nothing to seal."""
    assert decision.permitted is False
    assert (decision.left_out, decision.grouping, decision.flat) == ((), None, {})
    assert decision.detail
    return decision.code, decision.clause


def test_a_permitted_event_comes_with_the_clause_of_its_type(
    ask: Asked, contract: Contract
) -> None:
    decision = ask()
    assert decision.permitted is True
    assert decision.code == "permitted"
    assert decision.clause == contract.event_types["referral.made"].clause
    assert decision.flat == DATA
    assert decision.left_out == ()


@pytest.mark.parametrize(
    ("changed", "code", "with_clause"),
    [
        ({"recipients": ()}, "recipients_invalid", False),
        ({"recipients": ("haven-support", "haven-support")}, "recipients_invalid", False),
        ({"recipients": ("haven-support", SENDER)}, "recipients_invalid", False),
        ({"recipients": ("haven-support", "elsewhere")}, "party_unknown", False),
        ({"sender": "elsewhere"}, "party_unknown", False),
        ({"kind": "referral.imagined"}, "type_unknown", False),
        (
            {"sender": "haven-support", "recipients": TO[:2], "kind": "case.updated"},
            "type_not_permitted",
            True,
        ),
        ({"recipients": (*TO, "cps-london")}, "recipient_not_permitted", True),
        ({"data": {**DATA, "imagined": 1}}, "event_invalid", True),
    ],
)
def test_a_denial_of_the_whole_event_has_a_code_and_the_clause_that_decided(
    ask: Asked,
    contract: Contract,
    changed: dict[str, Any],
    code: str,
    with_clause: bool,
) -> None:
    decision = ask(**changed)
    terms = contract.event_types.get(changed.get("kind", "referral.made"))
    clause = terms.clause if with_clause and terms is not None else None
    assert denied(decision) == (code, clause)
    assert decision.fields == ()


def test_a_required_field_that_is_missing_is_named_with_its_own_clause(
    contract: Contract, in_force: ContractStatus, noon: int
) -> None:
    terms = contract.event_types["referral.made"]
    urgency = terms.fields["urgency"].model_copy(update={"required": True, "clause": "9.9"})
    wanted = terms.model_copy(update={"fields": {**terms.fields, "urgency": urgency}})
    other = contract.model_copy(update={"event_types": {"referral.made": wanted}})
    assert denied(Asked(other, in_force, noon)()) == ("event_invalid", "9.9")


@pytest.mark.parametrize(
    ("state", "now", "said"),
    [
        ("draft", 0, "draft"),
        ("partially_signed", 0, "partially_signed"),
        ("not_started", 0, "not_started"),
        ("expired", 0, "expired"),
        ("in_force", -1, "not_started"),
        ("in_force", +1, "expired"),
        ("draft", -1, "draft"),
        ("draft", +1, "expired"),
    ],
)
def test_a_contract_not_in_force_has_not_begun_or_has_ended(
    ask: Asked,
    contract: Contract,
    in_force: ContractStatus,
    noon: int,
    state: Any,
    now: int,
    said: str,
) -> None:
    at = {-1: contract.starts_ms - 1, 0: noon, +1: contract.ends_ms}[now]
    decision = ask(status=replace(in_force, state=state), now=at)
    assert denied(decision) == ("not_in_force", None)
    assert said in decision.detail


def test_at_its_very_start_a_contract_that_is_not_signed_by_all_is_what_its_standing_says(
    ask: Asked, contract: Contract, in_force: ContractStatus
) -> None:
    # A status from before the last signature was read, at the instant of the start
    early = replace(in_force, state="not_started")
    assert "not_started" in ask(status=early, now=contract.starts_ms).detail


@pytest.mark.parametrize(("state", "code"), [("suspended", "suspended"), ("left", "contract_left")])
@pytest.mark.parametrize("agency", [SENDER, "haven-support"])
def test_a_party_that_suspended_or_left_is_named(
    ask: Asked,
    contract: Contract,
    everyone: frozenset[str],
    noon: int,
    agency: str,
    state: Any,
    code: str,
) -> None:
    now = contract_status(contract, everyone, [Departure(agency, state, noon - 1)], noon)
    decision = ask(status=now)
    assert denied(decision) == (code, None)
    assert agency in decision.detail


@pytest.mark.parametrize(("state", "code"), [("suspended", "suspended"), ("left", "contract_left")])
def test_a_contract_of_one_says_so(
    ask: Asked, in_force: ContractStatus, state: Any, code: str
) -> None:
    assert denied(ask(status=replace(in_force, state=state))) == (code, None)


def without(contract: Contract, event_type: str, *paths: str) -> Contract:
    """The contract with a type that lacks these fields, and no other type."""
    terms = contract.event_types[event_type]
    fields = {path: field for path, field in terms.fields.items() if path not in paths}
    return contract.model_copy(
        update={"event_types": {event_type: terms.model_copy(update={"fields": fields})}}
    )


def test_a_field_without_an_addressed_reader_is_refused_under_its_own_clause(
    ask: Asked, contract: Contract
) -> None:
    decision = ask({**DATA, "witnesses": 2}, recipients=("haven-support",))
    clause = contract.event_types["referral.made"].fields["witnesses"].clause
    assert denied(decision) == ("field_not_granted", clause)
    assert decision.fields[0] == FieldDecision(
        "witnesses", "refused", frozenset(), clause, "field_not_granted"
    )


def test_unreadable_and_unsendable_fields_are_two_faults_of_one_denial(
    contract: Contract, in_force: ContractStatus, noon: int
) -> None:
    other = without(contract, "case.updated", "note", "borough")
    terms = other.event_types["case.updated"]
    data: dict[str, JSON] = {
        "case_id": CASE,
        "note": "x",
        "borough": "E09000007",
        "victim": {"name": "A", "date_of_birth": "1990-01-01"},
    }
    decision = Asked(other, in_force, noon)(
        data, "case.updated", sender="council-camden", recipients=("csu-camden",)
    )
    assert denied(decision) == ("field_not_granted", terms.clause)
    assert [(field.path, field.clause, field.reason) for field in decision.fields] == [
        ("note", None, "field_not_granted"),
        ("borough", None, "field_not_granted"),
        ("victim.name", terms.fields["victim.name"].clause, "sender_not_granted"),
        ("victim.date_of_birth", terms.fields["victim.date_of_birth"].clause, "sender_not_granted"),
    ]
    assert {(field.verdict, field.readers) for field in decision.fields} == {
        ("refused", frozenset())
    }


def test_fields_that_only_others_may_send_are_one_fault(
    contract: Contract, in_force: ContractStatus, noon: int
) -> None:
    decision = Asked(contract, in_force, noon)(
        {"case_id": CASE, "victim": {"name": "A"}},
        "case.updated",
        sender="council-camden",
        recipients=("csu-camden",),
    )
    assert denied(decision)[0] == "field_not_granted"
    assert "victim.name" in decision.detail


@pytest.mark.parametrize(
    ("changed", "code", "where"),
    [
        ({"to": (*TO, SENDER)}, "recipients_invalid", None),
        ({"me": "lantern-centre"}, "recipients_invalid", None),
        ({"flat": {**DATA, "victim.address": "B"}}, "field_not_granted", "victim.address"),
        (
            {
                "sender": "council-camden",
                "me": "csu-camden",
                "to": ("csu-camden",),
                "event_type": "case.updated",
                "flat": {"case_id": CASE, "victim.name": "A"},
            },
            "field_not_granted",
            "victim.name",
        ),
        (
            {"flat": {**DATA, "victim.name": "A", "consent.statistics": True}},
            "consent_missing",
            "victim.name",
        ),
        ({"flat": {"case_id": CASE, "referral_id": CASE}}, "event_invalid", "requested_service"),
    ],
)
def test_a_refusal_of_the_reader_is_one_sentence_and_names_the_field(
    contract: Contract, changed: dict[str, Any], code: str, where: str | None
) -> None:
    terms = contract.event_types["referral.made"]
    service = terms.fields["requested_service"].model_copy(update={"required": True})
    fields = {**terms.fields, "requested_service": service}
    types = {**contract.event_types, "referral.made": terms.model_copy(update={"fields": fields})}
    asked: dict[str, Any] = {
        "sender": SENDER,
        "me": "haven-support",
        "event_type": "referral.made",
        "to": TO,
        "flat": DATA,
        **changed,
    }
    with pytest.raises(EventError) as caught:
        receiver_check(contract.model_copy(update={"event_types": types}), **asked)
    error = caught.value
    assert (error.code, error.where) == (code, where)
