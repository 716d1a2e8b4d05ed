"""Mapping of a council's records to events and back, by the versioned mapping file.

There are two adapters with different output: ``agency.toml`` names ``council`` or ``council-csv``.
Both read both forms. A record has the same idempotency key in either form, so a council can change
its export form and no record is sent again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from adapters.base import Context, Export, Outgoing, Records, Row
from adapters.council.format import CouncilFormat, Form
from adapters.mapping import MappingDocument, RowMapping, load_mapping
from broker.event import OpenedEvent


class CouncilAdapter:
    """``adapters.base.AgencyAdapter`` for councils."""

    def __init__(self, name: str, form: Form) -> None:
        """Args: name: key in ``agency.toml``; form: the form written for import."""
        self.name = name
        self._form = form
        other: Form = "csv" if form == "jsonl" else "jsonl"
        self.suffixes: Sequence[str] = (f".{form}", f".{other}")

    @cached_property  # load the file on first use, not on import
    def mapping(self) -> RowMapping:
        """Return the compiled mapping file in use."""
        return RowMapping(load_mapping(__package__ or "adapters.council"))

    @cached_property
    def _format(self) -> CouncilFormat:
        return CouncilFormat(self.mapping)

    @property
    def document(self) -> MappingDocument:
        """Return the mapping file in use."""
        return self.mapping.document

    @property
    def mapping_version(self) -> str:
        """Return the version of the mapping file in use."""
        return self.mapping.version

    def read(self, export: Export, encoding: str | None = None) -> Records:
        """See ``AgencyAdapter.read``."""
        return self._format.read(export, encoding)

    def to_event(self, row: Row, context: Context) -> Outgoing:
        """See ``AgencyAdapter.to_event``."""
        return self.mapping.to_event(row, context)

    def from_event(self, event: OpenedEvent, context: Context) -> bytes:
        """See ``AgencyAdapter.from_event``. The result is one record in this adapter's form."""
        return self._format.write([self.mapping.to_row(event, context)], self._form)

    def read_back(self, content: bytes) -> Sequence[Mapping[str, object]]:
        """See ``AgencyAdapter.read_back``. Columns without a value are absent."""
        return [
            {name: value for name, value in row.values.items() if value not in ("", [])}
            for row in self.read(content)
            if isinstance(row, Row)
        ]


ADAPTER = CouncilAdapter("council", "jsonl")
CSV_ADAPTER = CouncilAdapter("council-csv", "csv")
