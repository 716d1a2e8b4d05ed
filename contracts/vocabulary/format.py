"""Format of a vocabulary file: event types, fields, code lists, and the part that each plays.

One model for each part of the file (docs/spec/vocabularies.md). `part_forms.py` and
`figures_forms.py` have those of the parts, `checks.py` checks the references between them, and
`vocabulary.py` makes of the file what the engine works with.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, StrictInt, model_validator

from contracts.term import AgreementDay, Identifier, Term, Text
from contracts.vocabulary.figures_forms import FiguresForm
from contracts.vocabulary.name_forms import (
    CodeText,
    LeafPath,
    Name,
    ObjectName,
    SenderKind,
    TypeName,
)
from contracts.vocabulary.part_forms import ConsentForm, LawForm, PartsForm, ReferralsForm
from contracts.vocabulary.patterns import parse_pattern

__all__ = [
    "CodeList", "ConditionForm", "EventTypeForm", "FieldForm", "ItemFieldForm", "KindForm",
    "NumberLimits", "ObjectForm", "TextLimits", "Value", "VocabularyForm", "WhenForm",
]  # fmt: skip

LONGEST_TEXT = 8_000
"""Most characters of a text; with every other field full, an event stays below 256 KiB."""
LONGEST_LIST = 80
"""Most items of a list or set."""


class TextLimits(Term):
    """Length of a text, in characters. Control characters but tab and newline are refused."""

    shortest: Annotated[StrictInt, Field(ge=1, le=LONGEST_TEXT)] = 1
    longest: Annotated[StrictInt, Field(ge=1, le=LONGEST_TEXT)]


class NumberLimits(Term):
    """Range of a whole number, both ends included."""

    lowest: Annotated[StrictInt, Field(ge=-(2**31), le=2**31)]
    highest: Annotated[StrictInt, Field(ge=-(2**31), le=2**31)]


def _only_one(term: Term, *names: str) -> str:
    stated = [name for name in names if getattr(term, name) is not None]
    if len(stated) != 1:
        raise ValueError(f"exactly one of {', '.join(names)} is expected")
    return stated[0]


class KindForm(Term):
    """A kind of value that several fields share: a text, a pattern or a whole number.

    Attributes:
        pattern: sequence of character classes with counts.
    """

    description: Text | None = None
    text: TextLimits | None = None
    pattern: str | None = None
    integer: NumberLimits | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if _only_one(self, "text", "pattern", "integer") == "pattern":
            parse_pattern(self.pattern or "")
        if self.text is not None and self.text.longest < self.text.shortest:
            raise ValueError("longest is below shortest")
        if self.integer is not None and self.integer.highest < self.integer.lowest:
            raise ValueError("highest is below lowest")
        return self


class CodeList(Term):
    """One list of codes at one date.

    Attributes:
        dated: day from which the list holds.
        source: who publishes it.
        identifier: its name or address there.
        others: pattern of further codes that a sender may use before the list has them; such a
            value is handed over marked as unlisted. Without it only the codes of the list are
            valid.
        codes: code to label, in the source's order.
        closed: code to the day from which senders of a kind no longer send it. Other senders go
            on.
    """

    dated: AgreementDay
    source: Text
    identifier: Text | None = None
    others: str | None = None
    codes: dict[CodeText, Text] = Field(min_length=1)
    closed: dict[CodeText, dict[SenderKind, AgreementDay]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _pattern(self) -> Self:
        if self.others is not None:
            parse_pattern(self.others)
        return self


class Value(Term):
    """Form of one value: of a kind, a code of a list, or an object.

    Attributes:
        kind: a built-in kind, or one of the file.
        code: name of a code list.
        object: name of an object.
    """

    kind: Name | None = None
    code: Name | None = None
    object: ObjectName | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        _only_one(self, "kind", "code", "object")
        return self


class FieldForm(Term):
    """One field of an event type or object.

    Exactly one of `kind`, `code`, `object`, `list_of` and `set_of` says what its value is.

    Attributes:
        label: the field in words, for people who do not know its name.
        set_of: an unordered set, written as a list without repeats.
        longest: most items of a list or set.
        required: whether every event of the type, or every such object, has it.
        category: kind of data; None only for an object, whose fields have their own.
        sensitivity: treatment by the law.
        data_subject: code of whom it is about.
        identifies: whether it identifies a person, alone or with other fields of the event.
    """

    label: Text | None = None
    kind: Name | None = None
    code: Name | None = None
    object: ObjectName | None = None
    list_of: Value | None = None
    set_of: Value | None = None
    longest: Annotated[StrictInt, Field(ge=1, le=LONGEST_LIST)] | None = None
    required: StrictBool = False
    category: Identifier | None = None
    sensitivity: Literal["none", "personal", "special-category", "criminal-offence"] | None = None
    data_subject: Identifier | None = None
    identifies: StrictBool = False

    @model_validator(mode="after")
    def _one(self) -> Self:
        found = _only_one(self, "kind", "code", "object", "list_of", "set_of")
        if (found in ("list_of", "set_of")) != (self.longest is not None):
            raise ValueError("a list or set has a member longest, and only these have it")
        if self.set_of is not None and self.set_of.object is not None:
            raise ValueError("a set has no objects; use list_of")
        about = (self.category, self.sensitivity, self.data_subject)
        if found == "object" and (any(about) or self.identifies):
            raise ValueError("the fields of the object say what they are about, not the object")
        if found != "object" and not all(about):
            raise ValueError("category, sensitivity and data_subject are expected")
        return self

    @property
    def value(self) -> Value:
        """Return what the field's value is, or each item of its list or set."""
        if self.list_of is not None or self.set_of is not None:
            return self.list_of or self.set_of  # type: ignore[return-value]  # one of them is there
        return Value(kind=self.kind, code=self.code, object=self.object)


class ItemFieldForm(Term):
    """One field of an object that stands in a list; the list says what it is about."""

    label: Text | None = None
    kind: Name | None = None
    code: Name | None = None
    required: StrictBool = False

    @model_validator(mode="after")
    def _one(self) -> Self:
        _only_one(self, "kind", "code")
        return self

    @property
    def value(self) -> Value:
        """Return what the field's value is."""
        return Value(kind=self.kind, code=self.code)


class ObjectForm(Term):
    """An event type, or an object of fields that an event type has below one name."""

    description: Text
    fields: dict[Name, FieldForm] = Field(min_length=1, max_length=128)


class WhenForm(Term):
    """Condition on one leaf of an event.

    Attributes:
        field: leaf path.
        has: codes or truth values of which the leaf has one; None asks only that the leaf is there.
    """

    field: LeafPath
    has: tuple[CodeText | StrictBool, ...] | None = Field(default=None, min_length=1)


class ConditionForm(Term):
    """Fields that an event needs under a condition, and only then.

    Attributes:
        when: the condition.
        required: leaf paths that the event then needs; a list among them needs an item.
        text: the rule for an officer, one sentence.
    """

    when: WhenForm
    required: tuple[LeafPath, ...] = Field(min_length=1, max_length=32)
    text: Text


class EventTypeForm(ObjectForm):
    """An event type: its fields, and the conditions under which some of them are required."""

    conditions: tuple[ConditionForm, ...] = Field(default=(), max_length=64)


class ItemForm(Term):
    """An object of which a list consists."""

    description: Text
    fields: dict[Name, ItemFieldForm] = Field(min_length=1, max_length=32)


class VocabularyForm(Term):
    """A vocabulary file.

    Attributes:
        vocabulary: its name.
        dated: day from which it holds; the newest list in it is not later.
        data_subjects: code to label of each group of people that data may be about.
        kinds: kinds of values that fields share.
        items: objects of which lists consist.
    """

    format: Literal["concordant.vocabulary/v1"]
    vocabulary: Identifier
    title: Text
    dated: AgreementDay
    source: Text
    data_subjects: dict[Identifier, Text] = Field(min_length=1)
    kinds: dict[Name, KindForm] = Field(default_factory=dict)
    code_lists: dict[Name, CodeList] = Field(default_factory=dict)
    items: dict[ObjectName, ItemForm] = Field(default_factory=dict)
    objects: dict[ObjectName, ObjectForm] = Field(default_factory=dict)
    event_types: dict[TypeName, EventTypeForm] = Field(min_length=1, max_length=128)
    consent: ConsentForm | None = None
    law: LawForm = LawForm()
    parts: PartsForm
    referrals: ReferralsForm | None = None
    figures: FiguresForm | None = None

    def leaves_of(self, event_type: str) -> Iterator[tuple[str, FieldForm, bool, bool]]:
        """Yield path, form, and requirement of each leaf of a type, in the file's order.

        The first boolean says whether every event of the type has the leaf, the second whether its
        object cannot be without it.
        """
        for name, field in self.event_types[event_type].fields.items():
            if field.object is None:
                yield name, field, field.required, False
                continue
            for inner, below in self.objects[field.object].fields.items():
                yield f"{name}.{inner}", below, field.required and below.required, below.required
