"""Mapping of a Community Safety Unit's rows to events and back, by the mapping file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.base import Context, Export, Outgoing, Records, Row
from adapters.csu.format import format_import, parse_export
from adapters.mapping import MappingDocument, RowMapping, load_mapping
from broker.event import OpenedEvent


class CsuAdapter:
    """The adapter of a police Community Safety Unit.

    Attributes:
        name: key in ``agency.toml``.
        suffixes: file name endings of its exports.
        mapping: the compiled mapping file.
        mapping_version: version of the mapping file.
    """

    name: str = "csu"
    suffixes: Sequence[str] = (".csv",)

    def __init__(self, document: MappingDocument | None = None) -> None:
        self.mapping = RowMapping(document or load_mapping("adapters.csu"))
        self.mapping_version: str = self.mapping.version

    def read(self, export: Export, encoding: str | None = None) -> Records:
        """Parse an export. Raises MappingError when the file as a whole cannot be read."""
        return parse_export(export, self.mapping, encoding)

    def to_event(self, row: Row, context: Context) -> Outgoing:
        """Turn a row into an event. Raises MappingError for a missing, unknown or invalid value."""
        return self.mapping.to_event(row, context)

    def from_event(self, event: OpenedEvent, context: Context) -> bytes:
        """Write a file of one row in the agency's own columns and codes. Raises MappingError."""
        return format_import([self.mapping.to_row(event, context)], self.mapping)

    def read_back(self, content: bytes) -> Sequence[Mapping[str, object]]:
        """Parse the output of ``from_event``. Raises MappingError."""
        return [item.values for item in self.read(content) if isinstance(item, Row)]
