"""Model of a mapping file: an agency's columns and codes beside those of a vocabulary.

The file is YAML, and JSON is YAML too. Every list is in a file that can be replaced without a
change of code. A file that contradicts itself is refused when it is loaded, with file, line and
field, before any row is read. docs/guides/mappings.md describes every member for its author.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Final, Literal

from pydantic import Field, PrivateAttr, ValidationInfo, model_validator

from adapters.formats.settings import FormatSettings
from adapters.mapping.document_checks import IMPORTED, document_faults
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
from contracts.errors import ConcordantError, ContractError
from contracts.strict_yaml import DocumentKind, SeveralFaultsError, read, validated
from contracts.vocabulary import Vocabulary
from contracts.vocabulary.event_types import EventType
from contracts.vocabulary.known import Documents, named_vocabulary

MAPPING_BYTES: Final = 1 << 20
"""Largest mapping file, 1 MiB."""
_MAPPING: Final = DocumentKind(
    noun="the mapping file",
    largest=MAPPING_BYTES,
    code="mapping_invalid",
    fix="Correct each line that is named; then try the file: concordant mapping check FILE "
    "--agency DIR.",
    shown=100,
)


class MappingFileError(ConcordantError):
    """A mapping file cannot be used; its author must correct it."""

    code = "mapping_invalid"
    exit_code = 3


class MappingDocument(MappingPart):
    """A whole mapping file.

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

    # --- checks -------------------------------------------------------------------------------

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> MappingDocument:
        documents = info.context if isinstance(info.context, Documents) else None
        self._load_words(documents)
        faults = document_faults(self)
        if faults:
            raise SeveralFaultsError(faults)
        return self

    def _load_words(self, documents: Documents | None) -> None:
        named = [self.vocabulary]
        named += [k.vocabulary for k in self.kinds.values() if k.vocabulary]
        named += [t.vocabulary for t in self.tables.values() if t.vocabulary]
        for name in named:
            try:
                self._words[name] = named_vocabulary(name, documents)
            except ContractError as error:
                raise ValueError(f"{error.detail.rstrip('.')} ({error.fix})") from None

    # --- columns ------------------------------------------------------------------------------

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


def parse_mapping(
    content: bytes, where: str, documents: Documents | None = None
) -> MappingDocument:
    """Parse a mapping file.

    Args:
        content: the file, YAML in the strict form of agreements, or JSON.
        where: its name, for errors.
        documents: places of vocabularies besides those of the software.

    Raises:
        MappingFileError: it is not YAML, contradicts itself, or breaks the model.
    """
    try:
        tree, lines = read(_MAPPING, content, where)
        return validated(_MAPPING, MappingDocument, tree, lines, where, documents)
    except ContractError as error:
        raise MappingFileError(error.detail, where=error.where, fix=error.fix) from None


def load_mapping(package: str, version: str | None = None) -> MappingDocument:
    """Load an adapter's mapping file: ``mapping.<version>.yaml`` (or json) in its package.

    Args:
        package: for example ``adapters.csu``.
        version: the newest when None (versions are dates and sort as text).

    Raises:
        MappingFileError: the file does not exist or cannot be used.
    """
    files = sorted(
        (
            entry
            for entry in resources.files(package).iterdir()
            if entry.name.startswith("mapping.") and entry.name.endswith((".yaml", ".json"))
        ),
        key=lambda entry: entry.name,
    )
    chosen = [
        entry for entry in files if version is None or entry.name.startswith(f"mapping.{version}.")
    ]
    if not chosen:
        raise MappingFileError(f"{package} has no mapping file mapping.{version or '<date>'}.yaml")
    return parse_mapping(chosen[-1].read_bytes(), f"{package}/{chosen[-1].name}")
