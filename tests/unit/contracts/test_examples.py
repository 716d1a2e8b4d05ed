from __future__ import annotations

from datetime import date

import pytest

from contracts.decision import decide, receiver_check
from contracts.errors import EventError
from contracts.events import JSON
from contracts.examples import example, permitted_recipients, permitted_types
from contracts.model import Contract, topic_name, trial_topic_name
from contracts.status import ContractStatus
from tests.support.words import EVENT_TYPES, flatten, restricted
from tests.unit.contracts.asked import granted_to

SENDERS = (
    "csu-camden",
    "csu-lewisham",
    "cps-london",
    "council-camden",
    "council-lewisham",
    "haven-support",
    "lantern-centre",
)


def texts(value: JSON) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts(item)]
    return []


def cases(contract: Contract) -> list[tuple[str, str]]:
    return [(s, t) for s in SENDERS for t in permitted_types(contract, s)]


def test_every_example_may_be_sent_and_read(
    contract: Contract, in_force: ContractStatus, noon: int
) -> None:
    for sender, event_type in cases(contract):
        event = example(contract, sender, event_type)
        assert event == example(contract, sender, event_type)
        assert event.recipients == permitted_recipients(contract, sender, event_type)
        decision = decide(contract, in_force, sender, event.recipients, event, noon)
        assert decision.permitted
        assert decision.left_out == ()
        assert "case_id" in decision.flat
        for reader in event.recipients:
            granted = granted_to(contract, event_type, reader)
            mine = {p: v for p, v in decision.flat.items() if p in granted}
            receiver_check(contract, sender, reader, event_type, event.recipients, mine)
            restricted(event_type, granted).check(mine)


def test_examples_fill_every_field_that_the_sender_may_send(contract: Contract) -> None:
    for sender, event_type in cases(contract):
        event = example(contract, sender, event_type)
        terms = contract.event_types[event_type].fields
        role = contract.role_of[sender]
        roles = {contract.role_of[r] for r in event.recipients}
        assert set(flatten(event_type, event.data)) == {
            path
            for path, field in terms.items()
            if roles & set(field.readers) and (not field.senders or role in field.senders)
        }


def test_no_value_is_part_of_a_name_that_stands_on_the_wire(contract: Contract) -> None:
    names = [*SENDERS, contract.deployment, contract.name, date.today().isoformat()]
    for terms in contract.event_types.values():
        names += [topic_name(contract, terms.topic), trial_topic_name(contract, terms.topic)]
    for sender, event_type in cases(contract):
        for text in texts(example(contract, sender, event_type).data):
            assert len(text) < 6 or not any(text in name or name in text for name in names)


def test_at_least_one_type_is_read_differently_by_two_of_those_addressed(
    contract: Contract,
) -> None:
    for sender, event_type in cases(contract):
        readers = example(contract, sender, event_type).recipients
        if len({granted_to(contract, event_type, reader) for reader in readers}) > 1:
            return
    pytest.fail("every type is read alike by everyone")


def test_every_type_has_a_publisher(contract: Contract) -> None:
    assert {t for _, t in cases(contract)} == set(EVENT_TYPES)


def test_an_agency_that_may_not_publish_gets_no_example(contract: Contract) -> None:
    with pytest.raises(EventError) as caught:
        example(contract, "haven-support", "case.updated")
    assert caught.value.code == "type_not_permitted"
    with pytest.raises(EventError) as unknown:
        example(contract, "haven-support", "case.imagined")
    assert unknown.value.code == "type_unknown"
    assert permitted_types(contract, "elsewhere") == ()
    assert permitted_recipients(contract, "haven-support", "case.updated") == ()
    assert permitted_recipients(contract, "haven-support", "case.imagined") == ()
