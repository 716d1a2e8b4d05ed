from __future__ import annotations

import copy

import pytest

from contracts.errors import EventError
from contracts.events import JSON
from tests.support.words import (
    EVENT_TYPES,
    flatten,
    leaves,
    required_leaves,
    restricted,
    unflatten,
    validate_event,
)

CASE = "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38"
SECRET = "Zephyrine Quillfeather"


def referral(**more: JSON) -> dict[str, JSON]:
    return {"case_id": CASE, "referral_id": CASE, "requested_service": "housing", **more}


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_case_id_is_required_in_every_type(event_type: str) -> None:
    assert "case_id" in required_leaves(event_type)
    assert required_leaves(event_type) <= set(leaves(event_type))


def test_a_minimal_event_is_valid_and_unchanged_by_validation() -> None:
    data = referral(victim={"name": SECRET}, witnesses=0)
    before = copy.deepcopy(data)
    validate_event("referral.made", data)
    assert data == before


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"victim": {"name": None}}, "victim.name"),
        ({"victim": {"name": ""}}, "victim.name"),
        ({"victim": {"name": 7}}, "victim.name"),
        ({"victim": {"name": "a\x00b"}}, "victim.name"),
        ({"victim": {"name": "\ud800"}}, "victim.name"),
        ({"victim": None}, "victim"),
        ({"victim": []}, "victim"),
        ({"victim": {"nickname": SECRET}}, "victim.nickname"),
        ({"victim": {SECRET: "x"}}, "victim.(a name that is not a field's)"),
        ({"nickname": SECRET}, "nickname"),
        ({"witnesses": True}, "witnesses"),
        ({"witnesses": 1.0}, "witnesses"),
        ({"witnesses": "1"}, "witnesses"),
        ({"witnesses": -1}, "witnesses"),
        ({"witnesses": 1000}, "witnesses"),
        ({"consent": {"statistics": "true"}}, "consent.statistics"),
        ({"consent": {"statistics": 1}}, "consent.statistics"),
        ({"incident": {"occurred_on": "2025-02-30"}}, "incident.occurred_on"),
        ({"incident": {"occurred_on": "30/01/2025"}}, "incident.occurred_on"),
        ({"incident": {"occurred_time": "24:00"}}, "incident.occurred_time"),
        ({"incident": {"strands": ["race", "race"]}}, "incident.strands"),
        ({"incident": {"strands": ["Race"]}}, "incident.strands[0]"),
        ({"incident": {"strands": "race"}}, "incident.strands"),
        ({"incident": {"borough": "E09000034"}}, "incident.borough"),
        ({"incident": {"narrative": "x" * 8001}}, "incident.narrative"),
        ({"alleged_perpetrators": [{"name": 3}]}, "alleged_perpetrators[0].name"),
        ({"intelligence": {"source_grade": "1"}}, "intelligence.information_grade"),
        ({"case_id": CASE.upper()}, "case_id"),
        ({"urgency": "whenever"}, "urgency"),
    ],
)
def test_a_value_not_as_agreed_is_refused_with_its_path_and_without_its_value(
    more: dict[str, JSON], where: str
) -> None:
    with pytest.raises(EventError) as caught:
        validate_event("referral.made", referral(**more))
    assert caught.value.code == "event_invalid"
    assert caught.value.where == where
    assert SECRET not in caught.value.diagnostics()


def test_a_missing_required_field_is_refused() -> None:
    with pytest.raises(EventError) as caught:
        validate_event("referral.made", {"case_id": CASE})
    assert caught.value.where == "referral_id"


def test_data_that_is_no_object_is_refused() -> None:
    with pytest.raises(EventError) as caught:
        validate_event("referral.made", [])  # type: ignore[arg-type]  # what a file may hold
    assert caught.value.where == "data"


def test_an_unknown_type_is_refused_by_name_of_the_reason() -> None:
    with pytest.raises(EventError) as caught:
        leaves("referral.imagined")
    assert caught.value.code == "type_unknown"


def test_a_list_is_one_leaf() -> None:
    data = referral(alleged_perpetrators=[{"name": "A"}, {}], incident={"strands": ["race"]})
    flat = flatten("referral.made", data)
    assert flat["alleged_perpetrators"] == [{"name": "A"}, {}]
    assert flat["incident.strands"] == ["race"]
    assert unflatten(flat) == data


@pytest.mark.parametrize("data", [{"imagined": 1}, {"victim": {"imagined": 1}}, {"victim": 3}])
def test_flattening_names_that_the_type_has_not_is_refused(data: dict[str, JSON]) -> None:
    with pytest.raises(EventError) as caught:
        flatten("referral.made", data)
    assert caught.value.code == "event_invalid"


def test_a_reader_accepts_exactly_its_paths() -> None:
    mine = restricted("referral.made", frozenset({"case_id", "victim.name", "incident.strands"}))
    mine.check({"case_id": CASE, "victim.name": SECRET})
    mine.check({"case_id": CASE})
    for wrong, where in (
        ({"case_id": CASE, "victim.address": "x"}, "victim.address"),
        ({"victim.name": SECRET}, "case_id"),
        ({"case_id": CASE, "victim.name": 4}, "victim.name"),
        ({"case_id": CASE, "incident.strands": ["x"]}, "incident.strands[0]"),
    ):
        with pytest.raises(EventError) as caught:
            mine.check(wrong)  # type: ignore[arg-type]  # mypy infers narrower dictionaries
        assert caught.value.code == "event_invalid"
        assert caught.value.where == where
        assert SECRET not in str(caught.value)


def test_a_reader_requires_only_what_it_may_read() -> None:
    assert restricted("referral.made", frozenset({"victim.name"})).required == frozenset()


def test_a_group_that_is_begun_must_be_whole_for_its_reader() -> None:
    paths = frozenset({"case_id", "answers.source", "answers.id"})
    mine = restricted("case.updated", paths)
    mine.check({"case_id": CASE})
    with pytest.raises(EventError) as caught:
        mine.check({"case_id": CASE, "answers.source": "other-agency-1"})
    assert caught.value.where == "answers.id"


def test_a_restriction_to_a_field_that_does_not_exist_is_refused() -> None:
    with pytest.raises(EventError) as caught:
        restricted("case.updated", frozenset({"imagined"}))
    assert caught.value.code == "event_invalid"
