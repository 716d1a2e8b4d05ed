"""Model of the mapping file: a dated JSON document of an agency's columns and codes.

Every list is in a file that can be replaced without a change of code. A file that contradicts
itself is refused when it is loaded, before any row is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from adapters.mapping.references import DEFAULT_PATTERN
from contracts.errors import ConcordantError
from contracts.names import suggestion
from contracts.vocabulary import Vocabulary
from contracts.vocabulary.known import named_vocabulary

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
DEFAULT_TEXT_LIMIT = 300
"""Default limit of a text column in characters: the limit of a short text in an event."""


class MappingFileError(ConcordantError):
    """A mapping file cannot be used; the maintainer of the adapter must correct it."""

    code = "mapping_invalid"
    exit_code = 3


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Table(_Part):
    """A code list of the agency beside one of the shared vocabulary.

    Attributes:
        list: name of the shared list (``contracts.vocabulary``); None for a list of the adapter.
        codes: own code -> shared code, one to one; used in both directions.
        accepted: own code -> shared code, only for reading an export (older codes, spellings).
        written: shared code -> own code, only for writing. It may be many to one, and is then never
            read back (the reporting groups of the CPS).
        absent: own codes that mean 'not recorded'; they become no leaf.
    """

    list: str | None = None
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


class Column(_Part):
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
        use: ``export`` for a column that is only read, ``import`` for one that is only written.
        optional: an export may lack the column altogether.
        volatile: whether it changes although the record does not (an extract date); it is then not
            part of the key.
    """

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
    use: Literal["both", "export", "import"] = "both"
    optional: bool = False
    volatile: bool = False
    note: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Column:
        if (self.kind in ("code", "codes")) != (self.table is not None):
            raise ValueError("`table` is only allowed with the kinds code and codes")
        if (self.kind == "records") != bool(self.parts):
            raise ValueError("`parts` is only allowed with the kind records")
        if any(len(part.paths) != 1 or part.kind == "records" for part in self.parts):
            raise ValueError("a part has one path and is not itself a list of records")
        return self


class Kind(_Part):
    """One kind of row (one action of the agency's system) and the event type that it becomes.

    Several kinds may become one type; received events are written as the first of them.

    Attributes:
        type: the event type.
        required: columns that may not be empty, besides those that the event type requires.
        case: ``known`` when the row must name a case that was linked before.
        referral: ``new`` mints an id for an own reference; ``known`` needs a referral that was sent
            or received before; ``optional`` allows one.
    """

    type: str
    required: tuple[str, ...] = ()
    case: Literal["any", "known"] = "any"
    referral: Literal["none", "new", "known", "optional"] = "none"
    note: str = ""


class Roles(_Part):
    """Columns with a special role. All are the agency's column names; empty means none.

    ``unlisted`` names the column for received codes that their code list does not have. With it the
    agency's system gets such a code as it is; without it such an event waits for a person.
    ``case_pattern`` and ``referral_pattern`` are regular expressions that the whole own reference
    must match.
    """

    kind: str
    recipients: str
    case: str
    shared_case: str
    referral: str = ""
    shared_referral: str = ""
    not_shared: str
    unlisted: str = ""
    received_from: str
    event_id: str
    sent_at: str
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


class MappingDocument(_Part):
    """A whole mapping file.

    Attributes:
        mapping: the adapter's name.
        version: version of the mapping, for example ``2026-11``.
        source: origin of the own codes.
        vocabulary_name: vocabulary of its event types.
        style: form of the values: ``text`` (CSV), ``lists`` (lists are lists, scalars are text:
            XML) or ``json`` (native).
        date_formats: strptime patterns; the first is used for writing.
        time_formats: the same for times of day.
        datetime_formats: the same for moments; a pattern that ends in ``Z`` is UTC, others UK time.
        flags: own text for true and false; ``accepted`` texts are read only.
    """

    mapping: str
    version: str
    source: str
    vocabulary_name: str
    style: Literal["text", "lists", "json"] = "text"
    date_formats: tuple[str, ...] = ("%d/%m/%Y",)
    time_formats: tuple[str, ...] = ("%H:%M",)
    datetime_formats: tuple[str, ...] = ("%d/%m/%Y %H:%M",)
    flags: Table = Table(codes={"Y": "true", "N": "false"})
    roles: Roles
    kinds: dict[str, Kind]
    tables: dict[str, Table] = Field(default_factory=dict)
    columns: tuple[Column, ...]

    @property
    def words(self) -> Vocabulary:
        """Return the vocabulary of its event types.

        Raises:
            ContractError: `document_missing`: the software has none of this name.
        """
        return named_vocabulary(self.vocabulary_name)

    @model_validator(mode="after")
    def _consistent(self) -> MappingDocument:
        names = [column.column for column in self.columns]
        _no_repeats("a column is declared twice", names)
        for column in self.columns:
            for part in (column, *column.parts):
                if part.table is not None and part.table not in self.tables:
                    raise ValueError(
                        f"column {column.column} names the table {part.table}, which does not exist"
                    )
        for name in (n for k in self.kinds.values() for n in k.required):
            if name not in names:
                raise ValueError(f"a kind requires the column {name}, which is not declared")
        self._require_used_paths()
        return self

    def _require_used_paths(self) -> None:
        """Check that each path of a column is a field of an event that some kind of row makes.

        Otherwise the values of that column would be dropped from every event without a trace.
        """
        declared = self.words.event_types
        types = {kind.type for kind in self.kinds.values()} & declared.keys()
        for column in self.columns:
            of_it = types.intersection(column.types) if column.types else types
            fields = {path for event_type in of_it for path in declared[event_type].leaves}
            for path in column.paths:
                if path not in fields:
                    raise ValueError(
                        f"column {column.column} names the field {path}, which no event of this "
                        f"mapping has. {suggestion(path, fields)}"
                    )

    def columns_of(self, event_type: str) -> tuple[tuple[Column, str], ...]:
        """Return the columns that hold a leaf of an event type, each with that leaf.

        Raises:
            EventError: ``type_unknown``.
        """
        leaves = self.words.type(event_type).leaves.keys()
        return tuple(
            (column, path)
            for column in self.columns
            if not column.types or event_type in column.types
            for path in column.paths
            if path in leaves
        )

    def special_columns(self) -> tuple[str, ...]:
        """Return the names of columns with a special role in a fixed order, exported ones first."""
        roles = self.roles
        both = (
            roles.kind,
            roles.recipients,
            roles.case,
            roles.shared_case,
            roles.referral,
            roles.shared_referral,
        )
        return tuple(name for name in (*both, *self.import_columns()) if name)

    def import_columns(self) -> tuple[str, ...]:
        """Return the names of the columns that only an import has."""
        roles = self.roles
        named = (roles.received_from, roles.event_id, roles.sent_at, roles.not_shared)
        return (*named, roles.unlisted) if roles.unlisted else named


def _no_repeats(complaint: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{complaint}: {name}")
        seen.add(name)


def parse_mapping(content: bytes, where: str) -> MappingDocument:
    """Parse a mapping file.

    Args:
        content: the file.
        where: its name, for errors.

    Raises:
        MappingFileError: it is not JSON, contradicts itself, or breaks the model.
    """
    try:
        return MappingDocument.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise MappingFileError(
            f"{field or 'the document'}: {first['msg']}",
            where=where,
            fix="Correct the mapping file; `python -m json.tool FILE` finds errors of syntax.",
        ) from None


def load_mapping(package: str, version: str | None = None) -> MappingDocument:
    """Load an adapter's mapping file: ``mapping.<version>.json`` in its package.

    Args:
        package: for example ``adapters.csu``.
        version: the newest when None (versions are dates and sort as text).

    Raises:
        MappingFileError: the file does not exist or cannot be used.
    """
    wanted = f"mapping.{version}.json" if version else None
    files = sorted(
        (
            entry
            for entry in resources.files(package).iterdir()
            if entry.name.startswith("mapping.") and entry.name.endswith(".json")
        ),
        key=lambda entry: entry.name,
    )
    chosen = [entry for entry in files if wanted is None or entry.name == wanted]
    if not chosen:
        raise MappingFileError(f"{package} has no mapping file {wanted or 'mapping.<date>.json'}")
    return parse_mapping(chosen[-1].read_bytes(), f"{package}/{chosen[-1].name}")
