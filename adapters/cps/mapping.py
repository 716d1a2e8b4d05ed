"""Mapping of the prosecution service's case records to events and back, by the mapping file.

Hate crime flags follow the service's reporting groups. Several strands belong to one group, so
received strands become groups, and a group is never sent as a strand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.base import Context, Export, Outgoing, Records, Row
from adapters.cps.format import format_file, parse_export, schema_of
from adapters.mapping import MappingDocument, RowMapping, load_mapping
from broker.event import OpenedEvent


class CpsAdapter:
    """The adapter of the Crown Prosecution Service.

    Attributes:
        name: key in ``agency.toml``.
        suffixes: file name endings of its exports.
        mapping: the compiled mapping file.
        schema: the elements of its records.
        mapping_version: version of the mapping file.
    """

    name: str = "cps"
    suffixes: Sequence[str] = (".xml",)

    def __init__(self, document: MappingDocument | None = None) -> None:
        self.mapping = RowMapping(document or load_mapping("adapters.cps"))
        self.schema = schema_of(self.mapping)
        self.mapping_version: str = self.mapping.version

    def read(self, export: Export, encoding: str | None = None) -> Records:
        """Parse an export. Raises MappingError when the file as a whole cannot be read."""
        return parse_export(export, self.schema, encoding)

    def to_event(self, row: Row, context: Context) -> Outgoing:
        """Turn a row into an event. Raises MappingError for a missing, unknown or invalid value."""
        return self.mapping.to_event(row, context)

    def from_event(self, event: OpenedEvent, context: Context) -> bytes:
        """Write a file of one case in the agency's own elements and codes. Raises MappingError."""
        return format_file([self.mapping.to_row(event, context)], self.schema)

    def read_back(self, content: bytes) -> Sequence[Mapping[str, object]]:
        """Parse the output of ``from_event``. Raises MappingError."""
        return [item.values for item in self.read(content) if isinstance(item, Row)]
