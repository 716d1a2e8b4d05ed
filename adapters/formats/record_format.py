"""Interface of a file format: bytes to records of the agency's own columns, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from adapters.base import Export, Records


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of the agency's records.

    A column is the text of a header in CSV and spreadsheets, the dotted path of members in JSON
    (``tenant.name``), and the path of elements below a record in XML (``Victim/Name``), with ``@``
    before the name of an attribute (``Case/@ref``).

    Attributes:
        known: all allowed columns, in the order of writing.
        needed: columns that the header of a table must have. JSON and XML have no header: there a
            record may lack any column.
        multiline: columns whose values may have line breaks (CSV and spreadsheets).
        lists: columns whose value may be repeated (JSON and XML).
        parts: list -> parts that its records may have (XML); a list that is not in it holds single
            values. None for any parts; the mapping then refuses those that it does not know.
    """

    known: Sequence[str]
    needed: Sequence[str] = ()
    multiline: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()
    parts: Mapping[str, frozenset[str]] | None = None


class RecordFormat(Protocol):
    """One file format with its settings."""

    suffixes: Sequence[str]
    """File name endings of exports; the first one is that of written files."""

    def read(self, export: Export, columns: Columns, encoding: str | None = None) -> Records:
        """Check an export as a whole, then return its records one by one.

        Args:
            export: the file. It stays open and unchanged while the records are read.
            columns: columns of the agency's records.
            encoding: encoding of the text; None for that of the settings.

        Raises:
            MappingError: the file as a whole cannot be read.
        """

    def write(self, rows: Sequence[Mapping[str, object]], columns: Columns) -> bytes:
        """Write records as a file in UTF-8; empty values are written as nothing.

        Raises:
            MappingError: `invalid_value`: the format cannot hold a value.
        """
