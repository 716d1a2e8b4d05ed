"""Checks of a mapping file beyond its form: known names, one use of a column, a place for all.

Each fault names its place in the file, so that the author finds the line.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from adapters.mapping.expressions import compiled
from adapters.mapping.localtime import has_short_year, zone_named
from contracts.names import suggestion
from contracts.strict_yaml import MisplacedError

if TYPE_CHECKING:
    from adapters.mapping.document import MappingDocument

__all__ = ["IMPORTED", "check_document"]

_ROLES: Final = (
    "kind", "recipients", "case", "shared_case", "referral", "shared_referral", "not_shared",
    "unlisted", "received_from", "event_id", "sent_at", "rest",
)  # fmt: skip
"""Members of ``roles`` that name a column."""
IMPORTED: Final = ("received_from", "event_id", "sent_at", "not_shared")
"""Special columns that only an import has, besides ``rest``."""


def _no_repeats(complaint: str, names: Iterable[str], member: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise MisplacedError(f"{complaint}: {name}", member)
        seen.add(name)


def check_document(document: MappingDocument) -> None:
    """Check a mapping file whose form is right and whose vocabularies are loaded.

    Raises:
        MisplacedError: the first fault.
    """
    try:
        zone_named(document.zone)
    except ValueError as error:
        raise MisplacedError(str(error), "zone") from None
    formats = (*document.date_formats, *document.time_formats, *document.datetime_formats)
    for pattern in (*formats, *(text for column in document.columns for text in column.formats)):
        if "%" not in pattern:
            raise ValueError(f"{pattern} is no format of dates; an example is %d/%m/%Y")
    _check_references(document)
    _check_centuries(document)
    names = [column.column for column in document.columns]
    _no_repeats("a column is declared twice", names, "columns")
    _check_tables(document)
    for own, kind in document.kinds.items():
        for name in kind.required:
            if name not in names:
                text = f"a kind requires the column {name}, which is not declared"
                raise MisplacedError(text, "kinds", own)
    _check_kinds(document)
    _check_used_paths(document)
    _check_own_names(document)
    _check_places(document)


def _check_references(document: MappingDocument) -> None:
    """Check that the roles name a reference of the case, and one of a new referral."""
    roles = document.roles
    sent = [kind for kind in document.kinds.values() if kind.use != "import"]
    if sent and not roles.case and not roles.shared_case:
        raise MisplacedError(
            "case is not filled in: name the column of your own reference of the case",
            "roles",
            "case",
        )
    if any(k.referral == "new" for k in sent) and not roles.referral and not roles.shared_referral:
        raise MisplacedError(
            "referral is not filled in: name the column of your own reference of the referral. It "
            "may be a derived column, or the column of the case",
            "roles",
            "referral",
        )


def _check_centuries(document: MappingDocument) -> None:
    """Check that each column with years of two digits says their century."""
    defaults = {"date": document.date_formats, "datetime": document.datetime_formats}
    for at, column in enumerate(document.columns):
        for part in (column, *column.parts):
            formats = (part.formats or defaults[part.kind]) if part.kind in defaults else ()
            if part.century is None and any(map(has_short_year, formats)):
                raise MisplacedError(
                    f"column {part.column} has a year of two digits (%y), which does not say its "
                    "century. Write `century: past` for a date that is never in the future, such "
                    "as a date of birth, or `century: current` for the century of today",
                    "columns",
                    at,
                )


def _check_tables(document: MappingDocument) -> None:
    for at, column in enumerate(document.columns):
        for part in (column, *column.parts):
            if part.table is not None and part.table not in document.tables:
                raise MisplacedError(
                    f"column {column.column} names the table {part.table}, which does not "
                    f"exist. {suggestion(part.table, document.tables)}",
                    "columns",
                    at,
                )
    for name, table in document.tables.items():
        words = document.vocabularies[table.vocabulary or document.vocabulary]
        if table.list is None:
            continue
        if table.list not in words.code_lists:
            raise MisplacedError(
                f"table {name} names the code list {table.list}, which the vocabulary does not "
                f"have. {suggestion(table.list, words.code_lists)}",
                "tables",
                name,
                "list",
            )
        listed = words.code_lists[table.list]
        for shared in (*table.readable.values(), *table.written):
            if shared not in listed.codes and not listed.others:
                raise MisplacedError(
                    f"table {name}: the code list {table.list} has no {shared}. "
                    f"{suggestion(shared, listed.codes)}",
                    "tables",
                    name,
                )


def _check_kinds(document: MappingDocument) -> None:
    sent = [kind for kind in document.kinds.values() if kind.use != "import"]
    if document.roles.kind and any(kind.when for kind in document.kinds.values()):
        text = f"the column {document.roles.kind} names the kind, so no kind has a `when`"
        raise MisplacedError(text, "kinds")
    if not document.roles.kind and any(kind.when is None for kind in sent[:-1]):
        raise MisplacedError(
            "no column names the kind of a row, so each kind needs a `when` (the last one may "
            "take all other rows)",
            "kinds",
        )
    for own, kind in document.kinds.items():
        words = document.vocabularies[kind.vocabulary or document.vocabulary]
        if kind.type not in words.event_types:
            raise MisplacedError(
                f"kind {own}: the vocabulary has no event type {kind.type}. "
                f"{suggestion(kind.type, words.event_types)}",
                "kinds",
                own,
                "type",
            )
        field = kind.referral_field
        if field is not None and field not in words.event_types[kind.type].leaves:
            raise MisplacedError(f"kind {own}: {kind.type} has no field {field}", "kinds", own)
    if sent and not document.roles.recipients and not document.routes:
        raise MisplacedError(
            "neither a column of recipients nor a route says who gets a row", "roles"
        )


def _check_used_paths(document: MappingDocument) -> None:
    """Check that each path of a column is a field of an event that some kind of row makes.

    Otherwise the values of that column would be dropped from every event without a trace.
    """
    types = document.event_types
    leaves = {event_type: document.type_of(event_type).leaves for event_type in types}
    for at, column in enumerate(document.columns):
        of_it = set(types).intersection(column.types) if column.types else types
        fields = {path for event_type in of_it for path in leaves[event_type]}
        for path in column.paths:
            if path not in fields:
                raise MisplacedError(
                    f"column {column.column} names the field {path}, which no event of this "
                    f"mapping has. {suggestion(path, fields)}",
                    "columns",
                    at,
                    "paths",
                )
    known = {path for event_type in types for path in leaves[event_type]}
    named: list[tuple[str, tuple[str | int, ...]]] = [(p, ("fixed", p)) for p in document.fixed]
    for at, one in enumerate(document.written):
        names = sorted(compiled(one.value, "field").names)
        named += [(path, ("written", at, "value")) for path in names]
    for path, place in named:
        if path not in known:
            text = f"no event of this mapping has the field {path}. {suggestion(path, known)}"
            raise MisplacedError(text, *place)


def _check_own_names(document: MappingDocument) -> None:
    """Check that no name has two uses, and that expressions use no column that is ignored."""
    used = {column.column for column in document.columns} | set(document.special_columns())
    taken = used | document.expression_columns
    _check_writers(document)
    for at, name in enumerate(document.ignored):
        if name in taken:
            text = f"the column {name} is ignored, and used elsewhere in the file"
            raise MisplacedError(text, "ignored", at)
    known: set[str] = set()
    for name, expression in document.derived.items():
        later = (compiled(expression).names & document.derived.keys()) - known
        if later:
            text = f"derived {name} uses {min(later)}, which stands below it"
            raise MisplacedError(text, "derived", name)
        known.add(name)
    for name in (
        *document.import_columns(),
        document.roles.rest,
        *(w.column for w in document.written),
    ):
        if name and name in document.derived:
            text = f"the column {name} is written, and a derived column is only read"
            raise MisplacedError(text, "derived", name)


def _check_writers(document: MappingDocument) -> None:
    """Check that no column of an import has two values, of which one would be lost."""
    roles = document.roles.model_dump(include=set(_ROLES))
    special = [name for name in roles.values() if name]
    _no_repeats("a column has two special roles", special, "roles")
    columns = {c.column: c for c in document.columns}
    written = [one.column for one in document.written]
    _no_repeats("a column is written twice", [*written, *special], "written")
    imported = {*document.import_columns()}
    for name in (*special, *written):
        column = columns.get(name)
        if column is not None and (column.use != "export" or name in imported):
            text = f"the column {name} has a field and another use: give each a column"
            raise MisplacedError(text, "columns", document.columns.index(column))
    for name in imported & document.expression_columns:
        raise MisplacedError(
            f"the column {name} is only written, and an expression reads it", "roles"
        )


def _check_places(document: MappingDocument) -> None:
    """Check that what is received about an event has a place: a column of its own, or `rest`.

    Fields without a place are found when an event with one arrives; it is then held.
    """
    roles = document.roles
    if roles.rest or all(kind.use == "export" for kind in document.kinds.values()):
        return
    needed = ("kind", "recipients", "shared_case", *IMPORTED)
    missing = [role for role in needed if not getattr(roles, role)]
    if missing:
        raise MisplacedError(
            f"received events have no place for {', '.join(missing)}: name a column for each, "
            "or one column `rest` for everything that has no column of its own",
            "roles",
        )
