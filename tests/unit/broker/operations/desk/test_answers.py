"""Reading of what a person typed: values of the event, and problems that name the field."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.operations.desk.answers import AnswerProblem, Texts, read_answers
from broker.operations.desk.entry_fields import EntryField, entry_fields
from contracts.vocabulary import unflatten
from tests.support.founded_partnership import COUNCIL, MADE, POLICE, SUPPORT, founded

CONTRACT = founded().contract
TYPE = CONTRACT.vocabulary.type(MADE)
YES: Mapping[str, bool] = dict.fromkeys(CONTRACT.vocabulary.answers, True)
FIELDS: tuple[EntryField, ...] = entry_fields(CONTRACT, SUPPORT, (COUNCIL, POLICE), MADE, YES)
ENOUGH: Texts = {"requested_service": ["housing"]}


def problems(texts: Texts) -> tuple[AnswerProblem, ...]:
    return read_answers(TYPE, FIELDS, {**ENOUGH, **texts})[1]


@pytest.mark.parametrize(
    ("path", "typed", "value"),
    [
        ("victim.name", [" Noor  "], "Noor"),
        ("victim.date_of_birth", ["1991-03-14"], "1991-03-14"),
        ("incident.occurred_time", ["9.05"], "09:05"),
        ("incident.known_to_police", ["no"], False),
        ("witnesses", ["0"], 0),
        ("incident.strands", ["race", "religion"], ["race", "religion"]),
        ("alleged_perpetrators", [{"name": ""}, {"name": "A"}], [{"name": "A"}]),
    ],
)
def test_texts_become_values(path: str, typed: list[object], value: object) -> None:
    flat, found = read_answers(TYPE, FIELDS, {**ENOUGH, path: typed})  # type: ignore[dict-item]  # of a test
    assert (flat[path], found) == (value, ())
    TYPE.validate(unflatten({**flat, "case_id": ID, "referral_id": ID}))


ID = "0f0e0d0c-0b0a-4908-8706-050403020100"


@pytest.mark.parametrize(
    ("path", "typed", "fault"),
    [
        ("victim.date_of_birth", ["1991-02-30"], "not_a_day"),
        ("victim.date_of_birth", ["yesterday"], "not_a_day"),
        ("incident.occurred_time", ["25:00"], "not_a_time"),
        ("incident.known_to_police", ["perhaps"], "not_yes_or_no"),
        ("witnesses", ["-1"], "not_a_number"),
        ("witnesses", ["1000"], "not_a_number"),
        ("witnesses", ["two"], "not_a_number"),
        ("victim.name", ["x" * 301], "too_long"),
        ("requested_service", ["not a code"], "not_listed"),
        ("incident.strands", ["race", "not a code"], "not_listed"),
        ("incident.strands", ["race", "race"], "wrong_form"),
        ("victim.postcode", ["postcode"], "wrong_form"),
        ("victim.email", ["not an address"], "wrong_form"),
        ("victim.name", ["a\x00b"], "wrong_form"),
        ("alleged_perpetrators", [{"name": "A"}] * 21, "too_many"),
    ],
)
def test_a_wrong_text_is_one_problem_of_its_field(
    path: str, typed: list[object], fault: str
) -> None:
    (problem,) = problems({path: typed})  # type: ignore[dict-item]  # of a test
    assert (problem.path, problem.fault) == (path, fault)


def test_a_missing_required_field_is_named() -> None:
    assert read_answers(TYPE, FIELDS, {})[1] == (AnswerProblem("requested_service", "missing"),)


def test_a_rule_of_the_vocabulary_names_the_field_that_it_needs() -> None:
    graded = {
        "intelligence.source_grade": ["1"],
        "intelligence.information_grade": ["A"],
        "intelligence.handling_code": ["C"],
    }
    (problem,) = problems(graded)
    assert (problem.path, problem.fault) == ("intelligence.handling_conditions", "needed")
    assert problem.detail in {condition.text for condition in TYPE.conditions}
    (problem,) = problems({"intelligence.handling_code": ["P"], "intelligence.source_grade": ["1"]})
    assert (problem.path, problem.fault) == ("intelligence.information_grade", "missing")


def test_a_fault_of_an_item_names_the_item_and_its_field() -> None:
    (problem,) = problems({"alleged_perpetrators": [{"name": "A"}, {"name": "x" * 301}]})
    assert (problem.fault, problem.item, problem.part) == ("too_long", 1, "name")


@given(
    st.dictionaries(
        st.sampled_from([field.path for field in FIELDS]),
        st.lists(st.text(max_size=20) | st.dictionaries(st.text(max_size=8), st.text(max_size=8)),
                 max_size=4),
        max_size=6,
    )
)  # fmt: skip
def test_any_texts_without_a_problem_are_a_valid_event(texts: Texts) -> None:
    flat, found = read_answers(TYPE, FIELDS, {**ENOUGH, **texts})
    if not found:
        TYPE.validate(unflatten({**flat, "case_id": ID, "referral_id": ID}))
