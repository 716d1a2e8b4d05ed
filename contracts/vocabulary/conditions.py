"""Conditional requirements of an event type: fields that an event needs beside other values.

The sender judges them on the whole event, as its author wrote it, before consent or a grant takes a
field away. A reader does not judge them: it cannot tell a field that the author forgot from one
that it may not have (docs/adr/0094-conditional-requirements-are-judged-at-the-sender.md).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from contracts.hidden_characters import blank
from contracts.strict_yaml import Fault, TreePath
from contracts.vocabulary.format import ConditionForm, FieldForm, VocabularyForm

__all__ = ["Condition", "compile_conditions", "faulty_conditions"]


@dataclass(frozen=True, slots=True)
class Condition:
    """One conditional requirement, compiled.

    Attributes:
        field: leaf path on which it depends.
        values: codes or truth values of which the leaf has one; None: it is enough that it is
            there.
        required: leaf paths that the event then needs.
        text: the rule for an officer.
    """

    field: str
    values: frozenset[str | bool] | None
    required: tuple[str, ...]
    text: str

    def holds(self, flat: Mapping[str, object]) -> bool:
        """Return whether an event with these valid leaves meets the condition."""
        value = flat.get(self.field)
        if not _says_something(value):
            return False
        if self.values is None:
            return True
        found = value if isinstance(value, list) else (value,)
        return not self.values.isdisjoint(found)

    def missing(self, flat: Mapping[str, object], possible: Collection[str]) -> str | None:
        """Return the first leaf path that these leaves lack, of those that they can have.

        Args:
            flat: valid leaves by dotted path.
            possible: leaf paths that the sender may send and an addressed agency may read.
        """
        for path in self.required:
            if not _says_something(flat.get(path)) and path in possible and self.holds(flat):
                return path
        return None


def _says_something(value: object) -> bool:
    """Return whether a leaf counts as present: an empty list and a blank text do not."""
    if isinstance(value, list):
        return any(_says_something(item) for item in value)
    return value is not None and not (isinstance(value, str) and blank(value))


def compile_conditions(forms: Iterable[ConditionForm]) -> tuple[Condition, ...]:
    """Return the conditions of an event type."""
    return tuple(
        Condition(
            one.when.field,
            None if one.when.has is None else frozenset(one.when.has),
            one.required,
            one.text,
        )
        for one in forms
    )


def faulty_conditions(form: VocabularyForm) -> Iterator[Fault]:
    """Yield each condition whose leaves or values do not exist, that asks for nothing or turns."""
    for name, event_type in form.event_types.items():
        leaves = {path: (field, always) for path, field, always, _ in form.leaves_of(name)}
        after: dict[str, set[str]] = {}
        for index, one in enumerate(event_type.conditions):
            at: TreePath = ("event_types", name, "conditions", index)
            asked = leaves.get(one.when.field)
            if asked is None:
                yield (*at, "when", "field"), f"{one.when.field} is not a field of this type"
            else:
                yield from _values(form, (*at, "when"), one, asked[0])
            yield from _required(at, one, leaves)
            for path in one.required:
                after.setdefault(path, set()).add(one.when.field)
        try:
            TopologicalSorter(after).prepare()
        except CycleError as error:
            path = str(error.args[1][0])
            yield (
                ("event_types", name, "conditions"),
                f"the conditions turn in a circle through {path}",
            )


def _required(
    at: TreePath, one: ConditionForm, leaves: Mapping[str, tuple[FieldForm, bool]]
) -> Iterator[Fault]:
    for path in one.required:
        if path not in leaves:
            yield (*at, "required"), f"{path} is not a field of this type"
        elif leaves[path][1]:
            yield (
                (*at, "required"),
                f"every event of this type has {path}, so it needs no condition",
            )
    if len(set(one.required)) != len(one.required):
        yield (*at, "required"), "a field is named twice"


def _values(
    form: VocabularyForm, at: TreePath, one: ConditionForm, field: FieldForm
) -> Iterator[Fault]:
    if one.when.has is None:
        return
    value = field.value
    known: Set[str | bool] = set()
    if value.code is not None:
        known = set(form.code_lists[value.code].codes)
        if form.code_lists[value.code].others is not None:
            yield at, f"a rule depends on {value.code}, so this list cannot have others"
    elif value.kind == "boolean":
        known = {True, False}
    for each in one.when.has:
        if each not in known or (isinstance(each, bool) != (value.kind == "boolean")):
            yield (*at, "has"), f"{each} is not a value of {one.when.field}"
    if len(set(one.when.has)) != len(one.when.has):
        yield (*at, "has"), "a value is named twice"
