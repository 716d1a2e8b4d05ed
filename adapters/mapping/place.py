"""Place in an export: line and column, which every reason for a refused record names.

The value itself is never named, because values are personal (``adapters.base.MappingError``).
"""

from __future__ import annotations

from dataclasses import dataclass

from adapters.base import MappingError


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file and, optionally, a column of it.

    Attributes:
        line: 1-based line or element number; 0 for an event that is being written.
        column: the agency's own name of the column.
    """

    line: int
    column: str = ""

    def __str__(self) -> str:
        parts = [f"line {self.line}"] if self.line else []
        if self.column:
            parts.append(f"column {self.column}")
        return ", ".join(parts)

    def at(self, column: str) -> Place:
        """Return the same line with another column."""
        return Place(self.line, column)

    def error(self, code: str, detail: str, *, fix: str | None = None) -> MappingError:
        """Return a refusal at this place.

        Args:
            code: one of the codes of ``MappingError``.
            detail: what is expected; never the found value.
            fix: what to do about it.
        """
        return MappingError(detail, code=code, where=str(self) or None, fix=fix)
