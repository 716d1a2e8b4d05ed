"""References inside a vocabulary: every used name must be defined, and every part must fit.

A vocabulary that fails here cannot be loaded, because a rule of the engine would look for a field
or code that no event has.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date

from contracts.strict_yaml import Fault, TreePath
from contracts.vocabulary.conditions import faulty_conditions
from contracts.vocabulary.figures import faulty_figures
from contracts.vocabulary.format import FieldForm, Value, VocabularyForm
from contracts.vocabulary.name_forms import BUILT_IN
from contracts.vocabulary.part_forms import ReferralsForm
from contracts.vocabulary.patterns import parse_pattern, regular_expression

__all__ = ["vocabulary_faults"]

_RESERVED = "concordant."
_MOST_LEAVES = 256


def vocabulary_faults(form: VocabularyForm) -> Iterator[Fault]:
    """Yield each name that is used but not defined, and each part that does not fit."""
    faults = [*_lists(form), *_closed_in_items(form), *_objects(form), *_types(form)]
    yield from faults
    if not faults:  # parts and conditions name leaves, which exist only in sound types
        leaves = {
            name: {path: field for path, field, _, _ in form.leaves_of(name)}
            for name in form.event_types
        }
        yield from faulty_conditions(form)
        yield from _parts(form, leaves)
        yield from _law(form, leaves)
        yield from _consent(form, leaves)
        yield from _referrals(form, leaves)
        yield from faulty_figures(form, leaves)


def _lists(form: VocabularyForm) -> Iterator[Fault]:
    for name, listed in form.code_lists.items():
        yield from _not_later(("code_lists", name, "dated"), listed.dated, form.dated)
        if listed.others is not None:
            further = re.compile(regular_expression(parse_pattern(listed.others)))
            for code in listed.codes:
                if not further.fullmatch(code):
                    yield ("code_lists", name, "codes", code), "others does not match this code"
        yield from _unknown(
            ("code_lists", name, "closed"), listed.closed, listed.codes, "code of this list"
        )
        if listed.closed:
            yield from _fixed(form, ("code_lists", name, "others"), name)
    for name in form.kinds.keys() & BUILT_IN:
        yield ("kinds", name), "this kind is built in and keeps its meaning"


def _closed_in_items(form: VocabularyForm) -> Iterator[Fault]:
    """Yield the use of lists with closed codes in objects of lists, where no sender checks them."""
    for name, item in form.items.items():
        for field, item_form in item.fields.items():
            listed = form.code_lists.get(item_form.value.code or "")
            if listed is not None and listed.closed:
                at: TreePath = ("items", name, "fields", field)
                yield at, f"{item_form.value.code} has closed codes, so only a field may use it"


def _not_later(at: TreePath, listed: date, vocabulary: date) -> Iterator[Fault]:
    if listed > vocabulary:
        yield at, "the list is newer than the vocabulary; give the vocabulary a later day"


def _objects(form: VocabularyForm) -> Iterator[Fault]:
    for name, item in form.items.items():
        for field, item_form in item.fields.items():
            yield from _value(form, ("items", name, "fields", field), item_form.value)
    for name, below in form.objects.items():
        for field, field_form in below.fields.items():
            at: TreePath = ("objects", name, "fields", field)
            if field_form.object is not None:
                yield at, "an object's field cannot be an object again"
            else:
                yield from _field(form, at, field_form)


def _types(form: VocabularyForm) -> Iterator[Fault]:
    for name, event_type in form.event_types.items():
        if name.startswith(_RESERVED):
            yield ("event_types", name), f"types of the protocol itself begin with {_RESERVED}"
        sound = True
        for field, field_form in event_type.fields.items():
            at: TreePath = ("event_types", name, "fields", field)
            if field_form.object is None:
                yield from _field(form, at, field_form)
            elif field_form.object not in form.objects:
                sound = False
                yield at, f"{field_form.object} is not an object of this file"
        if sound and sum(1 for _ in form.leaves_of(name)) > _MOST_LEAVES:
            yield ("event_types", name), f"a type has at most {_MOST_LEAVES} fields"


def _field(form: VocabularyForm, at: TreePath, field: FieldForm) -> Iterator[Fault]:
    yield from _value(form, at, field.value)
    if field.data_subject not in form.data_subjects:
        yield (*at, "data_subject"), f"{field.data_subject} is not one of data_subjects"


def _value(form: VocabularyForm, at: TreePath, value: Value) -> Iterator[Fault]:
    if value.kind is not None and value.kind not in BUILT_IN | form.kinds.keys():
        yield at, f"{value.kind} is neither a built-in kind nor one of kinds"
    if value.code is not None and value.code not in form.code_lists:
        yield at, f"{value.code} is not one of code_lists"
    if value.object is not None and value.object not in form.items:
        yield at, f"{value.object} is not one of items, of which lists consist"


def _parts(form: VocabularyForm, leaves: Mapping[str, Mapping[str, FieldForm]]) -> Iterator[Fault]:
    parts = form.parts
    for name in form.event_types:
        required = {path for path, _, everywhere, _ in form.leaves_of(name) if everywhere}
        if parts.case not in required:
            yield (
                ("event_types", name, "fields"),
                f"every type needs the required field {parts.case}, which parts.case names",
            )
    for member in ("urgent_types", "altering_types"):
        yield from _unknown(
            ("parts", member), getattr(parts, member), form.event_types, "event type of this file"
        )
    kinds: set[str] = set()
    for path in parts.record_kinds:
        fields = [each[path] for each in leaves.values() if path in each]
        if not fields or any(field.code is None for field in fields):
            yield ("parts", "record_kinds"), f"{path} is not a field with one code of a list"
        for field in fields:
            kinds |= set(_codes_of(form, field))
            yield from _fixed(form, ("parts", "record_kinds"), field.code)
    yield from _unknown(
        ("parts", "depersonalised_kinds"), parts.depersonalised_kinds, kinds, "code of these fields"
    )
    if parts.depersonalised_kinds and parts.depersonalised_record is None:
        yield ("parts", "depersonalised_record"), "the records need a name in words"


def _law(form: VocabularyForm, leaves: Mapping[str, Mapping[str, FieldForm]]) -> Iterator[Fault]:
    paths = {path for each in leaves.values() for path in each}
    subjects = form.law.criminal_offence_subjects
    yield from _unknown(
        ("law", "criminal_offence_subjects"), subjects, form.data_subjects, "data subject"
    )
    for index, each in enumerate(form.law.acknowledgements):
        yield from _unknown(
            ("law", "acknowledgements", index, "fields"), each.fields, paths, "field of any type"
        )


def _consent(
    form: VocabularyForm, leaves: Mapping[str, Mapping[str, FieldForm]]
) -> Iterator[Fault]:
    consent = form.consent
    if consent is None:
        return
    at = ("consent", "answers")
    for path, scope in consent.answers.items():
        fields = [each[path] for each in leaves.values() if path in each]
        if not fields or any(field.kind != "boolean" for field in fields):
            yield (*at, path), "an answer is a field of kind boolean of some event type"
        yield from _unknown((*at, path), [scope], consent.scopes, "scope")
    asked = list(consent.answers.values())
    for scope in consent.scopes:
        if asked.count(scope) != 1:
            yield ("consent", "scopes", scope), "each scope has exactly one answer"
    yield from _unknown(("consent", "identity"), [consent.identity], consent.scopes, "scope")
    objects = {path.partition(".")[0] for path in consent.answers if "." in path}
    for each in leaves.values():
        for path in each:
            if path.partition(".")[0] in objects and path not in consent.answers and "." in path:
                yield at, f"{path} stands beside the answers and has no scope"


def _referrals(
    form: VocabularyForm, leaves: Mapping[str, Mapping[str, FieldForm]]
) -> Iterator[Fault]:
    rules = form.referrals
    if rules is None:
        return
    at = ("referrals",)
    for part in ("made", "changed"):
        named = getattr(rules, part).model_dump()
        paths = leaves.get(named.pop("type"))
        if paths is None:
            yield (*at, part, "type"), "this is not an event type of this file"
            continue
        for member, path in named.items():
            yield from _unknown((*at, part, member), [path], paths, "field of this type")
    for member in ("status_list", "reason_list"):
        yield from _unknown(
            (*at, member), [getattr(rules, member)], form.code_lists, "code list of this file"
        )
    if rules.status_list not in form.code_lists or rules.changed.type not in leaves:
        return
    statuses = form.code_lists[rules.status_list].codes
    yield from _referral_lists(form, leaves, rules)
    for member in (
        "unacknowledged", "unanswered", "open", "terminal", "reason_required", "called_off",
    ):  # fmt: skip
        yield from _unknown((*at, member), getattr(rules, member), statuses, "status")
    yield from _unknown((*at, "first"), [rules.first], statuses, "status")
    business = _codes_of(form, leaves[rules.changed.type].get(rules.changed.business_status))
    yield from _unknown(
        (*at, "cancellation_requested"), rules.cancellation_requested, business, "business status"
    )
    for side in ("referrer", "fulfiller"):
        allowed = getattr(rules, side)
        for before, after in allowed.transitions.items():
            place = (*at, side, "transitions", before)
            yield from _unknown(place, [before, *after], statuses, "status")
            if before in rules.terminal:
                yield place, "nothing follows a terminal status"
        yield from _unknown((*at, side, "business"), allowed.business, business, "business status")
    if rules.made.type in leaves:
        urgency = _codes_of(form, leaves[rules.made.type].get(rules.made.urgency))
        yield from _unknown((*at, "urgent"), rules.urgent, urgency, "code of urgency")


def _referral_lists(
    form: VocabularyForm,
    leaves: Mapping[str, Mapping[str, FieldForm]],
    rules: ReferralsForm,
) -> Iterator[Fault]:
    """Yield each field of a referral with another list, and each extensible list of them."""
    at, changed = ("referrals",), leaves[rules.changed.type]
    for path, expected in (
        (rules.changed.status, rules.status_list),
        (rules.changed.previous_status, rules.status_list),
        (rules.changed.reason, rules.reason_list),
    ):
        named = changed.get(path)
        if named is not None and named.code != expected:
            yield (*at, "changed"), f"{path} has to hold one code of {expected}"
    coded = [changed.get(rules.changed.business_status)]
    coded.append(leaves.get(rules.made.type, {}).get(rules.made.urgency))
    codes = [field.code for field in coded if field is not None]
    for name in (rules.status_list, rules.reason_list, *codes):
        yield from _fixed(form, at, name)


def _codes_of(form: VocabularyForm, field: FieldForm | None) -> Collection[str]:
    return form.code_lists[field.code].codes if field is not None and field.code else ()


def _fixed(form: VocabularyForm, at: TreePath, name: str | None) -> Iterator[Fault]:
    """Yield a fault if a list on which a rule depends takes codes that it does not have."""
    if name in form.code_lists and form.code_lists[name].others is not None:
        yield at, f"a rule depends on {name}, so this list cannot have others"


def _unknown(
    at: TreePath, used: Iterable[str], known: Collection[str], what: str
) -> Iterator[Fault]:
    for name in used:
        if name not in known:
            yield at, f"{name} is not a {what}"
