"""Fields of an event in words: labels, codes and groups of its vocabulary; what is withheld."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from broker.event import OpenedEvent
from broker.operations.desk.languages import LANGUAGES
from contracts.events import JSON
from contracts.model import Contract
from contracts.vocabulary import Vocabulary
from contracts.vocabulary.event_types import Leaf
from contracts.vocabulary.format import Value
from contracts.withheld import WithheldReason, withheld_reasons

Shown: TypeAlias = "str | int | bool | Mapping[str, str | int | bool]"
"""A value in words: text, number, truth value, or label to value of an object."""


@dataclass(frozen=True, slots=True)
class ShownField:
    """A field that has a value.

    Attributes:
        path: leaf path.
        label: the field in words.
        group: the object that it belongs to in words; empty for a field of the event itself.
        values: the value, or the items of a list.
        kind: built-in kind of the value, if it has one, such as `day`.
        unlisted: whether a code is not in its list.
    """

    path: str
    label: str
    group: str
    values: tuple[Shown, ...]
    kind: str | None
    unlisted: bool


@dataclass(frozen=True, slots=True)
class WithheldField:
    """A field that this agency does not receive; whether the sender filled it is unknown.

    Attributes:
        path: leaf path.
        label: the field in words.
        reason: `field_not_granted` or `consent_missing`.
        clause: clause of the agreement about the field, if it has one.
        readers: roles that may read it.
    """

    path: str
    label: str
    reason: WithheldReason
    clause: str | None
    readers: tuple[str, ...]


def shown_fields(
    vocabulary: Vocabulary,
    event_type: str,
    flat: Mapping[str, JSON],
    unlisted: Iterable[str] = (),
    without: Iterable[str] = (),
) -> tuple[ShownField, ...]:
    """Return the fields of an event in the vocabulary's order.

    Args:
        vocabulary: that of its agreement.
        event_type: its type.
        flat: its leaves by path.
        unlisted: leaf paths with a code that is not in its list.
        without: leaf paths to leave out.
    """
    leaves, left_out = vocabulary.type(event_type).leaves, frozenset(without)
    return tuple(
        ShownField(
            path,
            leaf_label(leaf),
            group_of(vocabulary, event_type, path),
            shown_values(vocabulary, leaf.form.value, flat[path]),
            leaf.form.value.kind,
            path in unlisted,
        )
        for path, leaf in leaves.items()
        if path in flat and path not in left_out
    )


def withheld_fields(
    contract: Contract, event: OpenedEvent, reader: str
) -> tuple[WithheldField, ...]:
    """Return the fields of a received event that this agency does not receive, and why.

    Args:
        contract: its agreement.
        event: the event.
        reader: this agency.
    """
    reasons = withheld_reasons(contract, event.source, reader, event.type, event.withheld)
    terms = contract.event_types[event.type].fields
    leaves = contract.vocabulary.type(event.type).leaves
    return tuple(
        WithheldField(
            path,
            leaf_label(leaf),
            reasons[path],
            terms[path].clause if path in terms else None,
            terms[path].readers if path in terms else (),
        )
        for path, leaf in leaves.items()
        if path in reasons
    )


def leaf_label(leaf: Leaf) -> str:
    """Return a field in words; its path if the vocabulary gives no label."""
    return leaf.form.label or leaf.path


def group_of(vocabulary: Vocabulary, event_type: str, path: str) -> str:
    """Return in words the object of which a leaf is a field; empty if it is none's."""
    first, dot, _ = path.partition(".")
    if not dot:
        return ""
    name = vocabulary.form.event_types[event_type].fields[first].object
    return "" if name is None else vocabulary.form.objects[name].description


def shown_values(vocabulary: Vocabulary, form: Value, value: JSON) -> tuple[Shown, ...]:
    """Return a leaf's value in words; the items of a list one by one."""
    items = value if isinstance(value, list) else [value]
    return tuple(_shown(vocabulary, form, item) for item in items)


def _shown(vocabulary: Vocabulary, form: Value, value: JSON) -> Shown:
    if isinstance(value, dict) and form.object is not None:
        fields = vocabulary.form.items[form.object].fields
        return {
            field.label or name: _plain(vocabulary, field.value, value[name])
            for name, field in fields.items()
            if name in value
        }
    return _plain(vocabulary, form, value)


def _plain(vocabulary: Vocabulary, form: Value, value: JSON) -> str | int | bool:
    if isinstance(value, str) and form.code is not None:
        return vocabulary.code_lists[form.code].codes.get(value, value)
    if isinstance(value, str) and form.kind == "leaf_path":
        return _label_at(vocabulary, value)
    if isinstance(value, str) and form.kind == "language":
        return LANGUAGES.get(value, value)
    return value if isinstance(value, str | int | bool) else str(value)


def _label_at(vocabulary: Vocabulary, path: str) -> str:
    """Return the field of a path in words; the path itself if no event type has it."""
    types = map(vocabulary.type, vocabulary.form.event_types)
    leaves = (one.leaves[path] for one in types if path in one.leaves)
    return next(map(leaf_label, leaves), path)
