"""Victim information requests: who may ask, what a request holds, and a request with its answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.trial_agencies import london_agencies
from broker.event import JSON
from contracts.errors import EventError
from contracts.events import PlainEvent
from contracts.examples import example, permitted_types
from contracts.loading import shipped_terms
from contracts.policy import granted_from
from contracts.vocabulary import unflatten
from tests.support.founded_partnership import (
    COUNCIL,
    POLICE,
    SUPPORT,
    FoundedPartnership,
    found_with,
)
from tests.support.founding import cheap_scrypt
from tests.support.memory_partnership import opened_partnership

REQUESTED, ANSWERED = "information.requested", "information.answered"


@pytest.fixture(scope="module")
def agencies() -> FoundedPartnership:
    plans = [plan for plan in london_agencies() if plan.id in (POLICE, COUNCIL, SUPPORT)]
    with cheap_scrypt():
        return found_with(plans, shipped_terms("victim-information-requests"))


def test_only_the_role_of_authorised_persons_may_ask(agencies: FoundedPartnership) -> None:
    may = {one: permitted_types(agencies.contract, one) for one in (POLICE, COUNCIL, SUPPORT)}
    assert may == {
        POLICE: (REQUESTED, "information.corrected"),
        COUNCIL: (ANSWERED, "information.corrected"),
        SUPPORT: (ANSWERED, "information.corrected"),
    }
    assert not granted_from(agencies.contract, COUNCIL, SUPPORT, REQUESTED)


@pytest.mark.parametrize(
    ("without", "missing"),
    [
        ("tests.line_of_enquiry", "tests.line_of_enquiry"),
        ("tests.held", "tests.held"),
        ("tests.relevant", "tests.relevant"),
        ("tests.necessary", "tests.necessary"),
        ("tests.proportionate", "tests.proportionate"),
        ("tests.other_means_reason", "tests.other_means_reason"),
        ("counselling.rebuttal", "counselling.rebuttal"),
        ("counselling.approved_by", "counselling.approved_by"),
        ("information", "information"),
        ("period_from", "period_from"),
        ("omissions", "omissions"),
        ("notice.status", "notice.status"),
        ("counselling_asked", "counselling_asked"),
    ],
)
def test_a_request_lacks_none_of_what_the_act_asks_for(
    agencies: FoundedPartnership, without: str, missing: str
) -> None:
    of_type = agencies.contract.vocabulary.type(REQUESTED)
    flat = of_type.flatten(example(agencies.contract, POLICE, REQUESTED).data)
    del flat[without]
    with pytest.raises(EventError) as refusal:
        of_type.validate(unflatten(flat))
    assert (refusal.value.code, refusal.value.where) == ("event_invalid", missing)


def test_reasons_may_be_left_out_as_a_whole_with_a_stated_ground(
    agencies: FoundedPartnership,
) -> None:
    of_type = agencies.contract.vocabulary.type(REQUESTED)
    flat = of_type.flatten(example(agencies.contract, POLICE, REQUESTED).data)
    flat = {path: value for path, value in flat.items() if not path.startswith("tests.")}
    flat["omissions"] = [
        {"part": "reason", "ground": "serious_harm", "decided_by": "Detective inspector"}
    ]
    of_type.validate(unflatten(flat))


async def test_a_request_and_its_answer(agencies: FoundedPartnership, tmp_path: Path) -> None:
    partnership = opened_partnership(agencies, tmp_path)
    (asked,) = (await partnership.send(POLICE, REQUESTED, [SUPPORT])).values()
    assert asked.flat == partnership.event(POLICE, REQUESTED)  # a holder reads the whole request
    named: dict[str, JSON | None] = {"answers__source": POLICE, "answers__id": asked.id}
    (answer,) = (await partnership.send(SUPPORT, ANSWERED, (), **named)).values()
    assert answer.flat == partnership.event(SUPPORT, ANSWERED, **named)
    assert (answer.flat["outcome"], answer.flat["reason"]) == (
        "given_in_part",
        "counselling_presumption",
    )
    flat = partnership.event(POLICE, REQUESTED)
    with pytest.raises(EventError) as refusal:
        partnership.members[COUNCIL].publish(PlainEvent(REQUESTED, (SUPPORT,), unflatten(flat)))
    assert refusal.value.code == "type_not_permitted"
    assert {one: member.verify_log() for one, member in partnership.members.items()} == {
        POLICE: 2,
        SUPPORT: 2,
        COUNCIL: 0,
    }
    partnership.close()
