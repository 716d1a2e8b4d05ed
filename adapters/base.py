"""Interfaces and value types of an adapter.

An adapter is a format (bytes <-> rows of the agency's own system) and a mapping (rows <-> events of
the shared vocabulary). Both directions are pure: files, clocks and the store stay outside, so
samples are enough to test an adapter. A new kind of agency is one package with an ``ADAPTER``
object, registered under the entry-point group ``concordant.adapters``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol, TypeAlias

from broker.event import OpenedEvent
from contracts.errors import ConcordantError
from contracts.events import PlainEvent

__all__ = [
    "AgencyAdapter",
    "Context",
    "Export",
    "FilePlace",
    "Links",
    "MappingError",
    "Outgoing",
    "Records",
    "Rejected",
    "Row",
]


class MappingError(ConcordantError):
    """A row cannot be turned into an event, or an event into a row. No value is ever guessed.

    ``detail`` names the field and what is expected, never the value, because values are personal.
    Codes: unknown_value, missing_value, invalid_date, invalid_value, unknown_column,
    missing_column, unknown_partner, unknown_case, unknown_referral, row_malformed, file_encoding,
    file_empty, file_malformed, file_too_large, text_too_long, text_encoding, unknown_kind,
    expression_failed.
    """

    code = "mapping_failed"
    exit_code = 4


@dataclass(frozen=True, slots=True)
class FilePlace:
    """A line of a file and, optionally, a column of it; every reason for a refusal names one.

    Attributes:
        line: 1-based line or element number; 0 for an event that is being written.
        column: the agency's own name of the column.
    """

    line: int
    column: str = ""

    def __str__(self) -> str:
        parts = [f"line {self.line}"] if self.line else []
        if self.column:
            parts.append(f"column {self.column}")
        return ", ".join(parts)

    def at(self, column: str) -> FilePlace:
        """Return the same line with another column."""
        return FilePlace(self.line, column)

    def error(self, code: str, detail: str, *, fix: str | None = None) -> MappingError:
        """Return a refusal at this place.

        Args:
            code: one of the codes of ``MappingError``.
            detail: what is expected; never the found value.
            fix: what to do about it.
        """
        return MappingError(detail, code=code, where=str(self) or None, fix=fix)


Export: TypeAlias = bytes | BinaryIO
"""A file of the agency's system: its bytes, or a seekable stream open for reading."""


@dataclass(frozen=True, slots=True)
class Row:
    """One record of an export.

    Attributes:
        line: 1-based line (or element number) in the file, for the reason file.
        values: the agency's own column names and raw text, or nested values for JSON and XML.
        start: offset of the record's first byte in the file.
        end: offset after its last byte.
    """

    line: int
    values: Mapping[str, object]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that was not turned into an event, with the reason.

    Attributes:
        line: as of ``Row``.
        error: why.
        start: as of ``Row``.
        end: as of ``Row``.
        unclosed: the record has a stray quote, which could run into a record that follows it.
        torn: the line may be only a part of a record; the lines beside it may be the rest.
        section: offset of a second header inside the file that applies to this record. A copy of
            the record must include that header.
    """

    line: int
    error: MappingError
    start: int
    end: int
    unclosed: bool = False
    torn: bool = False
    section: int | None = None

    def __post_init__(self) -> None:
        # An exception keeps its stack frames in memory, and with them the values of the record.
        self.error.__traceback__ = self.error.__context__ = self.error.__cause__ = None


@dataclass(frozen=True, slots=True)
class Records:
    """The records of one export, read one by one, so that few are in memory at any time.

    ``head``, any records as they stand in the file with ``separator`` between them, and ``tail``
    together form a valid file.
    Refused records are kept in this way.

    Attributes:
        items: makes a new iterator over the records, from the first one.
        head: bytes that a file needs before its first record (a header line, a root element).
        tail: bytes after the last record.
        divider: bytes that end an ``unclosed`` record for certain.
        separator: bytes between two records.
        source: the stream to which all offsets belong, when it is not the file: a spreadsheet is
            read through a conversion to CSV.
        suffix: ending of a file made of ``source``; empty for the ending of the file.
    """

    items: Callable[[], Iterator[Row | Rejected]]
    head: bytes = b""
    tail: bytes = b""
    divider: bytes = b""
    separator: bytes = b""
    source: BinaryIO | None = None
    suffix: str = ""

    def __iter__(self) -> Iterator[Row | Rejected]:
        """Return the records, from the first one."""
        return self.items()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record turned into an event.

    Attributes:
        event: type, recipients and data in the shared vocabulary.
        key: the source's idempotency key. The same record exported again has the same key; a
            changed record has another. Derived from the record's own reference and its content.
        line: line or element number of the record in the export.
    """

    event: PlainEvent
    key: bytes
    line: int


class Links(Protocol):
    """Table of the agency's own references and the shared ids (kinds: ``case``, ``referral``)."""

    def shared(self, kind: str, own_reference: str) -> str:
        """Return the shared id for an own reference; mint one when there is none yet."""

    def find_shared(self, kind: str, own_reference: str) -> str | None:
        """Return the shared id for an own reference, or None."""

    def own(self, kind: str, shared_id: str) -> str | None:
        """Return the own reference for a shared id, or None when this agency has not linked it."""

    def link(self, kind: str, own_reference: str, shared_id: str) -> None:
        """Record that an own reference and a shared id name the same thing.

        Raises:
            MappingError: ``unknown_case``, when either is linked to something else.
        """


@dataclass(frozen=True, slots=True)
class Context:
    """Context of a mapping besides the row.

    Attributes:
        agency: this agency's id.
        partners: own code of a partner -> agency id, from ``agency.toml``.
        links: own references and shared ids.
    """

    agency: str
    partners: Mapping[str, str]
    links: Links

    def partner_code(self, agency: str) -> str:
        """Return this agency's own code for a partner, or the agency id if it has no code."""
        for code, partner in self.partners.items():
            if partner == agency:
                return code
        return agency


class AgencyAdapter(Protocol):
    """One kind of agency system."""

    @property
    def name(self) -> str:
        """Return for example ``csu``; the key in ``agency.toml`` and the entry point's name."""

    @property
    def suffixes(self) -> Sequence[str]:
        """Return the file name endings of its exports, for example ``(".csv",)``."""

    @property
    def mapping_version(self) -> str:
        """Return the version of the mapping file in use."""

    def read(self, export: Export, encoding: str | None = None) -> Records:
        """Check an export as a whole, then return its records one by one.

        Memory use must not grow with the file: a record has at most ``MAX_RECORD_BYTES`` bytes.

        Args:
            export: the file. It stays open and unchanged while the records are read.
            encoding: encoding of the text, when ``agency.toml`` states one.

        Raises:
            MappingError: the file as a whole cannot be read.
        """

    def to_event(self, row: Row, context: Context) -> Outgoing | None:
        """Turn a row into an event; None for a row that the mapping deliberately does not send.

        Raises:
            MappingError: the row has a missing, unknown or invalid value.
        """

    def from_event(self, event: OpenedEvent, context: Context) -> bytes:
        """Render an event in the agency's own format and codes, ready to import.

        Fields that this agency does not receive stay empty; no default is filled in.

        Raises:
            MappingError: the agency's format cannot express the event.
        """

    def read_back(self, content: bytes) -> Sequence[Mapping[str, object]]:
        """Parse the output of ``from_event`` as the agency's own system would import it."""


@dataclass(frozen=True, slots=True)
class AgencySystem:
    """One agency's own system: its format, and what the agency says about it.

    Attributes:
        adapter: reads and writes its files.
        agency: the agency's id.
        partners: own codes -> agency ids.
        encoding: encoding of the files' text, if the agency states one.
        leave_out: how to treat a field that the contract does not allow for a row's recipients.
            True leaves it out and reports it; False refuses the row.
    """

    adapter: AgencyAdapter
    agency: str
    partners: dict[str, str]
    encoding: str | None = None
    leave_out: bool = True
