"""Comparison of two vocabularies: what is new, gone or other, and what breaks a meaning.

A vocabulary that replaces another keeps the meaning of every path, code and scope that both have;
a new meaning needs a new name (docs/spec/vocabularies.md, "Replacing a vocabulary").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from contracts.vocabulary.event_types import EventType
from contracts.vocabulary.figures import Figures
from contracts.vocabulary.format import CodeList, FieldForm, Value, VocabularyForm
from contracts.vocabulary.vocabulary import Vocabulary

__all__ = ["VocabularyChange", "compare_vocabularies", "less_sensitive"]

_STRENGTH = {"none": 0, "personal": 1, "special-category": 2, "criminal-offence": 2}


@dataclass(frozen=True, slots=True)
class VocabularyChange:
    """One change.

    Attributes:
        path: place in the file, with dots.
        text: the change in words, without a full stop.
        breaks: whether a name that both have no longer means the same.
        lowered: the sensitivity before and now, of a field that the law protected more before.
    """

    path: str
    text: str
    breaks: bool = False
    lowered: tuple[str, str] | None = None


def less_sensitive(before: str, after: str) -> bool:
    """Return whether a sensitivity protects less than another, or not in the same way.

    Special category data and criminal offence data have conditions of their own, so neither takes
    the place of the other.
    """
    if _STRENGTH[before] == _STRENGTH[after]:
        return before != after
    return _STRENGTH[before] > _STRENGTH[after]


def compare_vocabularies(before: Vocabulary, after: Vocabulary) -> tuple[VocabularyChange, ...]:
    """Return the changes from one vocabulary to another, in the order of the file."""
    return tuple(_changes(before, after))


def _changes(before: Vocabulary, after: Vocabulary) -> Iterator[VocabularyChange]:
    old, new = before.form, after.form
    yield from _names("data_subjects", old.data_subjects, new.data_subjects)
    yield from _labels("data_subjects", old.data_subjects, new.data_subjects)
    yield from _names("event_types", old.event_types, new.event_types)
    for name in old.event_types.keys() & new.event_types.keys():
        yield from _type(before.event_types[name], after.event_types[name], old, new)
        yield from _conditions(before.event_types[name], after.event_types[name])
    yield from _names("code_lists", old.code_lists, new.code_lists)
    for name in sorted(old.code_lists.keys() & new.code_lists.keys()):
        codes, now = old.code_lists[name].codes, new.code_lists[name].codes
        yield from _names(f"code_lists.{name}.codes", codes, now)
        yield from _labels(f"code_lists.{name}.codes", codes, now)
        yield from _list(f"code_lists.{name}", old.code_lists[name], new.code_lists[name])
    yield from _kinds(old, new)
    yield from _items(old, new)
    yield from _consent(old, new)
    if old.parts.case != new.parts.case:
        yield VocabularyChange("parts.case", "another field is the id of the case", breaks=True)
    for member in ("urgent_types", "altering_types", "record_kinds", "depersonalised_kinds"):
        if getattr(old.parts, member) != getattr(new.parts, member):
            yield VocabularyChange(f"parts.{member}", "this part is played by others")
    if old.referrals != new.referrals:
        yield VocabularyChange("referrals", "the course of a referral is another")
    yield from _figures(before.figures, after.figures)
    if old.law != new.law:
        yield VocabularyChange("law", "what the law asks for is stated in another way")


def _names(
    path: str, before: Mapping[str, object], after: Mapping[str, object]
) -> Iterator[VocabularyChange]:
    for name in before:
        if name not in after:
            yield VocabularyChange(f"{path}.{name}", "is gone")
    for name in after:
        if name not in before:
            yield VocabularyChange(f"{path}.{name}", "is new")


def _labels(
    path: str, before: Mapping[str, str], after: Mapping[str, str]
) -> Iterator[VocabularyChange]:
    for name in before:
        if name in after and before[name] != after[name]:
            text = f"reads {after[name]!r} instead of {before[name]!r}; make sure it means the same"
            yield VocabularyChange(f"{path}.{name}", text)


def _list(path: str, before: CodeList, after: CodeList) -> Iterator[VocabularyChange]:
    if before.closed != after.closed:
        text = "other senders may use some of its codes, or until another day"
        yield VocabularyChange(f"{path}.closed", text)
    if before.others != after.others:
        text = (
            "takes no codes any more that are not in the list"
            if after.others is None
            else "takes codes of a pattern that are not in the list"
        )
        yield VocabularyChange(f"{path}.others", text)
    if (before.source, before.identifier) != (after.source, after.identifier):
        yield VocabularyChange(f"{path}.source", "is of another source")


def _kinds(old: VocabularyForm, new: VocabularyForm) -> Iterator[VocabularyChange]:
    yield from _names("kinds", old.kinds, new.kinds)
    for name in sorted(old.kinds.keys() & new.kinds.keys()):
        before, after = old.kinds[name], new.kinds[name]
        if before.pattern != after.pattern:
            text = "has another pattern; make sure that its values mean the same"
            yield VocabularyChange(f"kinds.{name}.pattern", text)
        if (before.text, before.integer) != (after.text, after.integer):
            yield VocabularyChange(f"kinds.{name}", "has other limits")


def _items(old: VocabularyForm, new: VocabularyForm) -> Iterator[VocabularyChange]:
    """Compare the objects of which lists consist, field by field."""
    for name in sorted(old.items.keys() & new.items.keys()):
        before, after = old.items[name].fields, new.items[name].fields
        path = f"items.{name}"
        yield from _names(path, before, after)
        for field in before:
            if field not in after:
                continue
            at = f"{path}.{field}"
            if _value_shape(old, before[field].value) != _value_shape(new, after[field].value):
                yield VocabularyChange(at, "has values of another kind", breaks=True)
            if before[field].required != after[field].required:
                text = "is required now" if after[field].required else "is not required any more"
                yield VocabularyChange(at, text)
            if before[field].label != after[field].label:
                yield VocabularyChange(at, "has another label; make sure it means the same")


def _type(
    before: EventType, after: EventType, old: VocabularyForm, new: VocabularyForm
) -> Iterator[VocabularyChange]:
    path = f"event_types.{before.name}"
    yield from _names(path, before.leaves, after.leaves)
    for name, leaf in before.leaves.items():
        if name not in after.leaves:
            continue
        now = after.leaves[name]
        at = f"{path}.{name}"
        if _shape(old, leaf.form) != _shape(new, now.form):
            yield VocabularyChange(at, "has values of another kind", breaks=True)
        if leaf.form.data_subject != now.form.data_subject:
            yield VocabularyChange(at, "is about other people", breaks=True)
        if leaf.form.identifies > now.form.identifies:
            yield VocabularyChange(at, "does not identify a person any more", breaks=True)
        was, then = leaf.form.sensitivity or "none", now.form.sensitivity or "none"
        if less_sensitive(was, then):
            text = f"has the sensitivity {then} now, and had {was}: it is protected less"
            yield VocabularyChange(at, text, breaks=True, lowered=(was, then))
        if leaf.form.category != now.form.category:
            yield VocabularyChange(at, f"is of the category {now.form.category} now")
        if leaf.form.longest != now.form.longest and None not in {
            leaf.form.longest,
            now.form.longest,
        }:
            yield VocabularyChange(at, f"has at most {now.form.longest} values now")
        if leaf.required != now.required:
            text = "is required now" if now.required else "is not required any more"
            yield VocabularyChange(at, text)
        if leaf.form.label != now.form.label:
            yield VocabularyChange(at, "has another label; make sure it means the same")


def _conditions(before: EventType, after: EventType) -> Iterator[VocabularyChange]:
    """Compare what is required beside which value; the meaning of a name stays the same."""
    old, new = (
        {
            (one.field, value, path): one.text
            for one in each.conditions
            for value in (sorted(one.values, key=str) if one.values is not None else (None,))
            for path in one.required
        }
        for each in (before, after)
    )
    for field, value, path in dict.fromkeys((*old, *new)):
        key = (field, value, path)
        where = f"event_types.{before.name}.conditions.{path}"
        beside = field if value is None else f"{field} {value}"
        if key not in old:
            yield VocabularyChange(where, f"is required beside {beside} now")
        elif key not in new:
            yield VocabularyChange(where, f"is not required beside {beside} any more")
        elif old[key] != new[key]:
            yield VocabularyChange(where, f"has another reason beside {beside}: {new[key]!r}")


def _shape(form: VocabularyForm, field: FieldForm) -> tuple[object, ...]:
    """Return what a field holds, without the limits of its values."""
    how = "list" if field.list_of is not None else "set" if field.set_of is not None else "one"
    return how, *_value_shape(form, field.value)


def _value_shape(form: VocabularyForm, value: Value) -> tuple[object, ...]:
    kind = form.kinds.get(value.kind or "")
    if kind is None:
        return value.kind, value.code, value.object
    if kind.pattern is not None:
        return value.kind, None, None
    return "integer" if kind.integer is not None else "text", None, None


def _consent(old: VocabularyForm, new: VocabularyForm) -> Iterator[VocabularyChange]:
    if old.consent is None or new.consent is None:
        if old.consent != new.consent:
            gone = new.consent is None
            yield VocabularyChange(
                "consent",
                "is gone: no consent is asked for any more" if gone else "is new",
                breaks=gone,
            )
        return
    yield from _names("consent.scopes", old.consent.scopes, new.consent.scopes)
    yield from _labels("consent.scopes", old.consent.scopes, new.consent.scopes)
    for path, scope in old.consent.answers.items():
        now = new.consent.answers.get(path)
        if now is not None and now != scope:
            yield VocabularyChange(
                f"consent.answers.{path}", f"answers {now} instead of {scope}", breaks=True
            )
    if old.consent.identity != new.consent.identity:
        yield VocabularyChange("consent.identity", "another scope is needed to identify", True)


def _figures(old: Figures | None, new: Figures | None) -> Iterator[VocabularyChange]:
    """Compare what is counted; a dimension that both have keeps its values and its consent."""
    if old is None or new is None:
        if old is not new:
            text = "are not counted any more" if new is None else "are counted now"
            yield VocabularyChange("figures", text)
        return
    yield from _names("figures.dimensions", old.dimensions, new.dimensions)
    for name, before in old.dimensions.items():
        after = new.dimensions.get(name)
        if after is None:
            continue
        at = f"figures.dimensions.{name}"
        if before.several != after.several:
            text = "has several values at once now" if after.several else "has one value now"
            yield VocabularyChange(at, text, breaks=True)
        if before.leaves != after.leaves:
            yield VocabularyChange(f"{at}.leaves", "other fields give the value")
        if before.label != after.label:
            yield VocabularyChange(at, "has another label; make sure it means the same")
    if old.answer != new.answer:
        yield VocabularyChange(
            "figures.consent", "another answer decides whether a case is counted", breaks=True
        )
    if old.corrected != new.corrected:
        yield VocabularyChange("figures.corrected", "another event type corrects what is counted")
    if (old.recording, old.third_party) != (new.recording, new.third_party):
        text = "cases are told apart by another dimension, or named in other words"
        yield VocabularyChange("figures.recording", text)
