"""State of an own event at each of its recipients (docs/spec/reports.md).

The way of an event has these states, in this order: `accepted` here, `on_kafka`, `stored` by the
recipient's adapter, and then what the recipient reports: `delivered`, `put_aside` or `refused`. An
event that waits for a recipient that cannot be reached is `later`. If the agreement has reports and
none came for this event in time, its state is `unknown`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias
from uuid import UUID

from broker.agency.participant import load_participant
from broker.agency.running import open_held_state
from broker.errors import EvidenceError
from broker.keys.instant import format_instant
from broker.sending.copies import SENT
from broker.sending.receipt_coverage import signed_root
from broker.store.rows import EndedCopyRow, OutboxRow, RecipientRow
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import GenerationPlace, Origin
from contracts.durations import DAY_MS

EventState: TypeAlias = Literal[
    "accepted", "on_kafka", "stored", "delivered", "put_aside", "refused", "later", "unknown"
]
_REPORTED: Final[dict[str, EventState]] = {
    "delivered": "delivered", "put_aside": "put_aside", "refused": "refused",
}  # fmt: skip
PERIODS_AWAITED: Final = 3
"""Reports that an event may be missing from before its state is `unknown`."""
AWAITED_LEAST_MS: Final = DAY_MS
"""Shortest such time: the recipient's system may take events only once a day."""


@dataclass(frozen=True, slots=True)
class RecipientState:
    """State of an event at one recipient.

    Attributes:
        agency: the recipient.
        state: its state.
        code: a reason code, if the state has one.
        since_ms: since when it has this state.
    """

    agency: str
    state: EventState
    code: str | None
    since_ms: int

    def as_json(self) -> dict[str, str | None]:
        """Return the state for scripts."""
        return {"state": self.state, "code": self.code, "since": format_instant(self.since_ms)}


@dataclass(frozen=True, slots=True)
class EventStatus:
    """State of an own event at each of its recipients, by agency."""

    event_id: str
    recipients: tuple[RecipientState, ...]

    def as_json(self) -> dict[str, object]:
        """Return the status for scripts."""
        return {
            "id": self.event_id,
            "recipients": {one.agency: one.as_json() for one in self.recipients},
        }


def event_status_of(directory: Path, event_id: str, now: int) -> EventStatus:
    """Return the status of an event that an agency sent.

    Args:
        directory: this agency's folder.
        event_id: the event's id.
        now: ms.

    Raises:
        EvidenceError: ``event_unknown``: this agency sent no event of that id; exit code 1.
        ConcordantError: the folder cannot be loaded, or its state cannot be read.
    """
    participant = load_participant(directory, now)
    store = open_held_state(participant)
    try:
        with store.reading() as tx:
            found = event_status(tx, participant.deployment, participant.agency, event_id, now)
    finally:
        store.close()
    if found is None:
        raise EvidenceError(
            "This agency sent no event of this id.",
            code="event_unknown",
            fix="Compare the id with processed/NAME.results.csv beside the export, or with: "
            f"concordant log show --json --agency {participant.root}; or ask the event's sender.",
        )
    return found


def event_status(
    tx: Transaction, deployment: str, agency: str, event_id: str, now: int
) -> EventStatus | None:
    """Return the status of an own event; None if there is no event of that id.

    Args:
        tx: the agency's state.
        deployment: the partnership's id.
        agency: this agency.
        event_id: the event's id.
        now: ms.
    """
    try:
        event_id = str(UUID(event_id))  # as the state has it, also if it was typed in capitals
    except ValueError:
        return None
    rows = tx.recipients.of_event(event_id)
    if not rows:
        return None
    copies = {row.agency: row for row in tx.copies.of_event(event_id)}
    records = {row.outbox_seq: None for row in rows if row.outbox_seq is not None}
    found = {seq: tx.outbox.get(seq) for seq in records}
    states = []
    for row in rows:
        record = None if row.outbox_seq is None else found[row.outbox_seq]
        states.append(_state(tx, deployment, agency, row, record, copies.get(row.agency), now))
    return EventStatus(event_id, tuple(states))


def _state(
    tx: Transaction,
    deployment: str,
    agency: str,
    row: RecipientRow,
    record: OutboxRow | None,
    copy: EndedCopyRow | None,
    now: int,
) -> RecipientState:
    if row.state is not None:
        assert row.since_ms is not None
        return RecipientState(row.agency, _REPORTED[row.state], row.code or None, row.since_ms)
    if record is None:
        return _of_copy(row, copy)
    if record.sent_ms is None:
        return RecipientState(row.agency, "accepted", tx.outbox.held_code(record.seq), row.added_ms)
    if row.report_every_ms is not None:
        until = record.sent_ms + max(PERIODS_AWAITED * row.report_every_ms, AWAITED_LEAST_MS)
        if now >= until:
            return RecipientState(row.agency, "unknown", None, until)
    stored_ms = _stored_ms(tx, deployment, agency, record, row.agency)
    if stored_ms is not None:
        return RecipientState(row.agency, "stored", None, stored_ms)
    return RecipientState(row.agency, "on_kafka", None, record.sent_ms)


def _of_copy(row: RecipientRow, copy: EndedCopyRow | None) -> RecipientState:
    """Return the state of an event that waits for a recipient, or is not sent to it any more."""
    if copy is None or copy.ended_ms is None:
        reason = None if copy is None else copy.reason
        return RecipientState(row.agency, "later", reason, row.added_ms)
    if copy.ended_code == SENT:  # its record is added in the same transaction
        return RecipientState(row.agency, "accepted", None, copy.ended_ms)
    return RecipientState(row.agency, "refused", copy.ended_code, copy.ended_ms)


def _stored_ms(
    tx: Transaction, deployment: str, agency: str, record: OutboxRow, reader: str
) -> int | None:
    """Return when the reader first confirmed that it holds a record; None if it did not.

    A receipt covers earlier generations too. One over a root that is not ours says nothing about
    our records.
    """
    assert record.generation is not None
    assert record.index is not None
    log = GenerationPlace(agency, record.topic, record.partition, record.generation)
    own = log.origin(deployment)
    times = list(_times(tx, own, log, record.index + 1, reader))
    if not times:
        prefix = own.format().removesuffix(own.generation)
        for name in tx.receipts.origins(prefix, reader):
            generation = name.removeprefix(prefix)
            if generation > own.generation:
                later = GenerationPlace(agency, record.topic, record.partition, generation)
                times += _times(tx, later.origin(deployment), later, 1, reader)
    return min(times, default=None)


def _times(
    tx: Transaction, origin: Origin, log: GenerationPlace, size: int, reader: str
) -> Iterable[int]:
    for receipt in tx.receipts.from_size(origin.format(), size):
        if receipt.cosigner == reader and signed_root(tx, log, receipt.size) == receipt.root:
            yield receipt.time_s * 1000
