"""A mapping file as a table: every column with what it holds, in which form, and its codes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from adapters.mapping.compiled import ColumnNames
from adapters.mapping.document import MappingDocument
from adapters.mapping.expressions import compile_expression
from adapters.mapping.parts import Column
from contracts.phrases import N_, joined, phrase

__all__ = ["ColumnRow", "column_rows"]

_ROLES = {
    "kind": N_("kind of row"),
    "recipients": N_("partners who get the row"),
    "case": N_("own reference of the case"),
    "shared_case": N_("shared number of the case"),
    "referral": N_("own reference of the referral"),
    "shared_referral": N_("shared number of the referral"),
    "not_shared": N_("names of what the agreement withholds"),
    "unlisted": N_("columns with a code that its list does not have"),
    "received_from": N_("the sender"),
    "event_id": N_("number of the event"),
    "sent_at": N_("time of sending"),
    "rest": N_("everything that has no column of its own"),
}
_KINDS = {"date": N_("date"), "time": N_("time"), "datetime": N_("datetime")}


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
            yield ColumnRow(name, "export", (), N_("not read"), False, {})
        elif name in declared:
            yield _declared(document, declared[name], name in needed)
        elif name in written:
            paths = tuple(sorted(compile_expression(written[name].value, "field").names))
            yield ColumnRow(name, "import", paths, written[name].value, False, {})
        elif name in roles:
            use = "import" if name in imported else "both"
            use = "derived" if name in document.derived else use
            form, codes = _role_form(document, roles[name], name), _kinds(document, name)
            yield ColumnRow(name, use, (_ROLES[roles[name]],), form, name in needed, codes)
        elif name in document.derived:
            yield ColumnRow(name, "derived", (), document.derived[name], False, {})
        else:
            yield ColumnRow(name, "export", (N_("used by an expression"),), N_("text"), True, {})


def _declared(document: MappingDocument, column: Column, needed: bool) -> ColumnRow:
    derived = column.column in document.derived
    holds = column.paths or (N_("not sent"),)
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
        return phrase(
            "list, with %(recipients_separator)s between",
            recipients_separator=document.roles.recipients_separator,
        )
    if role in ("case", "referral"):
        pattern = document.roles.case_pattern if role == "case" else document.roles.referral_pattern
        return phrase("text of the form %(pattern)s", pattern=pattern)
    if role == "sent_at":
        return document.datetime_formats[0]
    return N_("text")


def _form(  # noqa: PLR0911 - one answer for each kind of column
    document: MappingDocument, column: Column
) -> str:
    """Return the form of a column's values in words."""
    kind = column.kind
    if kind in ("date", "time", "datetime"):
        formats = column.formats or getattr(document, f"{kind}_formats")
        return joined(": ", (_KINDS[kind], joined(N_(" or "), formats)))
    if kind == "flag":
        return joined(N_(" or "), document.flags.readable)
    if kind == "integer":
        return phrase(
            "whole number, %(minimum)s to %(maximum)s",
            minimum=column.minimum,
            maximum=column.maximum,
        )
    if kind == "records":
        parts = column.part_separator.join(part.column for part in column.parts)
        return phrase(
            "list of %(parts)s, with %(separator)s between", parts=parts, separator=column.separator
        )
    if kind in ("codes", "texts", "leaves"):
        what = {"codes": N_("codes"), "texts": N_("texts"), "leaves": N_("column names")}[kind]
        return phrase(
            "list of %(what)s, with %(separator)s between", what=what, separator=column.separator
        )
    if kind == "text":
        if column.multiline:
            return phrase(
                "text, at most %(limit)s characters, on several lines", limit=column.limit
            )
        return phrase("text, at most %(limit)s characters", limit=column.limit)
    return N_("number (UUID)") if kind == "uuid" else kind
