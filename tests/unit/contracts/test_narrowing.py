"""Fields of an export that may not be sent are left out, each with a reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.decision import without_ungranted
from contracts.events import JSON, PlainEvent
from contracts.model import Contract
from contracts.policy import FieldDecision
from tests.unit.contracts.asked import CASE, SENDER

TO = ("cps-london",)
TYPE = "case.updated"
DATA: dict[str, JSON] = {"case_id": CASE, "plea": "guilty", "victim": {"name": "A"}}
EVENT = PlainEvent(TYPE, TO, DATA)


def changed(contract: Contract, path: str, **terms: object) -> Contract:
    """The contract with other terms of one field."""
    return with_fields(
        contract, {path: contract.event_types[TYPE].fields[path].model_copy(update=terms)}
    )


def with_fields(contract: Contract, fields: dict[str, object], less: str = "") -> Contract:
    of_type = contract.event_types[TYPE]
    all_fields = {**of_type.fields, **fields}
    all_fields.pop(less, None)
    types = {TYPE: of_type.model_copy(update={"fields": all_fields})}
    return contract.model_copy(update={"event_types": {**contract.event_types, **types}})


def left_out(path: str, clause: str | None, reason: str) -> FieldDecision:
    return FieldDecision(path, "left_out", frozenset(), clause, reason)


def test_an_event_that_may_be_sent_as_it_is_stays_the_same_object(contract: Contract) -> None:
    event, gone = without_ungranted(contract, SENDER, EVENT)
    assert event is EVENT
    assert gone == ()


def test_a_field_that_no_addressed_agency_may_read_is_left_out(contract: Contract) -> None:
    narrow = changed(contract, "plea", readers=("police",))
    event, gone = without_ungranted(narrow, SENDER, EVENT)
    clause = contract.event_types[TYPE].fields["plea"].clause
    assert event == replace(EVENT, data={"case_id": CASE, "victim": {"name": "A"}})
    assert gone == (left_out("plea", clause, "field_not_granted"),)


def test_a_field_that_the_contract_does_not_have_is_left_out_without_a_clause(
    contract: Contract,
) -> None:
    narrow = with_fields(contract, {}, less="plea")
    event, gone = without_ungranted(narrow, SENDER, EVENT)
    assert "plea" not in event.data
    assert gone == (left_out("plea", None, "field_not_granted"),)


def test_a_field_that_the_sender_may_not_send_is_left_out(contract: Contract) -> None:
    narrow = changed(contract, "victim.name", senders=("prosecution",))
    event, gone = without_ungranted(narrow, SENDER, EVENT)
    clause = contract.event_types[TYPE].fields["victim.name"].clause
    assert event == replace(EVENT, data={"case_id": CASE, "plea": "guilty"})
    assert gone == (left_out("victim.name", clause, "sender_not_granted"),)


def test_the_kind_of_record_decides_although_it_is_left_out_itself(contract: Contract) -> None:
    narrow = changed(contract, "record_type", readers=("police",))
    fields = contract.event_types[TYPE].fields
    record = replace(EVENT, data={**DATA, "record_type": "hate_incident"})
    event, gone = without_ungranted(narrow, SENDER, record)
    assert event.data == {"case_id": CASE, "plea": "guilty"}
    assert set(gone) == {
        left_out("victim.name", fields["victim.name"].clause, "incident_depersonalised"),
        left_out("record_type", fields["record_type"].clause, "field_not_granted"),
    }
    crime = replace(EVENT, data={**DATA, "record_type": "hate_crime"})
    event, gone = without_ungranted(narrow, SENDER, crime)
    assert [one.path for one in gone] == ["record_type"]
    assert event.data == DATA


def test_a_kind_of_record_that_is_sent_is_left_to_the_decision(contract: Contract) -> None:
    narrow = changed(contract, "plea", readers=("police",))
    record = replace(EVENT, data={**DATA, "record_type": "hate_incident"})
    event, gone = without_ungranted(narrow, SENDER, record)
    assert [one.path for one in gone] == ["plea"]
    assert event.data["victim"] == {"name": "A"}


@pytest.mark.parametrize(
    "event",
    [
        replace(EVENT, recipients=("made-up",)),
        replace(EVENT, type="made.up"),
        replace(EVENT, data={**DATA, "plea": "perhaps"}),
        replace(EVENT, data={**DATA, "made_up": 1}),
    ],
    ids=["recipient", "type", "value", "field"],
)
def test_an_event_that_is_refused_anyway_is_not_narrowed(
    contract: Contract, event: PlainEvent
) -> None:
    narrow = changed(contract, "victim.name", readers=("police",))
    assert without_ungranted(narrow, SENDER, event) == (event, ())


def test_an_event_that_cannot_be_without_a_field_is_not_narrowed(contract: Contract) -> None:
    narrow = changed(contract, "case_id", readers=("police",))
    event, gone = without_ungranted(narrow, SENDER, EVENT)
    assert event is EVENT
    assert gone == ()
