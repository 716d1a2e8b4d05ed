"""Vocabularies in words: one vocabulary for an officer, and what changes to the next one."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.markup import Block, Bullets, Document, Heading, MarkupTable, Paragraph
from contracts.names import require_known
from contracts.vocabulary.comparison import VocabularyChange, compare_vocabularies
from contracts.vocabulary.conditions import Condition
from contracts.vocabulary.event_types import EventType
from contracts.vocabulary.figures import Figures
from contracts.vocabulary.format import FieldForm, VocabularyForm
from contracts.vocabulary.vocabulary import Vocabulary

__all__ = ["condition_in_words", "vocabulary_changes", "vocabulary_document"]


def vocabulary_document(vocabulary: Vocabulary, event_type: str | None = None) -> Document:
    """Return a vocabulary for people: its types with their fields, then its code lists.

    Args:
        vocabulary: the vocabulary.
        event_type: only this type and the lists that it uses; None for all.

    Raises:
        UnknownNameError: `type_unknown`.
    """
    if event_type is not None:
        require_known(
            "event type", event_type, vocabulary.event_types, code="type_unknown", exact=True
        )
    return Document(vocabulary.form.title, tuple(_blocks(vocabulary, event_type)))


def _blocks(vocabulary: Vocabulary, only: str | None) -> Iterator[Block]:
    form = vocabulary.form
    yield Paragraph(
        f"Vocabulary {form.vocabulary} of {form.dated}. Source: {form.source}. "
        f"SHA-256 {vocabulary.hash}."
    )
    shown = [one for name, one in vocabulary.event_types.items() if only in {None, name}]
    yield Heading("Event types")
    for one in shown:
        yield Heading(one.name, 3)
        yield Paragraph(one.description)
        yield _fields(form, one)
        if one.conditions:
            yield Paragraph("Some fields are required beside certain values:")
            yield MarkupTable(
                ("field", "is required when", "rule"),
                tuple(
                    (path, condition_in_words(form, one, each), each.text)
                    for each in one.conditions
                    for path in each.required
                ),
            )
    if only is None and form.consent is not None:
        yield Heading("Consent")
        yield MarkupTable(
            ("scope", "what is asked", "field with the answer"),
            tuple(
                (scope, words, vocabulary.answer_to[scope])
                for scope, words in form.consent.scopes.items()
            ),
        )
    if only is None and vocabulary.figures is not None:
        yield from _figures(vocabulary.figures)
    yield from _lists(form, shown)


def _figures(figures: Figures) -> Iterator[Block]:
    yield Heading("Figures")
    answer = figures.answer
    yield Paragraph(
        "Cases are counted by these dimensions. "
        + (
            f"A case is counted only if the answer {answer} is yes, where its events ask."
            if answer is not None
            else "They are counted without a question about consent."
        )
    )
    yield MarkupTable(
        ("dimension", "what it is", "values at once", "given by"),
        tuple(
            (
                name,
                one.label,
                "several" if one.several else "one",
                "; ".join(f"{path} of {of_type}" for of_type, path in one.leaves.items()),
            )
            for name, one in figures.dimensions.items()
        ),
    )


def _fields(form: VocabularyForm, of_type: EventType) -> MarkupTable:
    return MarkupTable(
        ("field", "what it is", "values", "sensitivity", "about", "in every event"),
        tuple(
            (
                path,
                leaf.form.label or "",
                _values(leaf.form),
                f"{leaf.form.sensitivity}{', identifies' if leaf.form.identifies else ''}",
                form.data_subjects.get(leaf.form.data_subject or "", ""),
                "yes" if leaf.required else "",
            )
            for path, leaf in of_type.leaves.items()
        ),
    )


def condition_in_words(form: VocabularyForm, of_type: EventType, condition: Condition) -> str:
    """Return when a condition holds, with the words of its codes."""
    if condition.values is None:
        return f"{condition.field} is there"
    code = of_type.leaves[condition.field].form.value.code
    labels = form.code_lists[code].codes if code is not None else {True: "yes", False: "no"}
    words = [str(labels[value]) for value in sorted(condition.values, key=str)]  # type: ignore[index]  # a value of the list
    return f"{condition.field} is {' or '.join(words)}"


def _values(field: FieldForm) -> str:
    value = field.value
    one = f"list {value.code}" if value.code else value.object or value.kind or ""
    return one if field.longest is None else f"up to {field.longest} of {one}"


def _lists(form: VocabularyForm, shown: list[EventType]) -> Iterator[Block]:
    used = {leaf.form.value.code for one in shown for leaf in one.leaves.values()}
    for item in form.items.values():
        used |= {field.value.code for field in item.fields.values()}
    names = [name for name in form.code_lists if name in used]
    if names:
        yield Heading("Code lists")
    for name in names:
        listed = form.code_lists[name]
        yield Heading(name, 3)
        other = " Other codes of the agreed form are valid too." if listed.others else ""
        yield Paragraph(f"Of {listed.dated}. Source: {listed.source}.{other}")
        yield MarkupTable(("code", "meaning"), tuple(listed.codes.items()))


def vocabulary_changes(before: Vocabulary, after: Vocabulary) -> Document:
    """Return what changes from one vocabulary to another; changes that break a meaning come first.

    Args:
        before: the vocabulary that is replaced.
        after: the one that replaces it.
    """
    changes = compare_vocabularies(before, after)
    title = f"{before.form.vocabulary}: from {before.form.dated} to {after.form.dated}"
    return Document(title, tuple(_change_blocks(changes)))


def _change_blocks(changes: tuple[VocabularyChange, ...]) -> Iterator[Block]:
    broken = [each for each in changes if each.breaks]
    others = [each for each in changes if not each.breaks]
    if not changes:
        yield Paragraph("Nothing changes.")
    if broken:
        yield Heading("Changes that give a known name another meaning")
        yield Paragraph("An agreement cannot replace the old vocabulary by this one.")
        yield Bullets.of(*(f"{each.path} {each.text}" for each in broken))
    if others:
        yield Heading("Other changes")
        yield Bullets.of(*(f"{each.path} {each.text}" for each in others))
