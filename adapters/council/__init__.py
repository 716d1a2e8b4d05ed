"""Adapters for councils: housing and anti-social behaviour systems that export JSON lines or CSV.

There are two adapters with different output: ``agency.toml`` names ``council`` or ``council-csv``.
Both read both forms. A record has the same idempotency key in either form, so a council can change
its export form and no record is sent again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from adapters.base import Export, Records, Row
from adapters.council.forms import CouncilFormat, Form
from adapters.mapping import PackagedAdapter


class CouncilAdapter(PackagedAdapter):
    """``adapters.base.AgencyAdapter`` for councils."""

    def __init__(self, name: str, form: Form) -> None:
        """Args: name: key in ``agency.toml``; form: the form written for import."""
        other: Form = "csv" if form == "jsonl" else "jsonl"
        super().__init__(name, __name__, (f".{form}", f".{other}"))
        self._form = form

    @cached_property
    def _format(self) -> CouncilFormat:
        return CouncilFormat(self.mapping)

    def read(self, export: Export, encoding: str | None = None) -> Records:
        """See ``AgencyAdapter.read``."""
        return self._format.read(export, encoding)

    def write(
        self, rows: Sequence[Mapping[str, object]], *, header: Sequence[str] | None = None
    ) -> bytes:
        """See ``MappedAdapter.write``; in this adapter's form."""
        return self._format.write(rows, self._form, header=header)

    def read_back(self, content: bytes) -> Sequence[Mapping[str, object]]:
        """See ``AgencyAdapter.read_back``. Columns without a value are absent."""
        return [
            {name: value for name, value in row.values.items() if value not in ("", [])}
            for row in self.read(content)
            if isinstance(row, Row)
        ]


ADAPTER = CouncilAdapter("council", "jsonl")
CSV_ADAPTER = CouncilAdapter("council-csv", "csv")
