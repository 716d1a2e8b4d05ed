"""A mapping file as a table: every column with what it holds, in which form, and its codes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from adapters.mapping.compiled import ColumnNames
from adapters.mapping.document import MappingDocument
from adapters.mapping.expressions import compiled
from adapters.mapping.parts import Column

__all__ = ["ColumnRow", "column_rows"]

_ROLES = {
    "kind": "kind of row",
    "recipients": "partners who get the row",
    "case": "own reference of the case",
    "shared_case": "shared number of the case",
    "referral": "own reference of the referral",
    "shared_referral": "shared number of the referral",
    "not_shared": "names of what the agreement withholds",
    "unlisted": "columns with a code that its list does not have",
    "received_from": "the sender",
    "event_id": "number of the event",
    "sent_at": "time of sending",
    "rest": "everything that has no column of its own",
}


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """One column of the agency's files.

    Attributes:
        column: own name.
        use: `both`, `export` (read), `import` (written) or `derived` (computed from others).
        holds: fields of the event, or the special role in words.
        form: how a value is written.
        needed: whether an export must have the column.
        codes: own code -> code of the vocabulary.
    """

    column: str
    use: str
    holds: tuple[str, ...]
    form: str
    needed: bool
    codes: dict[str, str]

    def as_json(self) -> dict[str, object]:
        """Return a JSON object for scripts."""
        return {
            "column": self.column,
            "use": self.use,
            "holds": list(self.holds),
            "form": self.form,
            "needed": self.needed,
            "codes": self.codes,
        }


def column_rows(document: MappingDocument) -> Iterator[ColumnRow]:
    """Yield the columns of a mapping, in the order of the file that it writes."""
    names = ColumnNames.of(document)
    needed = frozenset(names.needed)
    declared = {column.column: column for column in document.columns}
    roles = {name: role for role, name in document.roles.model_dump().items() if role in _ROLES}
    written = {one.column: one for one in document.written}
    imported = frozenset(document.import_columns())
    for name in (*names.known, *document.derived):
        if name in document.ignored:
            yield ColumnRow(name, "export", (), "not read", False, {})
        elif name in declared:
            yield _declared(document, declared[name], name in needed)
        elif name in written:
            paths = tuple(sorted(compiled(written[name].value, "field").names))
            yield ColumnRow(name, "import", paths, written[name].value, False, {})
        elif name in roles:
            use = "import" if name in imported else "both"
            use = "derived" if name in document.derived else use
            form, codes = _role_form(document, roles[name], name), _kinds(document, name)
            yield ColumnRow(name, use, (_ROLES[roles[name]],), form, name in needed, codes)
        elif name in document.derived:
            yield ColumnRow(name, "derived", (), document.derived[name], False, {})
        else:
            yield ColumnRow(name, "export", ("used by an expression",), "text", True, {})


def _declared(document: MappingDocument, column: Column, needed: bool) -> ColumnRow:
    derived = column.column in document.derived
    holds = column.paths or ("not sent",)
    form = document.derived[column.column] if derived else _form(document, column)
    codes = {} if column.table is None else dict(document.tables[column.table].readable)
    if column.table is not None and not codes:
        written = document.tables[column.table].writable
        codes = {own: shared for shared, own in written.items()}
    return ColumnRow(
        column.column, "derived" if derived else column.use, holds, form, needed, codes
    )


def _kinds(document: MappingDocument, name: str) -> dict[str, str]:
    if name != document.roles.kind:
        return {}
    return {own: kind.type for own, kind in document.kinds.items()}


def _role_form(document: MappingDocument, role: str, name: str) -> str:
    if name in document.derived:
        return document.derived[name]
    if role in ("recipients", "not_shared", "unlisted"):
        return f"list, with {document.roles.recipients_separator} between"
    if role in ("case", "referral"):
        pattern = document.roles.case_pattern if role == "case" else document.roles.referral_pattern
        return f"text of the form {pattern}"
    if role == "sent_at":
        return document.datetime_formats[0]
    return "text"


def _form(  # noqa: PLR0911 - one answer for each kind of column
    document: MappingDocument, column: Column
) -> str:
    """Return the form of a column's values in words."""
    kind = column.kind
    if kind in ("date", "time", "datetime"):
        formats = column.formats or getattr(document, f"{kind}_formats")
        return f"{kind}: {' or '.join(formats)}"
    if kind == "flag":
        return " or ".join(document.flags.readable)
    if kind == "integer":
        return f"whole number, {column.minimum} to {column.maximum}"
    if kind == "records":
        parts = column.part_separator.join(part.column for part in column.parts)
        return f"list of {parts}, with {column.separator} between"
    if kind in ("codes", "texts", "leaves"):
        what = {"codes": "codes", "texts": "texts", "leaves": "column names"}[kind]
        return f"list of {what}, with {column.separator} between"
    if kind == "text":
        lines = ", on several lines" if column.multiline else ""
        return f"text, at most {column.limit} characters{lines}"
    return "number (UUID)" if kind == "uuid" else kind
