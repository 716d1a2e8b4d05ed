"""Compiled parts of a mapping file: the columns of each event type, and the names of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.base import FilePlace, Row
from adapters.mapping.document import MappingDocument
from adapters.mapping.expressions import compile_expression
from adapters.mapping.parts import Column, Kind

__all__ = ["ColumnNames", "TypeTerms", "compile_kind"]


@dataclass(frozen=True, slots=True)
class TypeTerms:
    """Compiled terms of one kind of row.

    Attributes:
        own_kind: own name of the kind.
        kind: its declaration.
        leaves: paths of the event type's fields.
        read: columns of an export with their fields.
        write: field -> columns in which it is written.
        computed: fields that have a place by an expression.
        leaf_of: own column -> field.
        column_of: field -> own column.
        required: fields that every event of the type has.
        case_field: field of the case's shared id.
        referral_field: field of the referral's shared id; None if the type has none.
    """

    own_kind: str
    kind: Kind
    leaves: frozenset[str]
    read: tuple[tuple[Column, str], ...]
    write: Mapping[str, tuple[Column, ...]]
    computed: frozenset[str]
    leaf_of: Mapping[str, str]
    column_of: Mapping[str, str]
    required: tuple[str, ...]
    case_field: str
    referral_field: str | None

    def takes(self, row: Row, place: FilePlace) -> bool:
        """Return whether the kind's condition holds for a row; a kind without one takes it."""
        return self.kind.when is None or compile_expression(self.kind.when).holds(row.values, place)


def compile_kind(document: MappingDocument, own_kind: str) -> TypeTerms:
    """Compile one kind of row of a mapping file."""
    kind, roles = document.kinds[own_kind], document.roles
    words = document.words_of(kind.type)
    form = words.type(kind.type)
    referral = kind.referral_field or _referral_field(document, kind.type)
    read: list[tuple[Column, str]] = []
    write: dict[str, tuple[Column, ...]] = {}
    column_of = {
        leaf: own
        for leaf, own in ((words.case, roles.shared_case), (referral, roles.shared_referral))
        if leaf and own and leaf in form.leaves
    }
    for column, path in document.columns_of(kind.type):
        derived = column.column in document.derived
        if column.use != "import":
            read.append((column, path))
        if column.use != "export" and not derived:
            write[path] = (*write.get(path, ()), column)
        column_of.setdefault(path, column.column)
    names = (compile_expression(one.value, "field").names for one in document.written)
    return TypeTerms(
        own_kind=own_kind,
        kind=kind,
        leaves=frozenset(form.leaves),
        read=tuple(read),
        write=write,
        computed=frozenset(name for each in names for name in each),
        leaf_of={own: leaf for leaf, own in column_of.items()},
        column_of=column_of,
        required=tuple(path for path in form.leaves if path in form.required),
        case_field=words.case,
        referral_field=referral,
    )


def _referral_field(document: MappingDocument, event_type: str) -> str | None:
    """Return the field that holds a referral's shared id in a type, by the vocabulary."""
    words = document.words_of(event_type)
    if words.referrals is None:
        return None
    leaves = words.type(event_type).leaves
    named = (words.referrals.made.id, words.referrals.changed.id)
    return next((path for path in named if path in leaves), None)


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """Names of the columns of a mapping file.

    Attributes:
        known: all that an export may have, in order.
        needed: all that an export must have.
        written: the columns of an import, in order.
        multiline: columns whose values may have line breaks.
        settled: columns whose values belong to the key of a record.
    """

    known: tuple[str, ...]
    needed: tuple[str, ...]
    written: tuple[str, ...]
    multiline: frozenset[str]
    settled: tuple[str, ...]

    @classmethod
    def of(cls, document: MappingDocument) -> ColumnNames:
        """Return the names of a document's columns."""
        roles = document.roles
        computed = [one.column for one in document.written]
        imported = (*document.import_columns(), *computed)
        special = tuple(
            name
            for name in document.special_columns()
            if name not in imported and name not in document.derived
        )
        declared = [c for c in document.columns if c.column not in document.derived]
        named = dict.fromkeys((*special, *(c.column for c in declared)))
        read_only = sorted(document.expression_columns - named.keys())
        late = [name for name in imported if name not in named]
        known = tuple(dict.fromkeys((*named, *read_only, *document.ignored, *late)))
        needed = [c.column for c in declared if c.use != "import" and not c.optional]
        exported = {c.column for c in declared if c.use != "import"} | {*read_only}
        unsettled = {*imported} - exported
        unsettled |= {roles.shared_case, roles.shared_referral, *document.ignored}
        unsettled |= {c.column for c in declared if c.volatile or c.use == "import"}
        lines = {c.column for c in declared if c.multiline or any(p.multiline for p in c.parts)}
        lines |= {roles.rest} if roles.rest else set()
        return cls(
            known=known,
            needed=tuple(dict.fromkeys((*special, *needed, *read_only))),
            written=tuple(
                name
                for name in known
                if name not in document.ignored and (name not in read_only or name in computed)
            ),
            multiline=frozenset(lines),
            settled=tuple(name for name in known if name not in unsettled),
        )
