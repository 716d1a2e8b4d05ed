"""Checks of a mapping file beyond its form: known names, one use of a column, a place for all.

Each fault names its place in the file, so that the author finds the line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Final

from adapters.mapping.expressions import compile_expression
from adapters.mapping.localtime import has_short_year, zone_named
from adapters.mapping.mapping_form import IMPORTED, MappingForm
from contracts.names import suggestion

if TYPE_CHECKING:
    from adapters.mapping.parts import Kind
    from contracts.strict_yaml import Fault, TreePath

_ROLES: Final = (
    "kind", "recipients", "case", "shared_case", "referral", "shared_referral", "not_shared",
    "unlisted", "received_from", "event_id", "sent_at", "rest",
)  # fmt: skip
"""Members of ``roles`` that name a column."""


def document_faults(document: MappingForm) -> tuple[Fault, ...]:
    """Return every fault of a mapping file whose form is right and whose words are loaded."""
    checks = (
        _times, _references, _centuries, _declared, _tables, _code_lists, _kinds, _kind_types,
        _used_paths, _other_paths, _ignored, _derived, _writers, _places,
    )  # fmt: skip
    return tuple(chain.from_iterable(check(document) for check in checks))


def _repeats(complaint: str, names: Iterable[str], member: str) -> Iterator[Fault]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield (member,), f"{complaint}: {name}"
        seen.add(name)


def _times(document: MappingForm) -> Iterator[Fault]:
    """Find a zone that does not exist, and formats of dates that are none."""
    try:
        zone_named(document.zone)
    except ValueError as error:
        yield ("zone",), str(error)
    formats: list[tuple[TreePath, str]] = [
        ((member, at), pattern)
        for member in ("date_formats", "time_formats", "datetime_formats")
        for at, pattern in enumerate(getattr(document, member))
    ]
    formats += [
        (("columns", at, "formats"), text)
        for at, column in enumerate(document.columns)
        for text in column.formats
    ]
    for place, pattern in formats:
        if "%" not in pattern:
            yield place, f"{pattern} is no format of dates; an example is %d/%m/%Y"


def _references(document: MappingForm) -> Iterator[Fault]:
    """Check that the roles name a reference of the case, and one of a new referral."""
    roles, sent = document.roles, _sent(document)
    if sent and not roles.case and not roles.shared_case:
        yield (
            ("roles", "case"),
            "case is not filled in: name the column of your own reference of the case",
        )
    if any(k.referral == "new" for k in sent) and not roles.referral and not roles.shared_referral:
        yield (
            ("roles", "referral"),
            "referral is not filled in: name the column of your own reference of the referral. It "
            "may be a derived column, or the column of the case",
        )


def _sent(document: MappingForm) -> list[Kind]:
    return [kind for kind in document.kinds.values() if kind.use != "import"]


def _centuries(document: MappingForm) -> Iterator[Fault]:
    """Check that each column with years of two digits says their century."""
    defaults = {"date": document.date_formats, "datetime": document.datetime_formats}
    for at, column in enumerate(document.columns):
        for part in (column, *column.parts):
            formats = (part.formats or defaults[part.kind]) if part.kind in defaults else ()
            if part.century is None and any(map(has_short_year, formats)):
                yield (
                    ("columns", at),
                    f"column {part.column} has a year of two digits (%y), which does not say its "
                    "century. Write `century: past` for a date that is never in the future, such "
                    "as a date of birth, or `century: current` for the century of today",
                )


def _declared(document: MappingForm) -> Iterator[Fault]:
    """Check that each column is declared once, and that a kind requires declared ones."""
    names = [column.column for column in document.columns]
    yield from _repeats("a column is declared twice", names, "columns")
    for own, kind in document.kinds.items():
        for name in kind.required:
            if name not in names:
                yield (
                    ("kinds", own),
                    f"a kind requires the column {name}, which is not declared",
                )


def _tables(document: MappingForm) -> Iterator[Fault]:
    for at, column in enumerate(document.columns):
        for part in (column, *column.parts):
            if part.table is not None and part.table not in document.tables:
                yield (
                    ("columns", at),
                    f"column {column.column} names the table {part.table}, which does not "
                    f"exist. {suggestion(part.table, document.tables)}",
                )


def _code_lists(document: MappingForm) -> Iterator[Fault]:
    """Check that each table names a code list, and codes of it."""
    for name, table in document.tables.items():
        words = document.vocabularies[table.vocabulary or document.vocabulary]
        if table.list is None:
            continue
        if table.list not in words.code_lists:
            yield (
                ("tables", name, "list"),
                f"table {name} names the code list {table.list}, which the vocabulary does not "
                f"have. {suggestion(table.list, words.code_lists)}",
            )
            continue
        listed = words.code_lists[table.list]
        for shared in dict.fromkeys((*table.readable.values(), *table.written)):
            if shared not in listed.codes and not listed.others:
                yield (
                    ("tables", name),
                    f"table {name}: the code list {table.list} has no {shared}. "
                    f"{suggestion(shared, listed.codes)}",
                )


def _kinds(document: MappingForm) -> Iterator[Fault]:
    """Check that each row has one kind, and recipients."""
    sent = _sent(document)
    if document.roles.kind and any(kind.when for kind in document.kinds.values()):
        yield (
            ("kinds",),
            f"the column {document.roles.kind} names the kind, so no kind has a `when`",
        )
    if not document.roles.kind and any(kind.when is None for kind in sent[:-1]):
        yield (
            ("kinds",),
            "no column names the kind of a row, so each kind needs a `when` (the last one may "
            "take all other rows)",
        )
    if sent and not document.roles.recipients and not document.routes:
        yield ("roles",), "neither a column of recipients nor a route says who gets a row"


def _kind_types(document: MappingForm) -> Iterator[Fault]:
    for own, kind in document.kinds.items():
        words = document.vocabularies[kind.vocabulary or document.vocabulary]
        if kind.type not in words.event_types:
            yield (
                ("kinds", own, "type"),
                f"kind {own}: the vocabulary has no event type {kind.type}. "
                f"{suggestion(kind.type, words.event_types)}",
            )
            continue
        field = kind.referral_field
        if field is not None and field not in words.event_types[kind.type].leaves:
            yield ("kinds", own), f"kind {own}: {kind.type} has no field {field}"


def _leaves(document: MappingForm) -> dict[str, frozenset[str]] | None:
    """Return event type -> its fields; None if a type is unknown, which is a fault itself."""
    found: dict[str, frozenset[str]] = {}
    for event_type in document.event_types:
        known = document.words_of(event_type).event_types.get(event_type)
        if known is None:
            return None
        found[event_type] = frozenset(known.leaves)
    return found


def _used_paths(document: MappingForm) -> Iterator[Fault]:
    """Check that each path of a column is a field of an event that some kind of row makes.

    Otherwise the values of that column would be dropped from every event without a trace.
    """
    leaves = _leaves(document)
    if leaves is None:
        return
    for at, column in enumerate(document.columns):
        of_it = set(leaves).intersection(column.types) if column.types else leaves
        fields = {path for event_type in of_it for path in leaves[event_type]}
        for path in column.paths:
            if path not in fields:
                yield (
                    ("columns", at, "paths"),
                    f"column {column.column} names the field {path}, which no event of this "
                    f"mapping has. {suggestion(path, fields)}",
                )


def _other_paths(document: MappingForm) -> Iterator[Fault]:
    """Check that fixed values, and values that are written, name fields of some event."""
    leaves = _leaves(document)
    if leaves is None:
        return
    known = {path for paths in leaves.values() for path in paths}
    named: list[tuple[str, TreePath]] = [(path, ("fixed", path)) for path in document.fixed]
    for at, one in enumerate(document.written):
        names = sorted(compile_expression(one.value, "field").names)
        named += [(path, ("written", at, "value")) for path in names]
    for path, place in named:
        if path not in known:
            yield place, f"no event of this mapping has the field {path}. {suggestion(path, known)}"


def _ignored(document: MappingForm) -> Iterator[Fault]:
    """Check that no column that is ignored is used elsewhere."""
    used = {column.column for column in document.columns} | set(document.special_columns())
    taken = used | document.expression_columns
    for at, name in enumerate(document.ignored):
        if name in taken:
            yield ("ignored", at), f"the column {name} is ignored, and used elsewhere in the file"


def _derived(document: MappingForm) -> Iterator[Fault]:
    """Check that derived columns use earlier ones only, and that none is written."""
    known: set[str] = set()
    for name, expression in document.derived.items():
        later = (compile_expression(expression).names & document.derived.keys()) - known
        if later:
            yield ("derived", name), f"derived {name} uses {min(later)}, which stands below it"
        known.add(name)
    written = [one.column for one in document.written]
    for name in dict.fromkeys((*document.import_columns(), document.roles.rest, *written)):
        if name and name in document.derived:
            yield (
                ("derived", name),
                f"the column {name} is written, and a derived column is only read",
            )


def _writers(document: MappingForm) -> Iterator[Fault]:
    """Check that no column of an import has two values, of which one would be lost."""
    roles = document.roles.model_dump(include=set(_ROLES))
    special = [name for name in roles.values() if name]
    yield from _repeats("a column has two special roles", special, "roles")
    columns = {c.column: c for c in document.columns}
    written = [one.column for one in document.written]
    yield from _repeats("a column is written twice", [*written, *dict.fromkeys(special)], "written")
    imported = {*document.import_columns()}
    for name in dict.fromkeys((*special, *written)):
        column = columns.get(name)
        if column is not None and (column.use != "export" or name in imported):
            yield (
                ("columns", document.columns.index(column)),
                f"the column {name} has a field and another use: give each a column",
            )
    for name in sorted(imported & document.expression_columns):
        yield ("roles",), f"the column {name} is only written, and an expression reads it"


def _places(document: MappingForm) -> Iterator[Fault]:
    """Check that what is received about an event has a place: a column of its own, or `rest`.

    Fields without a place are found when an event with one arrives; it is then held.
    """
    roles = document.roles
    if roles.rest or all(kind.use == "export" for kind in document.kinds.values()):
        return
    needed = ("kind", "recipients", "shared_case", *IMPORTED)
    missing = [role for role in needed if not getattr(roles, role)]
    if missing:
        yield (
            ("roles",),
            f"received events have no place for {', '.join(missing)}: name a column for each, "
            "or one column `rest` for everything that has no column of its own",
        )
