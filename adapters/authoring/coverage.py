"""Coverage of a mapping by a file: which columns and codes it has, and which of them are mapped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from adapters.authoring.value_forms import codes_of
from adapters.base import Row
from adapters.mapping.document import MappingDocument
from adapters.mapping.parts import Column

__all__ = ["CodeUse", "ColumnUse", "Coverage"]

MAX_LINES = 5
"""Most lines that are named for one code."""
MAX_CODES = 200
"""Most different codes of one column that are counted."""


@dataclass(slots=True)
class ColumnUse:
    """Use of one column.

    Attributes:
        column: own name.
        fields: the fields of the event that it holds, or its role; empty if it is ignored.
        filled: number of rows with a value.
    """

    column: str
    fields: tuple[str, ...]
    filled: int = 0


@dataclass(slots=True)
class CodeUse:
    """Use of one own code.

    Attributes:
        shared: code of the vocabulary; None if the table does not know the own code.
        count: number of rows with it.
        lines: the first of them.
    """

    shared: str | None
    count: int = 0
    lines: list[int] = field(default_factory=list)


class Coverage:
    """Counts the columns and codes of rows, by one mapping file."""

    def __init__(self, document: MappingDocument) -> None:
        self._document = document
        self._coded: Mapping[str, Column] = {
            column.column: column for column in document.columns if column.table is not None
        }
        self.columns: dict[str, ColumnUse] = {}
        self.codes: dict[str, dict[str, CodeUse]] = {}
        self.rows = 0

    def add(self, row: Row) -> None:
        """Count one row."""
        self.rows += 1
        for name, value in row.values.items():
            use = self.columns.setdefault(name, ColumnUse(name, self._fields(name)))
            if value in ("", None, []):
                continue
            use.filled += 1
            column = self._coded.get(name)
            if column is not None:
                self._count(column, value, row.line)

    def unknown(self) -> dict[str, dict[str, CodeUse]]:
        """Return table -> own code -> its use, for codes that no table knows."""
        return {
            table: missing
            for table, codes in self.codes.items()
            if (missing := {code: use for code, use in codes.items() if use.shared is None})
        }

    def codes_for(self, table: str) -> tuple[str, ...]:
        """Return the codes of the vocabulary that a table may name; none for a list of its own."""
        return tuple(self._document.codes_of(self._document.tables[table]) or ())

    def _count(self, column: Column, value: object, line: int) -> None:
        name = column.table or ""
        table = self._document.tables[name]
        found = self.codes.setdefault(name, {})
        separator = column.separator if column.kind == "codes" else None
        counted: Counter[str] = codes_of([value], separator)
        for code, count in counted.items():
            if code in table.absent or (code not in found and len(found) >= MAX_CODES):
                continue
            use = found.setdefault(code, CodeUse(table.readable.get(code)))
            use.count += count
            if len(use.lines) < MAX_LINES:
                use.lines.append(line)

    def _fields(self, name: str) -> tuple[str, ...]:
        document = self._document
        paths = tuple(path for c in document.columns if c.column == name for path in c.paths)
        if paths:
            return paths
        roles = (role for role, column in document.roles.model_dump().items() if column == name)
        role = next(roles, None)
        if role is not None:
            return (role,)
        return ("used by an expression",) if name in document.expression_columns else ()
