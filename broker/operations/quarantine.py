"""Quarantine of an agency: lists of what is held and of what failed verification; export."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from broker.agency.held_state import open_held_state
from broker.agency.participant import load_participant
from broker.audit import recording
from broker.audit.actor import Actor
from broker.audit.log import append_entries
from broker.audit.reasons import attributed
from broker.errors import WrongInputError
from broker.held.inventory import held_folders, held_items
from broker.held.items import HeldItem
from broker.receiving.quarantining import restored
from broker.record import Record
from broker.store.rows import QuarantineRow, QuarantineStatus
from broker.store.transaction import Transaction

MOST: Final = 1_000_000
"""No limit, in a statement that needs one: the quotas of all senders are far below."""


@dataclass(frozen=True, slots=True)
class HeldRecord:
    """A refused record, without its bytes. Times in milliseconds."""

    id: int
    added_ms: int
    agency: str
    topic: str
    partition: int
    offset: int
    origin: str
    index: int
    step: float
    code: str
    detail: str
    status: QuarantineStatus


@dataclass(frozen=True, slots=True)
class Unverified:
    """A record that failed steps 0 to 4."""

    seen_ms: int
    topic: str
    partition: int
    offset: int
    code: str
    sha256: str


@dataclass(frozen=True, slots=True)
class DiscardedEvent:
    """An accepted event that a person discarded. Times in milliseconds."""

    seq: int
    discarded_ms: int
    source: str
    type: str
    code: str
    event_id: str


class Quarantine:
    """An agency's quarantine.

    Attributes:
        participant: the agency.
        store: its state.
    """

    def __init__(self, agency: Path, now: int) -> None:
        """Load the agency and open its state.

        Raises:
            ConcordantError: the agency's folder cannot be loaded, or its state not be opened.
        """
        self.participant = load_participant(agency, now)
        self.store = open_held_state(self.participant)

    def records(self, limit: int, *, held_only: bool) -> list[HeldRecord]:
        """The newest `limit`, oldest first."""
        with self.store.reading() as tx:
            rows = tx.quarantine.list("held" if held_only else None, limit)
        return [
            HeldRecord(
                row.id,
                row.added_ms,
                row.origin.split("/")[1],
                row.topic,
                row.partition,
                row.offset,
                row.origin,
                row.index,
                row.step,
                row.code,
                row.detail,
                row.status,
            )
            for row in rows
        ]

    def others(self, now: int) -> list[HeldItem]:
        """Everything else that is held, by kind and age."""
        with self.store.reading() as tx:
            items = held_items(tx, held_folders(self.participant), now)
        return [item for item in items if item.kind != "record"]

    def export(self, ids: Sequence[int], actor: Actor, now: int) -> list[Record]:
        """Records as they were taken from Kafka, sealed; that they were written out is logged.

        Args:
            ids: the quarantine's numbers of them.
            actor: who exports, and why.
            now: ms.

        Raises:
            WrongInputError: ``record_unknown``; nothing is exported.
            KeyAccessError: a reason is given and the agency's secret cannot be had.
        """
        secret = self.participant.keyring.secret() if actor.reason else None
        with self.store.transaction() as tx:
            rows = [self._row(tx, id_) for id_ in ids]
            entries = [recording.released(row.origin.split("/")[1], None, now) for row in rows]
            append_entries(tx, attributed(tx, actor, secret, entries))
        return [restored(row) for row in rows]

    def discarded(self, limit: int) -> list[DiscardedEvent]:
        """The newest accepted events that a person discarded, oldest first."""
        with self.store.reading() as tx:
            rows = tx.inbox.discarded(limit)
        return [
            DiscardedEvent(row.seq, row.discarded_ms, row.source, row.type, row.code, row.event_id)
            for row in rows
        ]

    def _row(self, tx: Transaction, id_: int) -> QuarantineRow:
        row = tx.quarantine.get(id_)
        if row is not None and row.status != "held":
            raise WrongInputError(
                f"Record {id_} is {row.status}: its bytes are not kept.",
                code="record_not_held",
                fix="Take the number of one that is held from: concordant quarantine list "
                f"--agency {self.participant.root}",
            )
        if row is None:
            raise WrongInputError(
                f"The quarantine has no record {id_}.",
                code="record_unknown",
                fix="Take its number from: concordant quarantine list "
                f"--agency {self.participant.root}",
            )
        return row

    def retried_by_all(self, now: int) -> list[str]:
        """Ids of everything that is held but files, which a person corrects first."""
        records = [str(record.id) for record in self.records(MOST, held_only=True)]
        again = {"event", "outbox", "deferred"}
        return records + [item.id for item in self.others(now) if item.kind in again]

    def left_out_of_all(self, now: int) -> int:
        """How many items are held that a person corrects before a retry."""
        return sum(item.kind in {"file", "rows", "entry"} for item in self.others(now))

    def unverified(self, limit: int) -> list[Unverified]:
        """The newest `limit`, newest first."""
        with self.store.reading() as tx:
            rows = tx.quarantine.unauthenticated(limit)
        return [
            Unverified(
                row.seen_ms, row.topic, row.partition, row.offset, row.code, row.sha256.hex()
            )
            for row in rows
        ]
