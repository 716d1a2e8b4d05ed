"""What an agency's adapter is made of.

An adapter is a format (bytes <-> rows of the agency's own system) and a mapping (rows <-> events of
the shared vocabulary). Both directions are pure: files, clocks and the store stay outside, so an
adapter can be tested with nothing but samples. A new kind of agency is one package with an
``ADAPTER`` object, registered under the entry-point group ``concordant.adapters``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol, TypeAlias

from broker.event import OpenedEvent
from contracts.errors import ConcordantError
from contracts.events import PlainEvent


class MappingError(ConcordantError):
    """A row cannot be turned into an event (or an event into a row); it is kept, never guessed.

    ``detail`` names the field and what is expected, never the value, because values are personal.
    Codes: unknown_value, missing_value, invalid_date, invalid_value, unknown_column,
    missing_column, unknown_partner, unknown_case, unknown_referral, row_malformed, file_encoding,
    file_empty, file_malformed, file_too_large, text_too_long, text_encoding, unknown_kind.
    """

    code = "mapping_failed"
    exit_code = 4


Export: TypeAlias = bytes | BinaryIO
"""A file of the agency's system: open for reading and seekable, or its bytes."""


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
        torn: it is a line that may be a part of a record only; the lines beside it may be the rest.
        section: offset of a header inside the file under which it stands and which is not the
            file's; it must not be read without that.
    """

    line: int
    error: MappingError
    start: int
    end: int
    unclosed: bool = False
    torn: bool = False
    section: int | None = None

    def __post_init__(self) -> None:
        # A raised error holds the frames that it passed, and with them the values of the record.
        self.error.__traceback__ = self.error.__context__ = self.error.__cause__ = None


@dataclass(frozen=True, slots=True)
class Records:
    """The records of one export, read one after the other; few are in memory at any time.

    ``head``, some records as they stand in the file, and ``tail`` are again a file of the same
    form: that is how refused records are kept.

    Attributes:
        items: makes a new iterator over the records, from the first one.
        head: bytes before the first record that a file needs (a header line, a root element).
        tail: bytes after the last record.
        divider: bytes after an ``unclosed`` record that end it for certain.
    """

    items: Callable[[], Iterator[Row | Rejected]]
    head: bytes = b""
    tail: bytes = b""
    divider: bytes = b""

    def __iter__(self) -> Iterator[Row | Rejected]:
        """The records, from the first one."""
        return self.items()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record turned into an event.

    Attributes:
        event: type, recipients and data in the shared vocabulary.
        key: the source's idempotency key. The same record exported again has the same key; a
            changed record has another. Derived from the record's own reference and its content.
        line: where it came from.
    """

    event: PlainEvent
    key: bytes
    line: int


class Links(Protocol):
    """The agency's own references beside the shared ids (kinds: ``case``, ``referral``)."""

    def shared(self, kind: str, own_reference: str) -> str:
        """The shared id for an own reference, minted when there is none yet."""

    def find_shared(self, kind: str, own_reference: str) -> str | None:
        """The shared id for an own reference, or None."""

    def own(self, kind: str, shared_id: str) -> str | None:
        """The own reference for a shared id, or None when this agency has not linked it."""

    def link(self, kind: str, own_reference: str, shared_id: str) -> None:
        """Remember that two ids are one thing. Raises MappingError(unknown_case) on a conflict."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a mapping may know besides the row.

    Attributes:
        agency: this agency's id.
        partners: own code of a partner -> agency id, from ``agency.toml``.
        links: own references and shared ids.
    """

    agency: str
    partners: Mapping[str, str]
    links: Links

    def partner_code(self, agency: str) -> str:
        """This agency's own code for a partner; the agency id where it has none."""
        for code, partner in self.partners.items():
            if partner == agency:
                return code
        return agency


class AgencyAdapter(Protocol):
    """One kind of agency system."""

    name: str
    """For example ``csu``; the key in ``agency.toml`` and the entry point's name."""
    suffixes: Sequence[str]
    """File name endings of its exports, for example ``(".csv",)``."""
    mapping_version: str
    """Version of the mapping file in use."""

    def read(self, export: Export, encoding: str | None = None) -> Records:
        """Check an export as a whole, then give its records one by one.

        Memory must not grow with the file: one record is at most ``MAX_RECORD_BYTES`` large.

        Args:
            export: the file. It stays open and unchanged while the records are read.
            encoding: of its text, where ``agency.toml`` states one.

        Raises:
            MappingError: the file as a whole cannot be read.
        """

    def to_event(self, row: Row, context: Context) -> Outgoing:
        """Raises MappingError; nothing is guessed."""

    def from_event(self, event: OpenedEvent, context: Context) -> bytes:
        """The event in the agency's own format and terms, fit for import.

        Fields that this agency does not receive are left empty, never filled with a default.

        Raises:
            MappingError: the event has no form in this agency's terms.
        """

    def read_back(self, content: bytes) -> Sequence[Mapping[str, object]]:
        """Parse what ``from_event`` wrote, as the agency's own system would import it."""
