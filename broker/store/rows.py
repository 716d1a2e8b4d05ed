"""Row types of the store: one frozen dataclass per kind of row.

They are plain data without behaviour or a library, so that the pure core can use them. Times are
milliseconds since the Unix epoch, UTC, when named ``_ms``, and seconds when named ``_s`` (the unit
of a C2SP cosignature). Hashes are 32 raw bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from broker.record import KafkaPartition

QuarantineStatus: TypeAlias = Literal["waiting", "held", "retried", "released", "discarded"]
EndedStatus: TypeAlias = Literal["retried", "discarded"]
"""Every quarantined record starts as ``held``; ``EndedStatus`` says how the hold ended.

A record that waits for leaves below a receipt is ``waiting``: in the same table, not in quarantine.
"""

ItemOutcome: TypeAlias = Literal["published", "refused", "seal_again"]

Indexed: TypeAlias = tuple[int, str, int, bytes, bytes]
"""(seq, generation, index, leaf hash, proof header) of an outbox row that was indexed."""

Sent: TypeAlias = tuple[int, int, int]
"""(seq, Kafka offset, sent at in ms)."""


@dataclass(frozen=True, slots=True)
class NewOutboxRow:
    """A sealed event to be added to the outbox.

    ``clear_id`` is the id in the clear of a part or a copy, None if it is the event's id.
    """

    event_id: str
    topic: str
    partition: int
    value: bytes
    urgent: bool = False
    clear_id: str | None = None


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A sealed event.

    ``clear_id`` is the id in the clear of a part or a copy, None if it is the event's id.
    ``generation`` to ``proof`` are None until it is indexed, the last two are None until Kafka
    acknowledged it, and ``value`` is None once its content is cleared.
    """

    seq: int
    event_id: str
    topic: str
    partition: int
    value: bytes | None
    urgent: bool
    added_ms: int
    generation: str | None
    index: int | None
    leaf: bytes | None
    proof: bytes | None
    kafka_offset: int | None
    sent_ms: int | None
    clear_id: str | None = None

    @property
    def record_id(self) -> str:
        """Return the id in the clear of its record, which names it in evidence."""
        return self.clear_id or self.event_id

    @property
    def kafka_partition(self) -> KafkaPartition:
        """Return the Kafka partition of its record."""
        return KafkaPartition(self.topic, self.partition)


@dataclass(frozen=True, slots=True)
class NewRecipientRow:
    """A recipient of an own event.

    Attributes:
        clear_id: the id in the clear of its record, None if it is the event's id.
        outbox_seq: its record in the outbox, None while it waits as a copy.
        report_every_ms: how often the agreement has reports, None if it has none.
        state: `refused` if the event will not be sent to it, otherwise None.
        code: the reason.
        since_ms: since when.
    """

    event_id: str
    agency: str
    clear_id: str | None
    outbox_seq: int | None
    report_every_ms: int | None
    state: str | None = None
    code: str | None = None
    since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class RecipientRow:
    """A recipient of an own event; see `NewRecipientRow`. ``state`` is what it reported."""

    event_id: str
    agency: str
    outbox_seq: int | None
    report_every_ms: int | None
    state: str | None
    code: str | None
    since_ms: int | None
    added_ms: int


@dataclass(frozen=True, slots=True)
class ResultRow:
    """Result of a received event, as the next report tells it."""

    event_id: str
    state: str
    code: str
    since_ms: int


@dataclass(frozen=True, slots=True)
class ReportRow:
    """The last report to an agency: its time, and when Kafka had acknowledged it."""

    agency: str
    made_ms: int
    sent_ms: int | None


@dataclass(frozen=True, slots=True)
class EarlyReportRow:
    """A report of another agency that waits until its time has come."""

    agency: str
    time_ms: int
    value: bytes


@dataclass(frozen=True, slots=True)
class ListingRow:
    """Listing of an agency.

    Attributes:
        agency: its id.
        time_ms: when the listing was made.
        note: the signed note; None for our own, which people write.
        content: canonical JSON.
    """

    agency: str
    time_ms: int
    note: bytes | None
    content: bytes


@dataclass(frozen=True, slots=True)
class ExportRow:
    """An export file that was taken.

    Attributes:
        sha256: of its content.
        name: as it was dropped.
        added_ms: when it was taken.
        path: its name in the folder of processed exports, None until it is found there.
        written: hash of its result file, None until there is one.
    """

    sha256: bytes
    name: str
    added_ms: int
    path: str | None
    written: bytes | None


@dataclass(frozen=True, slots=True)
class NewCopyRow:
    """An event that waits for one agency, encrypted under this agency's secret. Times in ms."""

    event_id: str
    agency: str
    case_key: bytes
    type: str
    reason: str
    content: bytes
    added_ms: int
    expires_ms: int


@dataclass(frozen=True, slots=True)
class CopyRow:
    """An event that waits for one agency.

    Attributes:
        reason: code for which the agency could not be reached.
        content: encrypted; None when it was cleared.
        expires_ms: when the copy is not sent any more.
        due_ms: when the copy goes out; None until the agency can be reached.
    """

    seq: int
    event_id: str
    agency: str
    case_key: bytes
    type: str
    reason: str
    content: bytes | None
    added_ms: int
    expires_ms: int
    due_ms: int | None


@dataclass(frozen=True, slots=True)
class EndedCopyRow:
    """A copy with its end. ``ended_ms`` and ``ended_code`` are None while it waits."""

    agency: str
    reason: str
    ended_ms: int | None
    ended_code: str | None


@dataclass(frozen=True, slots=True)
class HeldOutboxRow:
    """An event whose sealed record readers refuse; it must be sealed again.

    Attributes:
        seq: its number in the outbox.
        event_id: id of the event.
        topic: topic of its record.
        code: reason code.
        held_ms: when it was held.
    """

    seq: int
    event_id: str
    topic: str
    code: str
    held_ms: int


@dataclass(frozen=True, slots=True)
class OutboxCounts:
    """Numbers of rows that wait for an index, that wait for Kafka, and that were acknowledged.

    Attributes:
        pending: rows without an index.
        unsent: rows that are signed and not acknowledged by Kafka.
        sent: rows that Kafka has acknowledged.
        oldest_pending_ms: when the oldest pending row was added.
        oldest_unsent_ms: when the oldest unsent row was added.
    """

    pending: int
    unsent: int
    sent: int
    oldest_pending_ms: int | None
    oldest_unsent_ms: int | None = None

    @property
    def waiting(self) -> int:
        """Return the number of rows without Kafka's acknowledgement."""
        return self.pending + self.unsent

    @property
    def oldest_ms(self) -> int | None:
        """Return when the oldest row without Kafka's acknowledgement was added."""
        ages = [at for at in (self.oldest_pending_ms, self.oldest_unsent_ms) if at is not None]
        return min(ages, default=None)


@dataclass(frozen=True, slots=True)
class GenerationRow:
    """One generation of one of the sender's own streams and its current head."""

    topic: str
    partition: int
    name: str
    predecessor: str
    predecessor_size: int
    predecessor_root: bytes
    extra: bytes
    size: int
    frontier: bytes
    root: bytes
    log_time_s: int
    opened_ms: int
    trial: bool

    @property
    def kafka_partition(self) -> KafkaPartition:
        """Return the Kafka partition of its records."""
        return KafkaPartition(self.topic, self.partition)


@dataclass(frozen=True, slots=True)
class NewInboxRow:
    """An opened event to be added to the inbox."""

    source: str
    event_id: str
    type: str
    received_ms: int
    topic: str
    partition: int
    generation: str
    index: int
    payload: bytes
    digests: bytes
    case_key: bytes
    urgent: bool = False
    clear_id: str | None = None


@dataclass(frozen=True, slots=True)
class InboxRow:
    """An opened event; ``payload`` is None when it was cleared after delivery.

    ``clear_id`` is the id in the clear of its record, None if it is the event's id.
    """

    seq: int
    source: str
    event_id: str
    type: str
    received_ms: int
    topic: str
    partition: int
    generation: str
    index: int
    payload: bytes | None
    digests: bytes
    case_key: bytes
    urgent: bool
    delivered_ms: int | None
    sink_reference: str | None
    clear_id: str | None = None


OfferOutcome: TypeAlias = Literal["imported", "rejected", "withdrawn"]
"""Result of the agency's system for an event that was offered.

``withdrawn`` is no result: an earlier event of the case was held after the offer.
"""


@dataclass(frozen=True, slots=True)
class OfferRow:
    """An opened event that was offered to the agency's system over HTTP.

    Attributes:
        number: place of the offer in the order in which events were offered.
        seq: number of the event in the inbox.
        offered_ms: when it was offered.
        outcome: the system's result; None while it is awaited.
        reader: name of the token that sent the result.
        payload: the event; None if it was cleared.
        source: agency id of the sender.
        type: event type.
    """

    number: int
    seq: int
    offered_ms: int
    outcome: OfferOutcome | None
    reader: str | None
    payload: bytes | None
    source: str
    type: str


@dataclass(frozen=True, slots=True)
class AttemptsRow:
    """Attempts to hand an event over that have failed; it is tried again.

    Attributes:
        seq: number of the event in the inbox.
        tries: number of attempts.
        first_ms: time of the first one.
        next_ms: time of the next one.
        code: reason why the last one failed.
    """

    seq: int
    tries: int
    first_ms: int
    next_ms: int
    code: str


@dataclass(frozen=True, slots=True)
class FailingDeliveries:
    """Events whose delivery has failed and is tried again.

    Attributes:
        events: their number.
        since_ms: time of the earliest first attempt; None if there are none.
        codes: reason of the last attempt -> number of events.
    """

    events: int
    since_ms: int | None
    codes: dict[str, int]


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request with an idempotency key.

    Attributes:
        request_key: hash of the token's name and of the key.
        body_digest: hash of the body.
        answer: JSON of the answer, without personal data; None if the event was refused.
        added_ms: when the key was first used.
        event_id: id of the accepted event.
        outbox_after, outbox_last: the event's records are the rows of the outbox after the first
            number, up to the last one.
    """

    request_key: bytes
    body_digest: bytes
    answer: bytes | None
    added_ms: int
    event_id: str | None = None
    outbox_after: int | None = None
    outbox_last: int | None = None


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A refused row of a table of the agency's own database, without its content.

    Attributes:
        number: its number here.
        item: its key there.
        code, field, detail: the reason; no value of the row.
        held_ms: when it was first refused.
        retry_ms: when a person asked to try it again.
    """

    number: int
    item: str
    code: str
    field: str | None
    detail: str
    held_ms: int
    retry_ms: int | None


@dataclass(frozen=True, slots=True)
class HeldEventRow:
    """An opened event that the agency's own system did not take, without its content.

    Attributes:
        seq: number of the event in the inbox.
        held_ms: when it was held for the first time.
        tries: how often it was offered to the agency's system.
    """

    seq: int
    source: str
    event_id: str
    type: str
    received_ms: int
    code: str
    field: str | None
    detail: str
    held_ms: int
    tries: int


@dataclass(frozen=True, slots=True)
class DiscardedEventRow:
    """An event that was held and that a person discarded, without its content."""

    seq: int
    source: str
    event_id: str
    type: str
    code: str
    discarded_ms: int


@dataclass(frozen=True, slots=True)
class InboxCounts:
    """Numbers of events that wait for the sink, that it took, and that are held.

    Attributes:
        undelivered: events that wait for their turn.
        delivered: events that the agency's system has, or whose case was erased.
        oldest_undelivered_ms: when the oldest undelivered event arrived.
        held: events that the agency's system did not take.
        behind: later events of a case that has a held event.
        oldest_held_ms: when the oldest held event was held.
        discarded: events that a person discarded; the agency's system never got them.
    """

    undelivered: int
    delivered: int
    oldest_undelivered_ms: int | None
    held: int = 0
    behind: int = 0
    oldest_held_ms: int | None = None
    discarded: int = 0


@dataclass(frozen=True, slots=True)
class HeldSize:
    """Number and bytes of the refused records of one sender."""

    records: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """An authenticated record that was refused, kept with one code, and with its bytes while held.

    Attributes:
        value: empty once it is no longer held.
        size: bytes of value and headers on arrival.
    """

    id: int
    topic: str
    partition: int
    offset: int
    origin: str
    index: int
    step: float
    code: str
    detail: str
    value: bytes
    headers_json: str
    status: QuarantineStatus
    added_ms: int
    changed_ms: int
    size: int

    @property
    def agency(self) -> str:
        """Return the sender, the second part of the origin."""
        return self.origin.split("/")[1]


@dataclass(frozen=True, slots=True)
class UnauthenticatedRow:
    """A record that failed steps 0 to 4: only its position, its hash and the code."""

    topic: str
    partition: int
    offset: int
    sha256: bytes
    code: str
    seen_ms: int


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """Two signed texts that contradict each other."""

    id: int
    kind: str
    origin: str
    text_a: bytes
    text_b: bytes
    found_ms: int


@dataclass(frozen=True, slots=True)
class ItemRow:
    """Outcome of one item of the agency's own export."""

    source_key: bytes
    event_id: str | None
    outcome: ItemOutcome
    code: str | None
    added_ms: int


@dataclass(frozen=True, slots=True)
class ReferralRow:
    """A referral as this agency knows it. A deadline that has been met is None."""

    referral_id: str
    case_id: str
    role: Literal["referrer", "fulfiller"]
    counterparty: str
    status: str
    business_status: str | None
    version: int
    made_ms: int
    acknowledge_by_ms: int | None
    respond_by_ms: int | None
    updated_ms: int
    closed: bool
    event_source: str
    event_id: str


@dataclass(frozen=True, slots=True)
class DisclosureRow:
    """One leaf of the disclosure log; ``index`` counts from 0."""

    index: int
    time_ms: int
    kind: str
    case_key: bytes | None
    salt: bytes
    entry: bytes
    leaf: bytes


@dataclass(frozen=True, slots=True)
class DisclosureCheckpointRow:
    """A signed checkpoint of the disclosure log."""

    size: int
    root: bytes
    time_s: int
    text: bytes
