"""Adapter for the Crown Prosecution Service: an XML case export, its codes and reporting groups.

Hate crime flags follow the service's reporting groups. Several strands belong to one group, so
received strands become groups, and a group is never sent as a strand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from adapters.base import Export, Records
from adapters.cps.case_xml import Schema, format_file, parse_export, schema_of
from adapters.mapping import PackagedAdapter


class CpsAdapter(PackagedAdapter):
    """The adapter of the Crown Prosecution Service."""

    @cached_property
    def schema(self) -> Schema:
        """The elements of its records."""
        return schema_of(self.mapping)

    def read(self, export: Export, encoding: str | None = None) -> Records:
        """See ``AgencyAdapter.read``."""
        return parse_export(export, self.schema, encoding)

    def write(
        self, rows: Sequence[Mapping[str, object]], *, header: Sequence[str] | None = None
    ) -> bytes:
        """See ``MappedAdapter.write``; XML has no header, and an empty value has no element."""
        return format_file(rows, self.schema)


ADAPTER = CpsAdapter("cps", __name__, (".xml",))
"""The adapter that the entry-point group ``concordant.adapters`` loads."""
