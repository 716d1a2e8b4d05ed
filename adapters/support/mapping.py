"""A support service's spreadsheet to events and back: the versioned mapping file does the work.

The same template serves support services and third-party reporting centres, whose reports are
referrals to the police (``referral.made``) as far as the victim agreed to it: consent that was not
asked for is absent, which is never yes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from adapters.base import Context, Export, Outgoing, Records, Row
from adapters.mapping import MappingDocument, RowMapping, load_mapping
from adapters.support.format import read_sheet, write_sheet
from broker.event import OpenedEvent


class SupportAdapter:
    """``adapters.base.AgencyAdapter`` for voluntary services."""

    name = "support"
    suffixes: Sequence[str] = (".csv",)

    @cached_property  # the file is read when the adapter is used, not when it is imported
    def mapping(self) -> RowMapping:
        """The compiled mapping file in use."""
        return RowMapping(load_mapping(__package__ or "adapters.support"))

    @property
    def document(self) -> MappingDocument:
        """The mapping file in use."""
        return self.mapping.document

    @property
    def mapping_version(self) -> str:
        """Version of the mapping file in use."""
        return self.mapping.version

    def read(self, export: Export, encoding: str | None = None) -> Records:
        """See ``AgencyAdapter.read``."""
        return read_sheet(export, self.mapping, encoding)

    def to_event(self, row: Row, context: Context) -> Outgoing:
        """See ``AgencyAdapter.to_event``."""
        return self.mapping.to_event(row, context)

    def from_event(self, event: OpenedEvent, context: Context) -> bytes:
        """See ``AgencyAdapter.from_event``; a sheet with one row."""
        return write_sheet([self.mapping.to_row(event, context)], self.mapping)

    def read_back(self, content: bytes) -> Sequence[Mapping[str, object]]:
        """See ``AgencyAdapter.read_back``; columns without a value are empty texts."""
        return [row.values for row in self.read(content) if isinstance(row, Row)]


ADAPTER = SupportAdapter()
