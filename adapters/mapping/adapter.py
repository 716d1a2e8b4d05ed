"""Base classes of adapters whose rules are all in a versioned mapping file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property

from adapters.base import Context, Export, Outgoing, Records, Row
from adapters.formats.delimited import Dialect, read_delimited, write_delimited
from adapters.mapping.document import load_mapping
from adapters.mapping.rows import RowMapping
from broker.event import OpenedEvent


class MappedAdapter(ABC):
    """``adapters.base.AgencyAdapter``; a subclass adds how files are read and written."""

    name: str

    @property
    @abstractmethod
    def suffixes(self) -> Sequence[str]:
        """See ``AgencyAdapter.suffixes``."""

    @property
    @abstractmethod
    def mapping(self) -> RowMapping:
        """Return the compiled mapping file in use."""

    @property
    def mapping_version(self) -> str:
        """Return the version of the mapping file in use."""
        return self.mapping.version

    @abstractmethod
    def read(self, export: Export, encoding: str | None = None) -> Records:
        """See ``AgencyAdapter.read``."""

    @abstractmethod
    def write(
        self, rows: Sequence[Mapping[str, object]], *, header: Sequence[str] | None = None
    ) -> bytes:
        """Write rows as a file of the agency's system.

        Args:
            rows: own column -> value.
            header: columns, in order; every known one, as for an import, when None.
        """

    def to_event(self, row: Row, context: Context) -> Outgoing | None:
        """See ``AgencyAdapter.to_event``."""
        return self.mapping.to_event(row, context)

    def from_event(self, event: OpenedEvent, context: Context) -> bytes:
        """See ``AgencyAdapter.from_event``. The result is a file of one record."""
        return self.write([self.mapping.to_row(event, context)])

    def read_back(self, content: bytes) -> Sequence[Mapping[str, object]]:
        """See ``AgencyAdapter.read_back``."""
        return [row.values for row in self.read(content) if isinstance(row, Row)]


class PackagedAdapter(MappedAdapter):
    """An adapter whose mapping file is in its Python package."""

    def __init__(self, name: str, package: str, suffixes: Sequence[str]) -> None:
        """Store the settings; the mapping file is read on first use.

        Args:
            name: key in ``agency.toml``.
            package: package of the mapping file, for example ``adapters.csu``.
            suffixes: file name endings of its exports.
        """
        self.name = name
        self._suffixes = suffixes
        self._package = package

    @property
    def suffixes(self) -> Sequence[str]:
        """See ``AgencyAdapter.suffixes``."""
        return self._suffixes

    @cached_property
    def _mapping(self) -> RowMapping:
        return RowMapping(load_mapping(self._package))

    @property
    def mapping(self) -> RowMapping:
        """Return the compiled mapping file in use."""
        return self._mapping


class DelimitedAdapter(PackagedAdapter):
    """An adapter of a system that reads and writes delimited text."""

    def __init__(self, name: str, package: str, dialect: Dialect) -> None:
        """Args: as of ``PackagedAdapter``, and the dialect of the files."""
        super().__init__(name, package, (".csv",))
        self._dialect = dialect

    def read(self, export: Export, encoding: str | None = None) -> Records:
        """See ``AgencyAdapter.read``."""
        return read_delimited(
            export,
            self._dialect,
            known=self.mapping.known_columns,
            needed=self.mapping.export_columns,
            multiline=self.mapping.multiline_columns,
            encoding=encoding,
        )

    def write(
        self, rows: Sequence[Mapping[str, object]], *, header: Sequence[str] | None = None
    ) -> bytes:
        """See ``MappedAdapter.write``."""
        return write_delimited(rows, self._dialect, header=header or self.mapping.known_columns)
