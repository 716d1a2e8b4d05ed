"""Lint of a vocabulary: what loads, and still should be corrected before an agreement pins it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from contracts.findings import Finding
from contracts.lint_rules import finding, in_force, number_limit
from contracts.vocabulary.format import FieldForm, Value, VocabularyForm
from contracts.vocabulary.vocabulary import Vocabulary

__all__ = ["lint_vocabulary"]


def lint_vocabulary(vocabulary: Vocabulary, today: date) -> tuple[Finding, ...]:
    """Return what should be corrected, by the dated list of rules."""
    form = vocabulary.form
    found = (
        *_labels(vocabulary),
        *_free_text(vocabulary),
        *_unused(form),
        *_old(form, today),
        *_answers(vocabulary),
        *_always(vocabulary),
        *_figures(form),
    )
    return tuple(in_force(found, today))


def _labels(vocabulary: Vocabulary) -> Iterator[Finding]:
    for of_type in vocabulary.event_types.values():
        for path, leaf in of_type.leaves.items():
            if not leaf.form.label:
                yield finding("label-missing", "field", f"event_types.{of_type.name}.{path}")


def _free_text(vocabulary: Vocabulary) -> Iterator[Finding]:
    for of_type in vocabulary.event_types.values():
        for path, leaf in of_type.leaves.items():
            kind = vocabulary.form.kinds.get(leaf.form.value.kind or "")
            free = kind is not None and kind.text is not None
            if free and leaf.form.sensitivity == "none":
                yield finding("free-text-unmarked", "text", f"event_types.{of_type.name}.{path}")


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
                yield finding("unused", "unused", f"{member}.{name}")


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
        if (today - listed.dated).days > number_limit("list-old", "days"):
            yield finding("list-old", "old", f"code_lists.{name}", dated=listed.dated)


def _answers(vocabulary: Vocabulary) -> Iterator[Finding]:
    if vocabulary.form.consent is None:
        return
    for of_type in vocabulary.event_types.values():
        identifies = any(leaf.form.identifies for leaf in of_type.leaves.values())
        if identifies and vocabulary.answers.keys().isdisjoint(of_type.leaves):
            yield finding("answers-missing", "never", f"event_types.{of_type.name}")


def _figures(form: VocabularyForm) -> Iterator[Finding]:
    if form.consent is not None and form.figures is not None and form.figures.consent is None:
        yield finding("figures-consent", "none", "figures.consent")


def _always(vocabulary: Vocabulary) -> Iterator[Finding]:
    form = vocabulary.form
    for of_type in vocabulary.event_types.values():
        for index, one in enumerate(of_type.conditions):
            leaf = of_type.leaves[one.field]
            code = leaf.form.value.code
            values = set(form.code_lists[code].codes) if code is not None else {True, False}
            if leaf.required and (one.values is None or one.values >= values):
                yield finding(
                    "condition-always", "always", f"event_types.{of_type.name}.conditions.{index}"
                )
