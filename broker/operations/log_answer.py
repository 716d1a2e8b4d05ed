"""Query of a disclosure log and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from broker.audit.entries import EntryKind
from broker.audit.entry_shape import EntryShape, shape_of
from broker.audit.log import LogHead
from broker.audit.query import PlacedEntry
from broker.keys.instant import format_instant
from contracts.names import below

__all__ = ["LogAnswer", "LogEntry", "LogQuery", "LoggedLeftOut", "ReceivedField"]


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Query of the log.

    Attributes:
        case: shared id or own reference; None for every case.
        field: a field path, which includes the paths below it. Empty for all.
        kinds: only entries of these kinds; empty for all.
        since_ms, until_ms: only entries from then on, and before then.
        recipient: only entries that name this agency as a recipient; empty for all.
        before: only entries with a lower index; None for all.
        limit: maximum number of entries, the newest ones, if no case is named.
    """

    case: str | None = None
    field: str = ""
    kinds: frozenset[EntryKind] = frozenset()
    since_ms: int | None = None
    until_ms: int | None = None
    recipient: str = ""
    before: int | None = None
    limit: int = 1000

    def accepts(self, shape: EntryShape) -> bool:
        """Return whether kind, recipient and field match. An erasure concerns every field."""
        return (
            (not self.kinds or shape.kind in self.kinds)
            and (not self.recipient or self.recipient in shape.recipients)
            and (
                not self.field
                or shape.kind == "erasure"
                or any(below(path, self.field) for path in shape.paths)
            )
        )

    def matches(self, placed: PlacedEntry) -> bool:
        """Return whether an entry meets every condition."""
        time_ms = placed.entry.time_ms
        return (
            (self.since_ms is None or time_ms >= self.since_ms)
            and (self.until_ms is None or time_ms < self.until_ms)
            and (self.before is None or placed.index < self.before)
            and self.accepts(shape_of(placed.entry))
        )

    def filter(self) -> Mapping[str, str]:
        """Return the conditions besides the case, as names that the log may hold."""
        asked: dict[str, str] = {}
        if self.field:
            asked["field"] = self.field
        if self.kinds:
            asked["kinds"] = "+".join(sorted(self.kinds))
        if self.since_ms is not None:
            asked["since"] = format_instant(self.since_ms)
        if self.until_ms is not None:
            asked["until"] = format_instant(self.until_ms)
        if self.recipient:
            asked["recipient"] = self.recipient
        if self.before is not None:
            asked["before"] = str(self.before)
        return asked


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry for display. Times in milliseconds; absent texts are empty.

    Attributes:
        kind: as `kind_of` returns it.
        source: the agency from which the records came.
        recipients: recipients of a disclosure, or agencies to which a refused event was not sent.
        not_sealed: addressed agency to which a disclosure was not sealed -> code of the reason.
        code: reason of a refusal, an erasure, a destruction or a retry, or a reason that a person
            stated.
        operator, acting_for, reason: actor, on whose behalf, and the reason in words.
        reason_removed: whether an erasure has removed the text of the reason.
        covered: whether a signed head covers the entry.
        item: id of an item that a person tried again.
        settings: names of settings that differ from those last recorded.
        settings_before, settings_after: digests of all settings, hexadecimal; empty if absent.
    """

    index: int
    time_ms: int
    kind: EntryKind
    type: str
    source: str
    event_id: str
    recipients: tuple[str, ...]
    code: str
    clause: str
    about: str
    joined: tuple[str, ...]
    count: int | None
    filter: Mapping[str, str]
    operator: str
    acting_for: str
    reason: str
    reason_removed: bool
    covered: bool
    has_fields: bool = field(default=False)
    not_sealed: Mapping[str, str] = field(default_factory=dict)
    item: str = ""
    settings: tuple[str, ...] = ()
    settings_before: str = ""
    settings_after: str = ""

    @property
    def stated_code(self) -> str:
        """Return the code of the reason for which a person looked; empty if none was stated."""
        return self.code if self.kind == "consultation" else ""

    @property
    def stated(self) -> str:
        """Return the reason that a person stated: its code, its words, or both."""
        words = "(removed)" if self.reason_removed else self.reason
        return ": ".join(one for one in (self.stated_code, words) if one)


@dataclass(frozen=True, slots=True)
class ReceivedField:
    """One field that one agency received, and the entry that records it."""

    entry: LogEntry
    recipient: str
    path: str
    clause: str
    contract: str
    contract_hash: str


@dataclass(frozen=True, slots=True)
class LoggedLeftOut:
    """One field that was not shared, and the reason code.

    Attributes:
        agency: the agency that did not get it although others did; empty if no addressed agency got
            it.
    """

    entry: LogEntry
    path: str
    reason: str
    agency: str = ""


@dataclass(frozen=True, slots=True)
class LogAnswer:
    """Answer to a query.

    Attributes:
        head: head of the log, which was verified before the query.
        received: fields and their recipients.
        left_out: fields that were not shared.
        entries: every entry that matches, in the order of the log.
        more: number of matching entries older than the limit shows.
    """

    head: LogHead
    received: tuple[ReceivedField, ...]
    left_out: tuple[LoggedLeftOut, ...]
    entries: tuple[LogEntry, ...]
    more: int = 0

    @property
    def covered(self) -> bool:
        """Return whether signed heads cover every entry of the answer."""
        return all(entry.covered for entry in self.entries)
