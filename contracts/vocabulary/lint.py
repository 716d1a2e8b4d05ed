"""Lint of a vocabulary: what loads, and still should be corrected before an agreement pins it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from types import MappingProxyType
from typing import Final

from contracts.findings import Finding
from contracts.vocabulary.format import FieldForm, Value, VocabularyForm
from contracts.vocabulary.vocabulary import Vocabulary

__all__ = ["VOCABULARY_RULES", "lint_vocabulary"]

VOCABULARY_RULES: Final = MappingProxyType(
    {
        "condition-always": "a condition holds for every value, so the field is simply required",
        "answers-missing": "a type identifies people and carries no answer about consent",
        "label-missing": "a field has no words for people who do not know its name",
        "list-old": "a code list is older than five years",
        "free-text-unmarked": "a field of kind text is marked as not personal data",
        "unused": "a kind, list, object or item is not used",
    }
)
"""Rules of this module, each with what it finds."""
_OLD_DAYS: Final = 5 * 365


def lint_vocabulary(vocabulary: Vocabulary, today: date) -> tuple[Finding, ...]:
    """Return what should be corrected, in the order of the file."""
    form = vocabulary.form
    return (
        *_labels(vocabulary),
        *_free_text(vocabulary),
        *_unused(form),
        *_old(form, today),
        *_answers(vocabulary),
        *_always(vocabulary),
    )


def _labels(vocabulary: Vocabulary) -> Iterator[Finding]:
    for of_type in vocabulary.event_types.values():
        for path, leaf in of_type.leaves.items():
            if not leaf.form.label:
                yield Finding(
                    "label-missing",
                    "warning",
                    f"event_types.{of_type.name}.{path}",
                    "an officer would read only the field's name; give it a label",
                )


def _free_text(vocabulary: Vocabulary) -> Iterator[Finding]:
    for of_type in vocabulary.event_types.values():
        for path, leaf in of_type.leaves.items():
            kind = vocabulary.form.kinds.get(leaf.form.value.kind or "")
            free = kind is not None and kind.text is not None
            if free and leaf.form.sensitivity == "none":
                yield Finding(
                    "free-text-unmarked",
                    "warning",
                    f"event_types.{of_type.name}.{path}",
                    "people write about people in a free text; say whom it may be about",
                )


def _unused(form: VocabularyForm) -> Iterator[Finding]:
    values = [*_values(form)]
    used = {
        "kinds": {value.kind for value in values},
        "code_lists": {value.code for value in values},
        "items": {value.object for value in values},
        "objects": {
            field.object for each in form.event_types.values() for field in each.fields.values()
        },
    }
    if form.referrals is not None:
        used["code_lists"] |= {form.referrals.status_list, form.referrals.reason_list}
    for member, names in used.items():
        for name in getattr(form, member):
            if name not in names:
                yield Finding("unused", "warning", f"{member}.{name}", "no field uses it")


def _values(form: VocabularyForm) -> Iterator[Value]:
    fields: list[FieldForm] = [
        field
        for each in (*form.event_types.values(), *form.objects.values())
        for field in each.fields.values()
    ]
    for field in fields:
        if field.object is None:
            yield field.value
    for item in form.items.values():
        for item_field in item.fields.values():
            yield item_field.value


def _old(form: VocabularyForm, today: date) -> Iterator[Finding]:
    for name, listed in form.code_lists.items():
        if (today - listed.dated).days > _OLD_DAYS:
            yield Finding(
                "list-old",
                "warning",
                f"code_lists.{name}",
                f"the list is of {listed.dated}; see whether its source has a newer one",
            )


def _answers(vocabulary: Vocabulary) -> Iterator[Finding]:
    if vocabulary.form.consent is None:
        return
    for of_type in vocabulary.event_types.values():
        identifies = any(leaf.form.identifies for leaf in of_type.leaves.values())
        if identifies and vocabulary.answers.keys().isdisjoint(of_type.leaves):
            yield Finding(
                "answers-missing",
                "warning",
                f"event_types.{of_type.name}",
                "its identifying fields never depend on consent; every agreement has to say why",
            )


def _always(vocabulary: Vocabulary) -> Iterator[Finding]:
    form = vocabulary.form
    for of_type in vocabulary.event_types.values():
        for index, one in enumerate(of_type.conditions):
            leaf = of_type.leaves[one.field]
            code = leaf.form.value.code
            values = set(form.code_lists[code].codes) if code is not None else {True, False}
            if leaf.required and (one.values is None or one.values >= values):
                yield Finding(
                    "condition-always",
                    "warning",
                    f"event_types.{of_type.name}.conditions.{index}",
                    "every event meets this condition; mark the fields as required instead",
                )
