"""Mapping of a support service's spreadsheet to events and back, by the versioned mapping file.

Support services and third-party reporting centres use the same template. A centre's reports are
referrals to the police (``referral.made``) as far as the victim agreed. Consent that was not asked
for is absent, and absent never means yes.
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

    @cached_property  # load the file on first use, not on import
    def mapping(self) -> RowMapping:
        """Return the compiled mapping file in use."""
        return RowMapping(load_mapping(__package__ or "adapters.support"))

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
        return read_sheet(export, self.mapping, encoding)

    def to_event(self, row: Row, context: Context) -> Outgoing:
        """See ``AgencyAdapter.to_event``."""
        return self.mapping.to_event(row, context)

    def from_event(self, event: OpenedEvent, context: Context) -> bytes:
        """See ``AgencyAdapter.from_event``. The result is a sheet with one row."""
        return write_sheet([self.mapping.to_row(event, context)], self.mapping)

    def read_back(self, content: bytes) -> Sequence[Mapping[str, object]]:
        """See ``AgencyAdapter.read_back``. Columns without a value are empty texts."""
        return [row.values for row in self.read(content) if isinstance(row, Row)]


ADAPTER = SupportAdapter()
