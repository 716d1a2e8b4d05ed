"""Simulation: it answers as the decision does, for each recipient, without dates or keys."""

from __future__ import annotations

import pytest

from contracts.decision import decide
from contracts.events import PlainEvent
from contracts.examples import example
from contracts.model import Contract
from contracts.simulation import simulate
from contracts.status import ContractStatus
from tests.support.words import flatten

SENDER = "csu-camden"


@pytest.fixture
def event(contract: Contract) -> PlainEvent:
    return example(contract, SENDER, "referral.made")


def consenting(event: PlainEvent, **answers: bool) -> PlainEvent:
    consent = {**event.data["consent"], **answers}  # type: ignore[dict-item]
    return PlainEvent(event.type, event.recipients, {**event.data, "consent": consent})


@pytest.mark.parametrize(
    "answers",
    [{}, {"share_identity": False}, {"support_contact": False}, {"pass_to_police": False}],
)
def test_each_recipient_reads_what_the_decision_gives_it(
    contract: Contract,
    in_force: ContractStatus,
    noon: int,
    event: PlainEvent,
    answers: dict[str, bool],
) -> None:
    asked = consenting(event, **answers)
    decision = decide(contract, in_force, SENDER, asked.recipients, asked, noon)
    simulated = simulate(contract, SENDER, asked)
    assert simulated.permitted == decision.permitted
    for agency, view in simulated.recipients.items():
        assert set(view.reads) == {
            one.path
            for one in decision.fields
            if agency in one.readers and one.path in decision.flat
        }


def test_each_field_is_read_or_left_out_with_reason_and_clause(
    contract: Contract, event: PlainEvent
) -> None:
    simulated = simulate(contract, SENDER, consenting(event, support_contact=False))
    flat = set(flatten(event.type, event.data))
    for view in simulated.recipients.values():
        assert {*view.reads, *(one.field for one in view.left_out)} == flat
        assert all(one.clause for one in view.left_out)
    reasons = {
        agency: {one.field: one.reason for one in view.left_out}
        for agency, view in simulated.recipients.items()
    }
    assert reasons["haven-support"]["victim.name"] == "consent_missing"
    assert reasons["haven-support"]["victim.address"] == "not_a_reader"
    assert "victim.name" not in reasons["council-camden"]


def test_a_version_that_is_not_in_force_can_be_tried(contract: Contract, event: PlainEvent) -> None:
    later = contract.model_copy(update={"starts": contract.ends})
    assert simulate(later, SENDER, event).permitted


@pytest.mark.parametrize(
    ("recipients", "code"),
    [
        ((), "recipients_invalid"),
        (("stranger",), "party_unknown"),
        ((SENDER,), "recipients_invalid"),
        (("cps-london",), "recipient_not_permitted"),
    ],
)
def test_an_event_that_would_be_refused_has_its_code(
    contract: Contract, event: PlainEvent, recipients: tuple[str, ...], code: str
) -> None:
    simulated = simulate(contract, SENDER, PlainEvent(event.type, recipients, event.data))
    assert (simulated.code, dict(simulated.recipients)) == (code, {})


def test_a_field_that_the_sender_may_not_send_is_left_out_with_its_reason(
    contract: Contract, event: PlainEvent
) -> None:
    terms = contract.event_types[event.type]
    needs = terms.fields["victim.needs"].model_copy(update={"senders": ("council",)})
    changed = terms.model_copy(update={"fields": {**terms.fields, "victim.needs": needs}})
    narrowed = contract.model_copy(
        update={"event_types": {**contract.event_types, event.type: changed}}
    )
    view = simulate(narrowed, SENDER, event).recipients["haven-support"]
    assert {one.field: one.reason for one in view.left_out}["victim.needs"] == "sender_not_granted"
