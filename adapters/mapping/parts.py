"""Parts of a mapping file: tables of codes, columns, kinds of row, routes and special columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from adapters.mapping.expressions import compile_expression
from adapters.mapping.localtime import Century
from adapters.mapping.references import DEFAULT_PATTERN
from contracts.names import suggestion
from contracts.strict_yaml import MisplacedError

ValueKind: TypeAlias = Literal[
    "text",  # free text on one line, or on several with multiline
    "code",  # one code of a table
    "codes",  # an unordered set of codes of a table
    "texts",  # a list of free texts
    "date",  # a calendar date
    "time",  # a time of day
    "datetime",  # a moment: UK local time in the export, UTC in the event
    "integer",
    "flag",  # yes or no
    "uuid",  # a shared random id, unchanged
    "partner",  # one partner, by own code
    "referral",  # another referral, by own reference or shared id
    "leaves",  # a list of own column names that represent leaves of the event
    "records",  # a list of small records, each with named parts
]

LIST_KINDS: frozenset[ValueKind] = frozenset({"codes", "texts", "leaves", "records"})
"""Kinds whose values are lists."""
RowExpression: TypeAlias = Annotated[
    str, AfterValidator(lambda text: compile_expression(text).text)
]
"""An expression over the columns of a row, for example ``row.Status == "New"``."""
FieldExpression: TypeAlias = Annotated[
    str, AfterValidator(lambda text: compile_expression(text, "field").text)
]
"""An expression over the fields of a received event, for example ``field["victim.name"]``."""
DEFAULT_TEXT_LIMIT = 300
"""Default limit of a text column in characters: the limit of a short text in an event."""


class MappingPart(BaseModel):
    """A part of a mapping file, which names the nearest member for one that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    meant: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _known_members(cls, data: object) -> object:
        for name in data if isinstance(data, Mapping) else ():
            if isinstance(name, str) and name not in cls.model_fields:
                near = cls.meant.get(name)
                text = f"Did you mean {near}?" if near else suggestion(name, cls.model_fields)
                raise MisplacedError(f"the mapping file has no such field. {text}", name)
        return data


class Table(MappingPart):
    """A code list of the agency beside one of the shared vocabulary.

    Attributes:
        list: name of the code list of the vocabulary; None for a list of the adapter.
        vocabulary: vocabulary of that list, if it is not the document's.
        codes: own code -> shared code, one to one; used in both directions.
        accepted: own code -> shared code, only for reading an export (older codes, spellings).
        written: shared code -> own code, only for writing. It may be many to one, and is then never
            read back (the reporting groups of the CPS).
        absent: own codes that mean 'not recorded'; they become no leaf.
    """

    list: str | None = None
    vocabulary: str | None = None
    codes: dict[str, str] = Field(default_factory=dict)
    accepted: dict[str, str] = Field(default_factory=dict)
    written: dict[str, str] = Field(default_factory=dict)
    absent: tuple[str, ...] = ()
    note: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Table:
        if len(set(self.codes.values())) != len(self.codes):
            raise ValueError("`codes` is one to one; put further own codes under `accepted`")
        read = [*self.codes, *self.accepted, *self.absent]
        if len(set(read)) != len(read):
            raise ValueError("an own code has two meanings")
        if set(self.written) & set(self.codes.values()):
            raise ValueError("a shared code is written in two ways")
        return self

    @property
    def readable(self) -> Mapping[str, str]:
        """Return own code -> shared code, for reading."""
        return {**self.accepted, **self.codes}

    @property
    def writable(self) -> Mapping[str, str]:
        """Return shared code -> own code, for writing."""
        return {**{shared: own for own, shared in self.codes.items()}, **self.written}


class Column(MappingPart):
    """One column of the agency's records, or one part of a record inside a column.

    Attributes:
        column: the agency's own name.
        paths: its leaves; an event type has at most one of them. For a part of ``records``, the one
            key of the object.
        types: the event types in which it holds them; empty means all types with such a leaf
            (``reason`` is a text in one type and a code in another).
        kind: conversion of its text.
        table: the code table, for code and codes.
        separator: between the items of a list, in text.
        part_separator: between the parts of a record, in text.
        parts: the parts of a record, in order.
        limit: characters of a text, or of each text in a list.
        minimum: of an integer.
        maximum: of an integer.
        multiline: whether a text may hold line breaks.
        reference: whether a text names a record elsewhere (a crime number). A value that a
            spreadsheet has changed is then refused.
        formats: strptime patterns for dates and times, the first one for writing; those of the
            document when empty.
        century: century of a year of two digits (``%y``): ``past`` for a date that is never in the
            future (it also refuses a full date in the future), ``current`` for that of today.
        use: ``export`` for a column that is only read, ``import`` for one that is only written.
        optional: an export may lack the column altogether.
        default: text that an empty cell stands for; without it an empty cell is no value.
        volatile: whether it changes although the record does not (an extract date); it is then not
            part of the key.
    """

    meant: ClassVar[Mapping[str, str]] = dict.fromkeys(("codes", "code", "list"), "table")

    column: str
    paths: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    kind: ValueKind = "text"
    table: str | None = None
    separator: str = ";"
    part_separator: str = "/"
    parts: tuple[Column, ...] = ()
    limit: int = DEFAULT_TEXT_LIMIT
    minimum: int = 0
    maximum: int = 9_999
    multiline: bool = False
    reference: bool = False
    formats: tuple[str, ...] = ()
    century: Century | None = None
    use: Literal["both", "export", "import"] = "both"
    optional: bool = False
    default: str = ""
    volatile: bool = False
    note: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Column:
        if (self.kind in ("code", "codes")) != (self.table is not None):
            raise ValueError("`table` is only allowed with the kinds code and codes")
        if self.century is not None and self.kind not in ("date", "datetime"):
            raise ValueError("`century` is only allowed with the kinds date and datetime")
        if (self.kind == "records") != bool(self.parts):
            raise ValueError("`parts` is only allowed with the kind records")
        if any(len(part.paths) != 1 or part.kind == "records" for part in self.parts):
            raise ValueError("a part has one path and is not itself a list of records")
        return self


class Kind(MappingPart):
    """One kind of row (one action of the agency's system) and the event type that it becomes.

    Several kinds may become one type; received events are written as the first of them.

    Attributes:
        type: the event type.
        vocabulary: vocabulary of the type, if it is not the document's.
        when: condition over the row. Where no column names the kind, a row is of the first kind
            whose condition holds; a kind without a condition takes every row.
        use: ``export`` for a kind that is only sent, ``import`` for one that is only received.
        required: columns that may not be empty, besides those that the event type requires.
        case: ``known`` when the row must name a case that was linked before.
        referral: ``new`` mints an id for an own reference; ``known`` needs a referral that was sent
            or received before; ``optional`` allows one.
        referral_field: field of the referral's shared id, if it is not the one that the vocabulary
            names (a request has a number too).
    """

    type: str
    vocabulary: str | None = None
    when: RowExpression | None = None
    use: Literal["both", "export", "import"] = "both"
    required: tuple[str, ...] = ()
    case: Literal["any", "known"] = "any"
    referral: Literal["none", "new", "known", "optional"] = "none"
    referral_field: str | None = None
    note: str = ""


class Route(MappingPart):
    """Recipients of the rows for which a condition holds.

    Attributes:
        to: own codes of partners, or agency ids.
        when: condition over the row; without it the route is for every row.
    """

    to: tuple[str, ...] = Field(min_length=1)
    when: RowExpression | None = None


class Written(MappingPart):
    """A column of the import whose text is computed from several fields of the event.

    Attributes:
        column: the agency's own name.
        value: expression over ``field``. The fields that it names have a place by it. A field
            without a value counts as an empty text.
    """

    column: str
    value: FieldExpression


class Roles(MappingPart):
    """Columns with a special role. All are the agency's column names; empty means none.

    Attributes:
        kind: kind of row (``kinds``).
        recipients: partners to whom the row goes; the routes add theirs.
        case: own reference of the case.
        shared_case: shared id of the case.
        referral: own reference of the referral.
        shared_referral: shared id of the referral.
        not_shared: only written: names of what the agreement withholds.
        unlisted: only written: columns with a code that its code list does not have. With it, or
            with ``rest``, such a code is written as it is; without both such an event waits for a
            person.
        received_from: only written: the sender.
        event_id: only written: id of the event.
        sent_at: only written: when it was sent.
        rest: only written: one text for everything that has no column of its own, a line each.
        case_pattern: regular expression that the whole own reference of a case must match.
        referral_pattern: the same for a referral.
    """

    kind: str = ""
    recipients: str = ""
    case: str
    shared_case: str = ""
    referral: str = ""
    shared_referral: str = ""
    not_shared: str = ""
    unlisted: str = ""
    received_from: str = ""
    event_id: str = ""
    sent_at: str = ""
    rest: str = ""
    recipients_separator: str = ";"
    case_pattern: str = DEFAULT_PATTERN
    referral_pattern: str = DEFAULT_PATTERN

    @model_validator(mode="after")
    def _patterns(self) -> Roles:
        for pattern in (self.case_pattern, self.referral_pattern):
            try:
                re.compile(pattern)
            except re.error:
                raise ValueError("a pattern is not a regular expression") from None
        return self
