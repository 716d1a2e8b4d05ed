"""Model of a mapping file: an agency's columns and codes beside those of a vocabulary.

The file is YAML, and JSON is YAML too. Every list is in a file that can be replaced without a
change of code. A file that contradicts itself is refused when it is loaded, with file, line and
field, before any row is read. docs/guides/mappings.md describes every member for its author.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Final, Literal

from pydantic import Field, PrivateAttr, ValidationInfo, model_validator

from adapters.formats.settings import FormatSettings
from adapters.mapping.expressions import compiled
from adapters.mapping.localtime import zone_named
from adapters.mapping.parts import Column, Kind, Part, Roles, Route, RowExpression, Table, Written
from contracts.errors import ConcordantError, ContractError
from contracts.names import suggestion
from contracts.strict_yaml import Document, read, validated
from contracts.vocabulary import Vocabulary
from contracts.vocabulary.event_types import EventType
from contracts.vocabulary.known import Documents, named_vocabulary

MAPPING_BYTES: Final = 1 << 20
"""Largest mapping file, 1 MiB."""
_MAPPING: Final = Document(
    noun="the mapping file",
    largest=MAPPING_BYTES,
    code="mapping_invalid",
    fix="Correct the line that is named; then try the file: concordant mapping check FILE "
    "--agency DIR.",
)


class MappingFileError(ConcordantError):
    """A mapping file cannot be used; its author must correct it."""

    code = "mapping_invalid"
    exit_code = 3


class MappingDocument(Part):
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
        zone_named(self.zone)
        formats = (*self.date_formats, *self.time_formats, *self.datetime_formats)
        for pattern in (*formats, *(text for column in self.columns for text in column.formats)):
            if "%" not in pattern:
                raise ValueError(f"{pattern} is no format of dates; an example is %d/%m/%Y")
        names = [column.column for column in self.columns]
        _no_repeats("a column is declared twice", names)
        self._check_tables()
        for name in (n for k in self.kinds.values() for n in k.required):
            if name not in names:
                raise ValueError(f"a kind requires the column {name}, which is not declared")
        self._check_kinds()
        self._check_used_paths()
        self._check_own_names()
        self._check_places()
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

    def _check_tables(self) -> None:
        for column in self.columns:
            for part in (column, *column.parts):
                if part.table is not None and part.table not in self.tables:
                    raise ValueError(
                        f"column {column.column} names the table {part.table}, which does not exist"
                    )
        for name, table in self.tables.items():
            words = self._words[table.vocabulary or self.vocabulary]
            if table.list is None:
                continue
            if table.list not in words.code_lists:
                raise ValueError(
                    f"table {name} names the code list {table.list}, which the vocabulary does not "
                    f"have. {suggestion(table.list, words.code_lists)}"
                )
            listed = words.code_lists[table.list]
            for shared in (*table.readable.values(), *table.written):
                if shared not in listed.codes and not listed.others:
                    raise ValueError(
                        f"table {name}: the code list {table.list} has no {shared}. "
                        f"{suggestion(shared, listed.codes)}"
                    )

    def _check_kinds(self) -> None:
        sent = [kind for kind in self.kinds.values() if kind.use != "import"]
        if self.roles.kind and any(kind.when for kind in self.kinds.values()):
            raise ValueError(
                f"the column {self.roles.kind} names the kind, so no kind has a `when`"
            )
        if not self.roles.kind and any(kind.when is None for kind in sent[:-1]):
            raise ValueError(
                "no column names the kind of a row, so each kind needs a `when` (the last one may "
                "take all other rows)"
            )
        for own, kind in self.kinds.items():
            words = self._words[kind.vocabulary or self.vocabulary]
            if kind.type not in words.event_types:
                raise ValueError(
                    f"kind {own}: the vocabulary has no event type {kind.type}. "
                    f"{suggestion(kind.type, words.event_types)}"
                )
            field = kind.referral_field
            if field is not None and field not in words.event_types[kind.type].leaves:
                raise ValueError(f"kind {own}: {kind.type} has no field {field}")
        if sent and not self.roles.recipients and not self.routes:
            raise ValueError("neither a column of recipients nor a route says who gets a row")

    def _check_used_paths(self) -> None:
        """Check that each path of a column is a field of an event that some kind of row makes.

        Otherwise the values of that column would be dropped from every event without a trace.
        """
        types = self.event_types
        leaves = {event_type: self.type_of(event_type).leaves for event_type in types}
        for column in self.columns:
            of_it = set(types).intersection(column.types) if column.types else types
            fields = {path for event_type in of_it for path in leaves[event_type]}
            for path in column.paths:
                if path not in fields:
                    raise ValueError(
                        f"column {column.column} names the field {path}, which no event of this "
                        f"mapping has. {suggestion(path, fields)}"
                    )
        known = {path for event_type in types for path in leaves[event_type]}
        computed = {name for one in self.written for name in compiled(one.value, "field").names}
        for path in (*self.fixed, *sorted(computed)):
            if path not in known:
                raise ValueError(
                    f"no event of this mapping has the field {path}. {suggestion(path, known)}"
                )

    def _check_own_names(self) -> None:
        """Check that no name has two uses, and that expressions use no column that is ignored."""
        used = {column.column for column in self.columns} | set(self.special_columns())
        taken = used | self.expression_columns
        self._check_writers()
        for name in self.ignored:
            if name in taken:
                raise ValueError(f"the column {name} is ignored, and used elsewhere in the file")
        known: set[str] = set()
        for name, text in self.derived.items():
            later = (compiled(text).names & self.derived.keys()) - known
            if later:
                raise ValueError(f"derived {name} uses {min(later)}, which stands below it")
            known.add(name)
        for name in (*self.import_columns(), self.roles.rest, *(w.column for w in self.written)):
            if name and name in self.derived:
                raise ValueError(f"the column {name} is written, and a derived column is only read")

    def _check_writers(self) -> None:
        """Check that no column of an import has two values, of which one would be lost."""
        roles = self.roles.model_dump(include=set(_ROLES))
        special = [name for name in roles.values() if name]
        _no_repeats("a column has two special roles", special)
        columns = {c.column: c for c in self.columns}
        written = [one.column for one in self.written]
        _no_repeats("a column is written twice", [*written, *special])
        imported = {*self.import_columns()}
        for name in (*special, *written):
            column = columns.get(name)
            if column is not None and (column.use != "export" or name in imported):
                raise ValueError(
                    f"the column {name} has a field and another use; give each its own"
                )
        for name in imported & self.expression_columns:
            raise ValueError(f"the column {name} is only written, and an expression reads it")

    def _check_places(self) -> None:
        """Check that what is received about an event has a place: a column of its own, or `rest`.

        Fields without a place are found when an event with one arrives; it is then held.
        """
        roles = self.roles
        if roles.rest or all(kind.use == "export" for kind in self.kinds.values()):
            return
        needed = ("kind", "recipients", "shared_case", *_IMPORTED)
        missing = [role for role in needed if not getattr(roles, role)]
        if missing:
            raise ValueError(
                f"received events have no place for {', '.join(missing)}: name a column for each, "
                "or one column `rest` for everything that has no column of its own"
            )

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
        read = {name for text in texts for name in compiled(text).names}
        return frozenset(read - self.derived.keys())

    @property
    def condition_columns(self) -> frozenset[str]:
        """Return the columns of the export on which a condition depends, also by derived ones."""
        texts = [kind.when for kind in self.kinds.values() if kind.when]
        texts += [route.when for route in self.routes if route.when]
        texts += [self.only] if self.only else []
        read = {name for text in texts for name in compiled(text).names}
        for name in reversed(self.derived):
            if name in read:
                read |= compiled(self.derived[name]).names
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
        names = (getattr(self.roles, role) for role in (*_IMPORTED, "unlisted", "rest"))
        return tuple(name for name in names if name)


_ROLES: Final = (
    "kind", "recipients", "case", "shared_case", "referral", "shared_referral", "not_shared",
    "unlisted", "received_from", "event_id", "sent_at", "rest",
)  # fmt: skip
"""Members of ``roles`` that name a column."""
_IMPORTED: Final = ("received_from", "event_id", "sent_at", "not_shared")
"""Special columns that only an import has, besides ``rest``."""


def _no_repeats(complaint: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{complaint}: {name}")
        seen.add(name)


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
