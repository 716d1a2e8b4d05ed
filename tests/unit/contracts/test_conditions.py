"""Fields that an event needs beside other values: their format, the sender's check, and exports."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from contracts.data_dictionary import dictionary_rows
from contracts.decision import decide, receiver_check
from contracts.errors import ContractError
from contracts.events import JSON, PlainEvent
from contracts.hidden_characters import blank
from contracts.lint import lint_text
from contracts.loading import ContractText
from contracts.markup import written
from contracts.model import Contract
from contracts.typed_models import party_schemas, typed_module
from contracts.vocabulary import Vocabulary, parse_vocabulary, unflatten
from contracts.vocabulary.comparison import compare_vocabularies
from contracts.vocabulary.conditions import Condition
from contracts.vocabulary.json_schema import json_schema
from contracts.vocabulary.known import named_vocabulary, shipped_vocabulary_files
from contracts.vocabulary.lint import lint_vocabulary
from contracts.vocabulary.report import vocabulary_document
from contracts.vocabulary.samples import sample_values
from tests.conformance.vocabularies import _tells
from tests.unit.contracts.asked import CASE, DATA, Asked
from tests.unit.contracts.test_shipped_agreements import TODAY, complete

SHIPPED = [named_vocabulary(name) for name in shipped_vocabulary_files()]
RULES = [
    (words.form.vocabulary, name, condition.field, value, path)
    for words in SHIPPED
    for name, of_type in words.event_types.items()
    for condition in of_type.conditions
    for value in sorted(condition.values or (), key=str)
    for path in condition.required
]
"""Each conditional requirement of the shipped vocabularies."""
RAW = shipped_vocabulary_files()["domestic-abuse"].decode()
INTELLIGENCE: dict[str, JSON] = {
    "source_grade": "1", "information_grade": "A", "handling_code": "C",
}  # fmt: skip


def altered(old: str, new: str) -> Vocabulary:
    assert RAW.count(old) >= 1, old
    return parse_vocabulary(RAW.replace(old, new, 1).encode(), "mine.yaml")


# --- the file -------------------------------------------------------------------------------------

ESCALATION = "when: {field: criteria, has: [potential_escalation]}"
WRONG = {
    "a leaf that is not there": (ESCALATION, "when: {field: criterion}", "when.field"),
    "a code that is not in the list": ("has: [potential_escalation]", "has: [rising]", "when.has"),
    "a truth value of a code": ("has: [potential_escalation]", "has: [true]", "when.has"),
    "a code twice": ("has: [professional_judgement]", "has: [repeat, repeat]", "when.has"),
    "a code of a truth value": (ESCALATION, "when: {field: told, has: [yes]}", "when.has"),
    "a value of a text": (ESCALATION, "when: {field: wishes, has: [x]}", "when.has"),
    "no value": ("has: [potential_escalation]", "has: []", "when.has"),
    "an extensible list": (
        ESCALATION, "when: {field: requested_service, has: [marac]}", "conditions[2].when",
    ),
    "a required leaf that is not there": (
        "required: [risk.escalation]", "required: [risk.rising]", "required",
    ),
    "an object": ("required: [risk.escalation]", "required: [risk]", "required"),
    "a leaf that every event has": (
        "required: [risk.escalation]", "required: [sharing.reason]", "required",
    ),
    "nothing required": ("required: [risk.escalation]", "required: []", "required"),
    "a required leaf twice": (
        "required: [risk.escalation]", "required: [told, told]", "required",
    ),
    "a leaf that requires itself": (
        ESCALATION, "when: {field: risk.escalation}", "conditions",
    ),
    "a circle": (
        ESCALATION + "\n        required: [risk.escalation]",
        "when: {field: risk.score}\n        required: [wishes]\n        text: x\n"
        "      - when: {field: wishes}\n        required: [risk.score]",
        "conditions",
    ),
    "another member": (ESCALATION, "unless: x\n        " + ESCALATION, "unless"),
}  # fmt: skip


@pytest.mark.parametrize("fault", WRONG)
def test_a_condition_at_fault_is_refused_with_its_place(fault: str) -> None:
    old, new, where = WRONG[fault]
    with pytest.raises(ContractError) as caught:
        altered(old, new)
    assert caught.value.code == "vocabulary_invalid"
    assert where in f"{caught.value.where} {caught.value.detail}"


@pytest.mark.parametrize("words", SHIPPED, ids=lambda words: words.form.vocabulary)
def test_a_sample_of_every_type_meets_its_conditions(words: Vocabulary) -> None:
    for name, of_type in words.event_types.items():
        flat = dict(sample_values(words, name))
        assert of_type.unmet(flat, flat.keys()) is None


def test_each_shipped_vocabulary_states_what_its_forms_demand() -> None:
    asked = {(vocabulary, field, value, path) for vocabulary, _, field, value, path in RULES}
    assert asked >= {
        ("domestic-abuse", "sharing.answer", "refused", "sharing.reason_text"),
        ("domestic-abuse", "criteria", "professional_judgement", "risk.judgement"),
        ("domestic-abuse", "criteria", "potential_escalation", "risk.escalation"),
        ("victim-information", "notice.status", "not_given", "notice.exception"),
        ("victim-information", "outcome", "refused", "reason_text"),
        ("victim-information", "counselling_asked", True, "counselling.rebuttal"),
        ("hate-crime", "intelligence.handling_code", "C", "intelligence.handling_conditions"),
    }


# --- the rule -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("vocabulary", "event_type", "field", "value", "path"), RULES)
def test_a_field_is_required_beside_the_value_and_only_then(
    vocabulary: str, event_type: str, field: str, value: Any, path: str
) -> None:
    of_type = named_vocabulary(vocabulary).type(event_type)
    flat = dict(sample_values(named_vocabulary(vocabulary), event_type))
    lists = of_type.leaves[field].form.longest is not None
    flat[field] = [value] if lists else value
    own = next(one for one in of_type.conditions if path in one.required)
    for absent in ({k: v for k, v in flat.items() if k != path}, {**flat, path: []}):
        found = of_type.unmet(absent, flat.keys())
        assert found is not None
        assert found[1] == path
        assert of_type.unmet(absent, flat.keys() - {path}) is None  # it cannot be sent
    rest = {k: v for k, v in flat.items() if k not in (field, *own.required)}
    assert of_type.unmet(rest, flat.keys()) is None or field in rest


def test_a_condition_of_presence_needs_a_leaf_with_a_value() -> None:
    words = altered(ESCALATION, "when: {field: risk.factors}")
    of_type = words.type("marac.referred")
    possible = of_type.leaves.keys()
    assert of_type.unmet({"risk.factors": []}, possible) is None
    assert of_type.unmet({"risk.factors": ["weapons"]}, possible) is not None
    assert of_type.unmet({"risk.factors": ["weapons"], "risk.escalation": "x"}, possible) is None


@pytest.mark.parametrize(
    "text", ["", " ", "\t\n", "\u00a0", "\u200b", "\u3000\u2800", "\u202e \ufe0f"]
)
def test_a_text_without_a_visible_character_counts_as_missing(text: str) -> None:
    required = Condition("a", None, ("b",), "x")
    for absent in (text, [text], [text, text]):
        assert required.missing({"a": True, "b": absent}, {"b"}) == "b"
        assert required.missing({"a": absent}, {"b"}) is None
    for there in (f"{text}-", [text, "-"], False, 0):
        assert required.missing({"a": True, "b": there}, {"b"}) is None


@given(st.text(), st.booleans())
def test_the_second_reader_sees_the_same_blank_texts(text: str, listed: bool) -> None:
    assert _tells([text] if listed else text) != blank(text)


def referral(**intelligence: JSON) -> dict[str, JSON]:
    return {"data": {"intelligence": {**INTELLIGENCE, **intelligence}}}


def test_the_sender_is_told_the_field_the_reason_and_the_rule(ask: Asked) -> None:
    done = ask(sender="haven-support", recipients=("csu-camden",), **referral())
    assert (done.permitted, done.code) == (False, "condition_unmet")
    assert done.detail.startswith("intelligence.handling_conditions: ")
    assert "intelligence.handling_code" in done.detail
    assert "3x5x2" in done.detail
    assert done.clause
    conditions: list[JSON] = ["not_to_subject"]
    for kept in (referral(handling_conditions=conditions), referral(handling_code="P")):
        assert ask(sender="haven-support", recipients=("csu-camden",), **kept).permitted


def test_an_event_that_was_judged_whole_may_lack_what_others_read(ask: Asked) -> None:
    done = ask(sender="haven-support", recipients=("csu-camden",), again=True, **referral())
    assert done.permitted


def test_a_reason_that_the_list_lacks_is_explained(ask: Asked) -> None:
    data: dict[str, JSON] = {
        "case_id": CASE,
        "referral_id": CASE,
        "version": 2,
        "previous_status": "requested",
        "status": "rejected",
        "reason": "other",
    }
    event: dict[str, Any] = {"type": "referral.status-changed", "recipients": ("csu-lewisham",)}
    assert ask.of(data, **event).code == "condition_unmet"
    assert ask.of({**data, "note": "The family wrote to us."}, **event).permitted


def test_consent_takes_a_required_field_away_without_a_refusal(ask: Asked) -> None:
    text = shipped_vocabulary_files()["hate-crime"].decode()
    rule = "when: {field: intelligence.handling_code, has: [C]}"
    asked = "        required: [intelligence.handling_conditions]"
    text = text.replace(rule, "when: {field: urgency, has: [urgent]}").replace(
        asked, "        required: [victim.name]"
    )
    contract = ask.contract.model_copy()
    contract.__dict__["vocabulary"] = parse_vocabulary(text.encode(), "mine.yaml")
    named: dict[str, JSON] = {"urgency": "urgent", "victim": {"name": "Zephyrine"}}
    done = ask(contract=contract, recipients=("council-camden",), data=named)
    assert done.permitted
    assert "victim.name" not in done.flat  # there is no consent
    done = ask(contract=contract, recipients=("council-camden",), data={"urgency": "urgent"})
    assert done.code == "condition_unmet"


def test_a_reader_takes_an_event_without_the_field(contract: Contract) -> None:
    flat: dict[str, JSON] = {**DATA, **{f"intelligence.{k}": v for k, v in INTELLIGENCE.items()}}
    to = ("csu-camden",)
    receiver_check(contract, "haven-support", "csu-camden", "referral.made", to, flat)
    of_type = contract.vocabulary.type("referral.made")
    of_type.restricted(frozenset(of_type.leaves)).check(flat)


def test_a_field_that_no_addressed_agency_may_read_is_not_asked_for(ask: Asked) -> None:
    """The contract decides what may flow; a vocabulary cannot widen it."""
    contract = ask.contract
    terms = contract.event_types["referral.made"]
    fields = {
        path: field
        for path, field in terms.fields.items()
        if path != "intelligence.handling_conditions"
    }
    types = {**contract.event_types, "referral.made": terms.model_copy(update={"fields": fields})}
    narrower = contract.model_copy(update={"event_types": types})
    narrower.__dict__["vocabulary"] = contract.vocabulary
    event = PlainEvent(
        "referral.made",
        ("csu-camden",),
        DATA | referral()["data"],  # type: ignore[operator]  # a dict
    )
    done = decide(narrower, ask.status, "haven-support", ("csu-camden",), event, ask.now)
    assert done.permitted
    found = [
        one
        for one in lint_text(ContractText(narrower, b"", b"", "x"), TODAY)
        if one.rule == "required-not-granted"
    ]
    assert [one.where for one in found] == [
        "event_types.referral.made.fields.intelligence.handling_conditions"
    ]


@pytest.mark.parametrize("name", ["marac-domestic-abuse", "victim-information-requests"])
def test_a_shipped_agreement_grants_what_its_vocabulary_requires(name: str) -> None:
    found = lint_text(complete(name), TODAY)
    assert [one for one in found if one.rule == "required-not-granted"] == []


# --- exports --------------------------------------------------------------------------------------


@given(st.data())
def test_the_json_schema_states_the_same_rule(data: st.DataObject) -> None:
    words = data.draw(st.sampled_from(SHIPPED))
    name = data.draw(st.sampled_from([n for n, t in words.event_types.items() if t.conditions]))
    of_type = words.type(name)
    flat = dict(sample_values(words, name))
    for condition in of_type.conditions:
        code = of_type.leaves[condition.field].form.value.code
        values = [True, False] if code is None else list(words.code_lists[code].codes)
        value = data.draw(st.sampled_from(values))
        listed = of_type.leaves[condition.field].form.longest is not None
        flat[condition.field] = [value] if listed else value  # type: ignore[assignment,list-item]  # JSON
        for path in condition.required:
            if data.draw(st.booleans()):
                flat.pop(path, None)
    schema = {"allOf": json_schema(words.form, name)["allOf"]}
    valid = bool(Draft202012Validator(schema).is_valid(unflatten(flat)))
    assert valid == (of_type.unmet(flat, of_type.leaves.keys()) is None)


def test_only_the_schema_of_what_a_party_sends_has_the_conditions(contract: Contract) -> None:
    schemas = party_schemas(contract, "csu-camden", "referral.made")
    assert "allOf" in schemas["sends"]["referral.made"]
    assert "allOf" not in schemas["receives"]["referral.made"]
    module = typed_module(contract, "csu-camden")
    rule = "Required: intelligence.handling_conditions."
    assert module.count(rule) == 1


def test_people_read_the_conditions(contract: Contract) -> None:
    rows = {
        (r.event_type, r.field): r.required_when for r in dictionary_rows(contract, "csu-camden")
    }
    told = rows["referral.made", "intelligence.handling_conditions"]
    assert told == "intelligence.handling_code is Lawful sharing permitted with conditions"
    assert rows["referral.made", "urgency"] == ""
    shown = written(vocabulary_document(named_vocabulary("domestic-abuse")), "md")
    assert "A referral because of escalation states how the abuse has grown worse." in shown


def test_a_new_requirement_is_a_change_that_keeps_every_meaning() -> None:
    words = named_vocabulary("domestic-abuse")
    more = altered("has: [potential_escalation]", "has: [potential_escalation, repeat]")
    (change,) = compare_vocabularies(words, more)
    assert (change.path, change.breaks) == (
        "event_types.marac.referred.conditions.risk.escalation", False,
    )  # fmt: skip
    assert "is required beside criteria repeat now" in change.text
    (change,) = compare_vocabularies(more, words)
    assert "not required beside criteria repeat any more" in change.text
    reworded = altered("A referral because of escalation states", "It states")
    assert [one.breaks for one in compare_vocabularies(words, reworded)] == [False]


def test_a_condition_that_always_holds_is_a_finding() -> None:
    every = "has: [agreed, refused, not_asked_unsafe, not_reached]"
    words = altered(
        "when: {field: sharing.answer, has: [refused]}", f"when: {{field: sharing.answer, {every}}}"
    )
    found = [one.rule for one in lint_vocabulary(words, TODAY)]
    assert "condition-always" in found
