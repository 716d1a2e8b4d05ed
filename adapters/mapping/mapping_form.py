"""Form of a mapping file: its members, and what they say together about columns and event types.

docs/guides/mappings.md describes every member for its author. `document.py` reads a file, and
`document_checks.py` has the checks that need several members.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import Field, PrivateAttr

from adapters.formats.settings import FormatSettings
from adapters.mapping.expressions import compile_expression
from adapters.mapping.parts import (
    Column,
    Kind,
    MappingPart,
    Roles,
    Route,
    RowExpression,
    Table,
    Written,
)
from contracts.vocabulary import Vocabulary
from contracts.vocabulary.event_types import EventType

IMPORTED: Final = ("received_from", "event_id", "sent_at", "not_shared")
"""Special columns that only an import has, besides ``rest``."""


class MappingForm(MappingPart):
    """Members of a mapping file.

    Attributes:
        mapping: its name; part of the key by which a record is recognised when it comes again.
        version: version of the mapping, for example ``2026-11``.
        source: origin of the own columns and codes.
        vocabulary: vocabulary of its event types.
        format: format of the files, for ``[adapter] kind = "mapped"``.
        style: form of the values: ``text`` (CSV), ``lists`` (lists are lists, scalars are text:
            XML) or ``json`` (native).
        date_formats: strptime patterns; the first is used for writing.
        time_formats: the same for times of day.
        datetime_formats: the same for moments; a pattern that ends in ``Z`` is UTC, others are in
            ``zone``.
        zone: time zone of local times, by its IANA name.
        flags: own text for true and false; ``accepted`` texts are read only.
        roles: columns with a special role.
        only: condition over the row; other rows are filtered: not sent, and counted.
        derived: name of a column that no export has -> expression over the row, in order. It is
            used like a column of the export.
        kinds: own name -> kind of row.
        routes: recipients by condition.
        fixed: field -> its value in every event whose type has the field.
        tables: own name -> table of codes.
        columns: columns and their fields.
        written: columns of the import that are computed from several fields.
        ignored: columns of the export that are deliberately not read.
        may_lack: columns that a record of JSON or XML may lack although a condition reads them;
            such a column counts as an empty text.
    """

    mapping: str
    version: str
    source: str
    vocabulary: str
    format: FormatSettings | None = None
    style: Literal["text", "lists", "json"] = "text"
    date_formats: tuple[str, ...] = ("%d/%m/%Y",)
    time_formats: tuple[str, ...] = ("%H:%M",)
    datetime_formats: tuple[str, ...] = ("%d/%m/%Y %H:%M",)
    zone: str = "Europe/London"
    flags: Table = Table(codes={"Y": "true", "N": "false"})
    roles: Roles
    only: RowExpression | None = None
    derived: dict[str, RowExpression] = Field(default_factory=dict)
    kinds: dict[str, Kind]
    routes: tuple[Route, ...] = ()
    fixed: dict[str, str | int | bool | list[str]] = Field(default_factory=dict)
    tables: dict[str, Table] = Field(default_factory=dict)
    columns: tuple[Column, ...]
    written: tuple[Written, ...] = ()
    ignored: tuple[str, ...] = ()
    may_lack: tuple[str, ...] = ()
    _words: dict[str, Vocabulary] = PrivateAttr(default_factory=dict)

    @property
    def vocabularies(self) -> Mapping[str, Vocabulary]:
        """Return name -> vocabulary, for each that the file names."""
        return self._words

    @property
    def words(self) -> Vocabulary:
        """Return the vocabulary that the document names."""
        return self._words[self.vocabulary]

    def type_of(self, event_type: str) -> EventType:
        """Return an event type of one of its kinds.

        Raises:
            EventError: `type_unknown`.
        """
        return self.words_of(event_type).type(event_type)

    def words_of(self, event_type: str) -> Vocabulary:
        """Return the vocabulary of an event type; that of the document for an unknown type."""
        named = (kind.vocabulary for kind in self.kinds.values() if kind.type == event_type)
        return self._words[next(named, None) or self.vocabulary]

    def codes_of(self, table: Table) -> Mapping[str, str] | None:
        """Return code -> label of the vocabulary's list beside a table; None if it has none."""
        if table.list is None:
            return None
        return self._words[table.vocabulary or self.vocabulary].code_lists[table.list].codes

    def has_field(self, path: str) -> bool:
        """Return whether an event type of its vocabularies has a field."""
        types = (each for words in self._words.values() for each in words.event_types.values())
        return any(path in each.leaves for each in types)

    @property
    def event_types(self) -> tuple[str, ...]:
        """Return the event types of its kinds, each once, in order."""
        return tuple(dict.fromkeys(kind.type for kind in self.kinds.values()))

    def columns_of(self, event_type: str) -> tuple[tuple[Column, str], ...]:
        """Return the columns that hold a leaf of an event type, each with that leaf.

        Raises:
            EventError: ``type_unknown``.
        """
        leaves = self.type_of(event_type).leaves.keys()
        return tuple(
            (column, path)
            for column in self.columns
            if not column.types or event_type in column.types
            for path in column.paths
            if path in leaves
        )

    @property
    def expression_columns(self) -> frozenset[str]:
        """Return the columns of the export that expressions read."""
        texts = [*self.derived.values(), *(k.when for k in self.kinds.values() if k.when)]
        texts += [route.when for route in self.routes if route.when]
        texts += [self.only] if self.only else []
        read = {name for text in texts for name in compile_expression(text).names}
        return frozenset(read - self.derived.keys())

    @property
    def condition_columns(self) -> frozenset[str]:
        """Return the columns of the export on which a condition depends, also by derived ones."""
        texts = [kind.when for kind in self.kinds.values() if kind.when]
        texts += [route.when for route in self.routes if route.when]
        texts += [self.only] if self.only else []
        read = {name for text in texts for name in compile_expression(text).names}
        for name in reversed(self.derived):
            if name in read:
                read |= compile_expression(self.derived[name]).names
        return frozenset(read - self.derived.keys())

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
        """Return the names of the special columns that only an import has."""
        names = (getattr(self.roles, role) for role in (*IMPORTED, "unlisted", "rest"))
        return tuple(name for name in names if name)
