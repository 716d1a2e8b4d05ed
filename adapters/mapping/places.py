"""Place of everything that a mapping has no column of its own for: one text, a line for each value.

Without a declared place such a value is refused, so that it is held and seen. It is never dropped.
"""

from __future__ import annotations

from collections.abc import Mapping

from adapters.base import FilePlace
from adapters.mapping.document import MappingDocument
from broker.event import JSON

__all__ = ["RestText"]


class RestText:
    """Collects the values of one event that have no column, for the column ``rest``."""

    def __init__(self, document: MappingDocument, event_type: str) -> None:
        self._document = document
        self._type = event_type
        self._lines: list[str] = []

    def field(self, path: str, value: JSON) -> None:
        """Take a field of the event.

        Raises:
            MappingError: `unknown_column`: the mapping declares no place for it.
        """
        if not self._document.roles.rest:
            raise FilePlace(0).error(
                "unknown_column",
                f"the mapping has no column for {path}, and no column `rest`",
            )
        self._lines.append(f"{self._label(path)}: {self._in_words(path, value)}")

    def place(
        self, row: dict[str, object], column: str, label: str, value: str | list[str]
    ) -> None:
        """Write what is known about an event into its column, or into the rest without one."""
        if column:
            row[column] = self._listed(value) if isinstance(value, list) else value
        elif self._document.roles.rest and value:
            self._lines.append(f"{label}: {', '.join(value) if isinstance(value, list) else value}")

    def finish(self, row: dict[str, object]) -> None:
        """Write the collected lines into the column ``rest``."""
        if self._lines:
            row[self._document.roles.rest] = "\n".join(self._lines)

    def _listed(self, items: list[str]) -> object:
        if self._document.style == "text":
            return self._document.roles.recipients_separator.join(items)
        return items

    def _label(self, path: str) -> str:
        """Return a field in the words of the vocabulary, with its path."""
        leaf = self._document.type_of(self._type).leaves.get(path)
        return path if leaf is None else f"{leaf.form.label} ({path})"

    def _in_words(self, path: str, value: JSON) -> str:
        leaf = self._document.type_of(self._type).leaves.get(path)
        listed = None if leaf is None else leaf.form.value.code
        words = self._document.words_of(self._type)
        codes = {} if listed is None else words.code_lists[listed].codes
        return _shown(value, codes)


def _shown(value: JSON, codes: Mapping[str, str]) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "; ".join(_shown(item, codes) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(part, {})}" for name, part in value.items())
    text = str(value).replace("\n", " ")
    return f"{codes[text]} ({text})" if text in codes else text
