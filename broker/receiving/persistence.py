"""Storage of the judgements of a batch, in one transaction (step 11).

- An opened event is written to the inbox and the disclosure log.
- A refused record is written to the quarantine.
- A record that fails at steps 0 to 4 is written to a bounded list.
- The two contradictory statements of an equivocation (the stored checkpoint and the proof of the
  record) are written to the table of evidence.

A record with a position also changes the stored state of its stream. broker/receiving/receiving.py
commits when the whole batch was processed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, assert_never

from broker.audit import recording
from broker.audit.entries import NewLogEntry
from broker.audit.log import append_entries
from broker.envelope.primitives import sha256
from broker.errors import RefusedError
from broker.event import OpenedEvent
from broker.judging.ends import FOLD_AWAITED, NOT_HEARD
from broker.judging.judgements import (
    BeforeStart,
    Decided,
    Deferred,
    Equivocation,
    Judgement,
    LeafTaken,
    NotAddressed,
    Opened,
    Placed,
    Refused,
    Repeat,
    Unplaced,
    Unverified,
    relief_of,
)
from broker.judging.partition_state import PartitionState
from broker.judging.store_context import StoreContext
from broker.judging.verification import VerifiedRecord
from broker.receiving.accepted_events import AcceptedEvents
from broker.receiving.quarantining import kept_size, quarantine, tell_refused
from broker.receiving.retry_later import RetryLater, claimed_sender
from broker.record import PROOF_HEADER, Record
from broker.store.reader_rows import LeafStatus
from broker.store.rows import HeldSize
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import Origin, Place, parse_origin

QUARANTINE_QUOTA: Final = 1000
"""Maximum number of quarantined records of one sender.

At the limit, further records of this sender wait in Kafka. No record is dropped.
"""
QUARANTINE_BYTES: Final = 64 * 2**20
"""Maximum bytes of one sender's quarantine: room for 256 records of the maximum size."""
NEARLY_FULL: Final = 0.8
"""Fraction of either limit at which `doctor` and an alert warn."""


def has_room(held: HeldSize, size: int) -> bool:
    """Return whether a sender's quarantine has room for another record of ``size`` bytes."""
    return held.records < QUARANTINE_QUOTA and held.size + size <= QUARANTINE_BYTES


def filled(held: HeldSize) -> float:
    """Return the fill level of a sender's quarantine, 0 to 1: the larger of records and bytes."""
    return max(held.records / QUARANTINE_QUOTA, held.size / QUARANTINE_BYTES)


@dataclass(slots=True)
class Batch:
    """Result of a batch, for logs, metrics, notices and delivery.

    Attributes:
        opened: events put into the inbox.
        repeats: number of repeated records.
        not_addressed: number of records for other agencies only.
        before_start: number of records from before the reader's start.
        leaves: number of records of which only the hash arrived.
        refused: (origin or None, index or -1, step, code) of each refusal.
        told: (origin, index) of each refusal that a report to the sender will state.
        alarms: (agency, code) of each alarm.
        gaps: (origin, first index, last index) of missing records that this batch revealed.
        deferred: (agency, code) of records that must wait.
        changed: places with new records, for which a receipt is due.
        covered_more: True if receipts now cover waiting records, so that these are judged again.
    """

    opened: list[OpenedEvent] = field(default_factory=list)
    repeats: int = 0
    not_addressed: int = 0
    before_start: int = 0
    leaves: int = 0
    refused: list[tuple[Origin | None, int, float, str]] = field(default_factory=list)
    told: set[tuple[Origin, int]] = field(default_factory=set)
    alarms: list[tuple[str, str]] = field(default_factory=list)
    gaps: list[tuple[Origin, int, int]] = field(default_factory=list)
    deferred: list[tuple[str, str]] = field(default_factory=list)
    changed: set[Place] = field(default_factory=set)
    covered_more: bool = False


class VerdictPersistence:
    """Writes one batch of a partition to the state database.

    Args:
        tx: the transaction in which all of it is written.
        context: what the reader knows, as of this transaction.
        waits: deferred records of the partition.
        secret: this agency's key for pseudonyms.
        now: ms.

    Attributes:
        batch: result so far.
        entries: entries for the disclosure log.
    """

    def __init__(
        self,
        tx: Transaction,
        context: StoreContext,
        waits: RetryLater,
        secret: bytes,
        now: int,
    ) -> None:
        self._tx = tx
        self._context = context
        self._waits = waits
        self._now = now
        self._accepted = AcceptedEvents(tx, context, secret, now)
        self.batch = Batch()
        self.entries: list[NewLogEntry] = []
        self._results: list[tuple[Origin, int, bytes | None, str]] = []

    def store(self, record: Record, judgement: Judgement) -> None:
        """Store the result of one record. Call this before the next record is judged."""
        self._context.relieve(relief_of(judgement))
        self._count_wraps(judgement)
        sender = claimed_sender(record, judgement)
        if isinstance(judgement, Deferred):  # 1. defer, unless its time is over
            if self._waits.keep(record, sender, judgement.refusal.code):
                return
            judgement = judgement.refused
        elif self._waits.bars(record, sender, judgement):
            return  # 2. wait behind an earlier deferred record: both are read again from Kafka
        if isinstance(judgement, Refused) and judgement.refusal.code == FOLD_AWAITED:
            if self._may_wait_for_fold(record, judgement):  # 3. placed, and judged again later
                self._waits.end(record, sender, judgement)
                self._wait_for_fold(record, judgement)
                return
            refusal = RefusedError(6, NOT_HEARD, "too many records wait for a receipt")
            judgement = Refused(judgement.verified, judgement.placement, refusal)
        if isinstance(judgement, Refused) and self._quota_full(record, judgement):  # 4. no room
            self._waits.keep(record, sender, "quarantine_full")
            return
        self._waits.end(record, sender, judgement)  # 5. final
        self._settle(record, judgement)

    def covered(self, more: bool, elsewhere: Sequence[tuple[str, int, int]]) -> None:
        """Add the findings about records under revoked keys (broker/judging/trials.py).

        Args:
            more: True if receipts now cover waiting records.
            elsewhere: (origin, first index, last index) of records to request again.
        """
        self.batch.covered_more = more
        self.batch.gaps += [(parse_origin(name), first, last) for name, first, last in elsewhere]

    def write(self) -> None:
        """Write the results. ``log`` writes the entries of the disclosure log."""
        begun = dict.fromkeys(self._waits.begun)
        self.batch.alarms += [(agency, code) for agency, code in begun if code == "state_full"]
        self.batch.alarms += dict.fromkeys(self._context.forgotten)
        self._context.flush()
        self._accepted.write()

    def log(self) -> None:
        """Append the entries to the disclosure log."""
        append_entries(self._tx, [*self.entries, *self._accepted.combinations()])

    def tell(self) -> None:
        """Note what was refused for the next reports to the senders."""
        for origin, index, value, code in self._results:
            if tell_refused(self._tx, origin.agency, value, code, self._now):
                self.batch.told.add((origin, index))

    def _count_wraps(self, judgement: Judgement) -> None:
        found = judgement.refused if isinstance(judgement, Deferred) else judgement
        if isinstance(found, Placed) and found.wraps:
            self._context.count_wraps(found.verified.origin.agency, found.wraps)

    def _quota_full(self, record: Record, judgement: Refused) -> bool:
        """Return whether the sender of a refused record has no room left in the quarantine."""
        held = self._tx.quarantine.size_of(judgement.verified.origin.agency)
        return not has_room(held, kept_size(record))

    def _may_wait_for_fold(self, record: Record, judgement: Refused) -> bool:
        """Return whether there is room for one more waiting record of this sender."""
        _, _, size = self._tx.quarantine.waiting(judgement.verified.origin.agency)
        return size + kept_size(record) <= QUARANTINE_BYTES

    def _wait_for_fold(self, record: Record, judgement: Refused) -> None:
        """Keep a record until the receipt that may cover it can be checked.

        The receipt has arrived. It states a size and a root of the stream, but some records below
        that size have not arrived, so the root cannot yet be computed and compared. The sender gets
        no refusal notice.
        """
        origin, index = judgement.verified.origin, judgement.verified.position.index
        quarantine(self._tx, record, origin, index, judgement.refusal, self._now, "waiting")
        self._moved(judgement, "refused")

    def _settle(self, record: Record, judgement: Decided) -> None:
        """Write the result of a final judgement."""
        match judgement:
            case Opened():
                self._moved(judgement, self._inbox(record, judgement))
            case Repeat():
                self.batch.repeats += 1
                self._moved(judgement, "stored")
            case NotAddressed():
                self.batch.not_addressed += 1
                self._moved(judgement, "not_addressed")
            case BeforeStart():
                self.batch.before_start += 1
                self._alarm_once(judgement, judgement.placement.alarms)
            case LeafTaken():
                self.batch.leaves += 1
                self._alarm_once(judgement, ("content_missing",))
                self._moved(judgement, "content_missing")
            case Refused():
                self._quarantine(record, judgement, None)
                self._moved(judgement, "refused")
            case Unverified(refusal=refusal):
                self._count(record, None, refusal)
            case Unplaced(verified=verified, refusal=refusal):
                self._count(record, verified.origin, refusal)
            case Equivocation(verified=verified, refusal=refusal):
                self._count(record, verified.origin, refusal)
                self._stop(record, verified)
            case _:
                assert_never(judgement)

    def _moved(self, judgement: Placed, status: LeafStatus) -> None:
        """Store the position of a record in its stream, and the gap that it revealed."""
        verified, placement = judgement.verified, judgement.placement
        origin, position = verified.origin, verified.position
        place = origin.place
        if placement.verdict != "repeat":
            leaf = (origin.generation, position.index, position.leaf)
            self._context.took(place, placement, leaf, status, verified.proof.checkpoint_text)
            self.batch.changed.add(place)
        self.batch.alarms += [(origin.agency, alarm) for alarm in placement.alarms]
        if placement.gap is not None:
            generation, first, last = placement.gap
            self.batch.gaps.append((replace(origin, generation=generation), first, last))

    def _alarm_once(self, judgement: Placed, codes: tuple[str, ...]) -> None:
        """Raise each alarm code once a batch.

        ``content_missing``: only the hash of a missing record arrived. Its sender cleared the
        content, or Kafka's host replaced the record by its hash to hide the content.
        ``before_start_late``: a sender still adds records to a generation that is older than the
        one with which this reader began.
        """
        for code in codes:
            alarm = (judgement.verified.origin.agency, code)
            if alarm not in self.batch.alarms:
                self.batch.alarms.append(alarm)

    def _inbox(self, record: Record, judgement: Opened) -> LeafStatus:
        event, verified = judgement.event, judgement.verified
        try:
            self.entries += self._accepted.accept(event, verified)
        except RefusedError as refusal:
            refused = Refused(verified, judgement.placement, refusal)
            self._quarantine(record, refused, event.type)
            return "refused"
        self.batch.opened.append(event)
        return "stored"

    def _quarantine(self, record: Record, judgement: Refused, event_type: str | None) -> None:
        """Store a record that was refused at steps 5 to 11 in the quarantine."""
        refusal, origin = judgement.refusal, judgement.verified.origin
        index = judgement.verified.position.index
        quarantine(self._tx, record, origin, index, refusal, self._now)
        self.entries.append(
            recording.refused(
                event_type, refusal.code, self._now, recording.OPERATOR, source=origin.agency
            )
        )
        self.batch.refused.append((origin, index, refusal.step, refusal.code))
        self._results.append((origin, index, record.value, refusal.code))

    def _count(self, record: Record, origin: Origin | None, refusal: RefusedError) -> None:
        """Add a record that was refused at steps 0 to 4 to the bounded list."""
        digest = sha256(record.value or b"")
        self._tx.quarantine.add_unauthenticated(record, digest, refusal.code, self._now)
        self.batch.refused.append((origin, -1, refusal.step, refusal.code))

    def _stop(self, record: Record, verified: VerifiedRecord) -> None:
        """Store the two contradictory statements, and stop this sender's partition."""
        origin, position = verified.origin, verified.position
        place = origin.place
        history, link = self._context.history(place), position.link
        mine = history.signed_text(origin.generation, position.index, position.size)
        if not mine and link is not None:
            # The first record of a generation contradicts the end of the generation before it.
            mine = history.signed_text(link.name, link.size - 1, link.size)
        theirs = next(value for name, value in record.headers if name == PROOF_HEADER)
        assert theirs is not None
        self._tx.evidence.add("equivocation", origin.format(), mine, theirs, self._now)
        state = self._context.state(place)
        assert isinstance(state, PartitionState)
        self._context.stop(place, replace(state, stopped=True))
        self._waits.stop(record, origin.agency)
        self.batch.alarms.append((origin.agency, "equivocation"))
