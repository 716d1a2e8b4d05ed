"""Fields that a person may fill in for some recipients, generated from vocabulary and agreement.

Only fields are asked for that this agency may send and that at least one recipient receives, with
the consent that the person has entered. Ids and other values of the protocol are not asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from broker.event import JSON
from broker.operations.desk.languages import LANGUAGES
from broker.operations.desk.shown_fields import group_of, leaf_label
from contracts.model import Contract
from contracts.policy import policy_for
from contracts.vocabulary import Vocabulary
from contracts.vocabulary.event_types import Leaf
from contracts.vocabulary.format import FieldForm, ItemFieldForm, Value
from contracts.vocabulary.name_forms import BUILT_IN
from contracts.vocabulary.samples import sample_values

Control: TypeAlias = Literal[
    "text", "long_text", "email", "number", "day", "time", "instant", "yes_no", "one", "several",
    "texts", "items",
]  # fmt: skip
"""Form in which a field is asked for. `one` and `several`: codes of a list. `texts`: one text a
line. `items`: objects, each with its own fields."""
_BUILT_IN: Final[Mapping[str, Control]] = {
    "day": "day",
    "time_of_day": "time",
    "instant": "instant",
    "boolean": "yes_no",
    "email": "email",
    "language": "one",
}
"""Control of each built-in kind that a person fills in."""
LONG_TEXT: Final = 300
"""Most characters of a text that is asked for in one line."""


@dataclass(frozen=True, slots=True)
class EntryField:
    """A field that a person may fill in.

    Attributes:
        path: leaf path; the name alone for a field of an item.
        label: the field in words.
        group: the object that it belongs to in words; empty for a field of the event itself.
        control: how it is asked for.
        required: whether the event cannot be sent without it.
        options: code to label, for `one` and `several`.
        others: whether another code than these may be entered.
        longest: most characters of a text.
        example: a value in the form that is expected; None if any text will do.
        lowest, highest: range of a number.
        most: most items of a list.
        fields: fields of each item, for `items`.
        rules: rules that may require it, one sentence each.
        readers: agencies that receive it, sorted.
        clause: clause of the agreement about it; None for a field of an item.
        sensitivity: treatment by the law; None for a field of an item.
        category: kind of data; None for a field of an item.
    """

    path: str
    label: str
    group: str
    control: Control
    required: bool
    options: Mapping[str, str]
    others: bool
    longest: int | None
    example: str | None
    lowest: int | None
    highest: int | None
    most: int
    fields: tuple[EntryField, ...]
    rules: tuple[str, ...]
    readers: tuple[str, ...]
    clause: str | None
    sensitivity: str | None
    category: str | None


def entry_fields(
    contract: Contract,
    sender: str,
    recipients: tuple[str, ...],
    event_type: str,
    consent: Mapping[str, JSON],
    without: Collection[str] = (),
) -> tuple[EntryField, ...]:
    """Return the fields that may be filled in, in the vocabulary's order.

    Args:
        contract: the agreement.
        sender: this agency.
        recipients: the addressed agencies.
        event_type: type of the event.
        consent: answers about consent by leaf path. Fields that no recipient receives with these
            answers are not asked for.
        without: leaf paths that the desk fills in, or that another page asks for.
    """
    policy = policy_for(contract, sender, recipients, event_type)
    if policy.denial is not None:
        return ()
    vocabulary = contract.vocabulary
    of_type = vocabulary.type(event_type)
    obtained = policy.consented(consent).obtained
    samples = sample_values(vocabulary, event_type)
    terms = contract.event_types[event_type].fields
    found = []
    for path, leaf in of_type.leaves.items():
        readers = tuple(sorted(agency for agency, paths in obtained.items() if path in paths))
        if path not in policy.fields or not readers or path in without:
            continue
        field = _field(
            vocabulary,
            leaf,
            group_of(vocabulary, event_type, path),
            required=leaf.required or path in policy.required,
            rules=tuple(one.text for one in of_type.conditions if path in one.required),
            readers=readers,
            clause=terms[path].clause,
            sample=samples[path],
        )
        if field is not None:
            found.append(field)
    return tuple(found)


def choice_field(leaf: Leaf, options: Mapping[str, str]) -> EntryField:
    """Return a field whose values are chosen from a list that the page makes.

    Args:
        leaf: its leaf, a list or a set.
        options: value to words.
    """
    return EntryField(
        path=leaf.path,
        label=leaf_label(leaf),
        group="",
        control="several",
        required=leaf.required,
        options=options,
        others=False,
        longest=None,
        example=None,
        lowest=None,
        highest=None,
        most=leaf.form.longest or 1,
        fields=(),
        rules=(),
        readers=(),
        clause=None,
        sensitivity=leaf.form.sensitivity,
        category=leaf.form.category,
    )


def _field(
    vocabulary: Vocabulary,
    leaf: Leaf,
    group: str,
    *,
    required: bool,
    rules: tuple[str, ...],
    readers: tuple[str, ...],
    clause: str | None,
    sample: JSON,
) -> EntryField | None:
    form = leaf.form
    control = _control(vocabulary, form)
    if control is None:
        return None
    return _made(
        vocabulary,
        leaf.path,
        leaf_label(leaf),
        form.value,
        control,
        group=group,
        required=required,
        most=form.longest or 1,
        fields=_item_fields(vocabulary, form.value) if control == "items" else (),
        rules=rules,
        readers=readers,
        clause=clause,
        sensitivity=form.sensitivity,
        category=form.category,
        sample=sample,
    )


def _item_fields(vocabulary: Vocabulary, value: Value) -> tuple[EntryField, ...]:
    assert value.object is not None
    found = []
    for name, item in vocabulary.form.items[value.object].fields.items():
        control = _control_of(vocabulary, item.value)
        if control is not None:
            found.append(
                _made(
                    vocabulary,
                    name,
                    item.label or name,
                    item.value,
                    control,
                    required=item.required,
                )
            )
    return tuple(found)


def _made(
    vocabulary: Vocabulary,
    path: str,
    label: str,
    value: Value,
    control: Control,
    *,
    required: bool,
    group: str = "",
    most: int = 1,
    fields: tuple[EntryField, ...] = (),
    rules: tuple[str, ...] = (),
    readers: tuple[str, ...] = (),
    clause: str | None = None,
    sensitivity: str | None = None,
    category: str | None = None,
    sample: JSON | None = None,
) -> EntryField:
    listed = vocabulary.code_lists[value.code] if value.code else None
    kind = vocabulary.form.kinds.get(value.kind or "")
    text = kind.text if kind else None
    number = kind.integer if kind else None
    language = value.kind == "language"
    patterned = kind is not None and kind.pattern is not None
    return EntryField(
        path=path,
        label=label,
        group=group,
        control=control,
        required=required,
        options=listed.codes if listed else LANGUAGES if language else {},
        others=language or (listed is not None and listed.others is not None),
        longest=text.longest if text else None,
        example=str(sample) if patterned and isinstance(sample, str) else None,
        lowest=number.lowest if number else None,
        highest=number.highest if number else None,
        most=most,
        fields=fields,
        rules=rules,
        readers=readers,
        clause=clause,
        sensitivity=sensitivity,
        category=category,
    )


def _control(vocabulary: Vocabulary, form: FieldForm | ItemFieldForm) -> Control | None:
    """Return how a field is asked for; None if a person cannot fill it in."""
    value = form.value
    if isinstance(form, ItemFieldForm) or (form.list_of is None and form.set_of is None):
        return _control_of(vocabulary, value)
    if value.object is not None:
        return "items"
    if value.code is not None:
        return "several"
    return "texts" if _control_of(vocabulary, value) is not None else None


def _control_of(vocabulary: Vocabulary, value: Value) -> Control | None:
    if value.code is not None:
        return "one"
    if value.kind in BUILT_IN:
        return _BUILT_IN.get(value.kind or "")
    kind = vocabulary.form.kinds[value.kind or ""]
    if kind.integer is not None:
        return "number"
    if kind.text is not None and kind.text.longest > LONG_TEXT:
        return "long_text"
    return "text"
