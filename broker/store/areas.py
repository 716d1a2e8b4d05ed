"""What the broker asks of each area of the state: protocols only, so that a fake fits.

Every method may raise `StoreError`; the codes named below are the ones a caller may act on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from broker.store.rows import (
    Checkpointed,
    CheckpointRow,
    DeferredRow,
    DiscardedEventRow,
    DisclosureCheckpointRow,
    DisclosureRow,
    EndedStatus,
    EvidenceRow,
    GapRow,
    GenerationRow,
    HeldEventRow,
    HeldOutboxRow,
    HeldSize,
    InboxCounts,
    InboxRow,
    Indexed,
    ItemOutcome,
    ItemRow,
    Leaf,
    LeafStatus,
    NewInboxRow,
    NewOutboxRow,
    OutboxCounts,
    OutboxRow,
    QuarantineRow,
    QuarantineStatus,
    ReferralRow,
    Sent,
    StateChange,
    UnauthenticatedRow,
)


class MetaArea(Protocol):
    """Small named values, such as the disclosure log's frontier."""

    def get(self, name: str) -> bytes | None: ...
    def set(self, name: str, value: bytes) -> None: ...


class LeaseArea(Protocol):
    """Fencing: whoever took the lease last may write streams, nobody else."""

    def acquire(self, name: str, holder: str, now: int) -> int:
        """Takes the lease from whoever holds it; the token always rises by one."""

    def check(self, name: str, token: int) -> None:
        """Raises StoreError(`lease_lost`) unless `token` is the newest."""


class OutboxArea(Protocol):
    """Sealed events: added, indexed in a stream, acknowledged by Kafka, kept as an archive."""

    def add(
        self, event_id: str, topic: str, partition: int, value: bytes, urgent: bool, now: int
    ) -> int:
        """Returns the row's sequence number."""

    def add_many(self, rows: Sequence[NewOutboxRow], now: int) -> list[int]:
        """Returns sequence numbers in the order of `rows`; one statement, for batches."""

    def pending(self, limit: int, without: Collection[str] = ()) -> list[OutboxRow]:
        """Rows without an index, the `limit` most urgent and oldest of all topics but some.

        They are grouped by (topic, partition), in each group urgent ones first, then by sequence.
        """

    def index(self, rows: Sequence[Indexed]) -> None:
        """Gives rows their place. Raises StoreError(`outbox_indexed`) if one has a place."""

    def hold(self, seq: int, code: str, now: int) -> None:
        """Says that the event of a row has to be sealed again; it is pending no more."""

    def held(self, limit: int) -> list[HeldOutboxRow]:
        """Rows whose event has to be sealed again, the oldest first."""

    def held_count(self) -> tuple[int, int | None]:
        """How many rows `held` has, and since when the oldest is there, ms."""

    def discard(self, event_id: str) -> bool:
        """Says that a held event is not sealed again. Returns whether it was held."""

    def sealed_again(self, event_ids: Sequence[str]) -> None:
        """Says of held rows that their events were sealed again."""

    def unsent(self) -> list[OutboxRow]:
        """Indexed rows not known to be on Kafka, by (generation, index)."""

    def unsent_streams(self) -> set[tuple[str, int, str]]:
        """(topic, partition, generation) of the rows of `unsent`."""

    def mark_sent(self, rows: Sequence[Sent]) -> None: ...
    def archived(
        self, topic: str, partition: int, generation: str, first: int, last: int
    ) -> list[OutboxRow]:
        """Indexed rows from index `first` to `last`, both included."""

    def find(self, event_id: str) -> OutboxRow | None:
        """The row of an event. No index serves it, so that adding one stays cheap: for people."""

    def leaves(
        self, topic: str, partition: int, generation: str, first: int, last: int
    ) -> list[tuple[int, bytes]]:
        """(index, leaf hash) of indexed rows from `first` to `last`, both included, by index."""

    def forget_content(self, before_ms: int) -> int:
        """Clears the sealed bytes of what was sent before; keeps leaf and proof. Returns rows."""

    def forget_events(self, event_ids: Sequence[str]) -> int:
        """As `forget_content`, of these events, whenever they were sent. Returns rows."""

    def unsent_of(self, event_ids: Sequence[str]) -> int:
        """How many of these events have content and are not sent yet."""

    def waiting_since(self, before_ms: int) -> list[tuple[str, int, int]]:
        """(topic, events, time of the oldest) of what was added before and Kafka does not have."""

    def counts(self) -> OutboxCounts: ...


class StreamsArea(Protocol):
    """The sender's own streams."""

    def current(self, topic: str, partition: int) -> GenerationRow | None:
        """The newest generation."""

    def last_with_records(self, topic: str, partition: int) -> GenerationRow | None: ...
    def named(self, topic: str, partition: int, name: str) -> GenerationRow | None: ...
    def save(self, row: GenerationRow) -> None: ...
    def heads(self, trial: bool = False) -> list[GenerationRow]:
        """The newest generation that holds a record, of every (topic, partition)."""


class ReaderArea(Protocol):
    """What this agency holds of other senders' streams."""

    def state(
        self, agency: str, topic: str, partition: int
    ) -> tuple[int, tuple[bytes, list[GapRow]]] | None:
        """(version, (head, gaps in ascending order)), or None before the first record."""

    def state_version(self, agency: str, topic: str, partition: int) -> int:
        """The version of a state; 0 before the first record."""

    def state_head(self, agency: str, topic: str, partition: int) -> bytes | None:
        """A state without its gaps: what is idle reads no more than this."""

    def state_heads(self) -> list[tuple[str, str, int, bytes]]:
        """(agency, topic, partition, head) of every stream."""

    def has_generation(self, agency: str, topic: str, partition: int, generation: str) -> bool:
        """Whether a record or a link of a generation was ever taken."""

    def state_size(self, agency: str) -> tuple[int, int]:
        """(bytes, gaps) that the states of a sender count as."""

    def state_sizes(self) -> list[tuple[str, int, int, int]]:
        """(agency, bytes, gaps, partitions that are stopped) of every sender."""

    def stopped(self) -> list[tuple[str, str, int]]:
        """(agency, topic, partition) of streams that a contradiction has stopped."""

    def places_of(self, agency: str) -> list[tuple[str, int]]:
        """(topic, partition) of every state of a sender."""

    def gap_ranges(
        self, agency: str, after: tuple[str, int, str, int], limit: int
    ) -> list[tuple[str, int, str, int, int]]:
        """(topic, partition, generation, first, last) of the next open gaps of a sender.

        Args:
            agency: the sender.
            after: (topic, partition, generation, first) of the one before.
            limit: how many.
        """

    def save_state(
        self,
        agency: str,
        topic: str,
        partition: int,
        change: StateChange,
        expected_version: int,
    ) -> int:
        """Returns the new version. Raises StoreError(`state_changed`) if the version differs."""

    def save_leaves(
        self, agency: str, topic: str, partition: int, generation: str, leaves: Sequence[Leaf]
    ) -> None:
        """Keeps each; of one that is known only the status changes.

        Raises:
            StoreError: `store_conflict` if a known index has another leaf.
        """

    def leaf(
        self, agency: str, topic: str, partition: int, generation: str, index: int
    ) -> tuple[bytes, LeafStatus] | None: ...
    def any_opened(
        self, agency: str, topic: str, partition: int, generation: str, first: int, last: int
    ) -> bool:
        """Whether a record from `first` to `last` was opened here (`stored`)."""

    def leaves(
        self, agency: str, topic: str, partition: int, generation: str, first: int, last: int
    ) -> list[Leaf]:
        """Known leaves from `first` to `last`, both included, by index."""

    def without_content(self) -> list[tuple[str, str, int, str, int]]:
        """(agency, topic, partition, generation, leaves) where `content_missing` leaves are."""

    def missing_content(
        self, agency: str, topic: str, partition: int, generation: str, first: int, limit: int
    ) -> list[int]:
        """The lowest `limit` indices from `first` on that are `content_missing`."""

    def set_status(
        self,
        agency: str,
        topic: str,
        partition: int,
        generation: str,
        index: int,
        status: LeafStatus,
    ) -> None: ...
    def save_checkpoints(
        self,
        agency: str,
        topic: str,
        partition: int,
        generation: str,
        checkpoints: Sequence[Checkpointed],
    ) -> None:
        """Keeps each by size, with the smallest lowest index ever given for it.

        Raises:
            StoreError: `checkpoint_conflict` if a kept size has another root.
        """

    def checkpoint_at(
        self, agency: str, topic: str, partition: int, generation: str, size: int
    ) -> CheckpointRow | None: ...
    def checkpoint_above(
        self, agency: str, topic: str, partition: int, generation: str, index: int
    ) -> CheckpointRow | None:
        """The one of the smallest kept size above `index`."""

    def checkpoint_below(
        self, agency: str, topic: str, partition: int, generation: str, size: int
    ) -> CheckpointRow | None:
        """The one of the largest kept size below `size`."""

    def position(self, topic: str, partition: int) -> int | None: ...
    def save_position(self, topic: str, partition: int, next_offset: int) -> None: ...
    def defer(
        self, topic: str, partition: int, agency: str, offset: int, reason: str, since_ms: int
    ) -> None:
        """Keeps the earliest offset for this sender's partition."""

    def deferred(self, topic: str, partition: int) -> list[DeferredRow]:
        """By offset."""

    def all_deferred(self) -> list[DeferredRow]:
        """Of every partition, by topic, partition and offset."""

    def clear_deferred(self, topic: str, partition: int, agency: str) -> None: ...


class InboxArea(Protocol):
    """Opened events on their way to the agency's system."""

    def find(self, source: str, event_id: str) -> InboxRow | None: ...
    def get(self, seq: int) -> InboxRow | None: ...
    def add(self, row: NewInboxRow) -> int:
        """Returns the sequence number. A known (source, id) raises StoreError(`store_conflict`)."""

    def add_many(self, rows: Sequence[NewInboxRow]) -> None:
        """As `add`; one statement, for batches."""

    def forget_case(self, case_key: bytes, now: int) -> int:
        """Clears payloads of a case that were delivered and kept, or are held. Returns rows."""

    def undelivered_of(self, case_key: bytes) -> int:
        """How many events of a case wait for the agency's system."""

    def undelivered(self, limit: int) -> list[InboxRow]:
        """Urgent ones first, then by sequence.

        Without those that are held, and without later events of their cases: a case keeps its
        order. An urgent event waits only for an urgent one.
        """

    def hold(
        self,
        seq: int,
        code: str,
        field: str | None,
        detail: str,
        now: int,
        *,
        holds_case: bool = True,
    ) -> None:
        """The agency's system does not take this event: it stays here until `release`.

        Args:
            seq: its number.
            code: why.
            field: the field that is the reason, if it is one.
            detail: one sentence without personal values.
            now: ms.
            holds_case: whether later events of its case wait for it.
        """

    def held(self, limit: int) -> list[HeldEventRow]:
        """The oldest `limit` that are held, by sequence."""

    def release(self, seq: int) -> bool:
        """Offer a held event to the agency's system again. Returns whether it was held."""

    def discard(self, seq: int, now: int) -> bool:
        """Clear a held event that is never to be delivered. Returns whether it was held."""

    def discarded(self, limit: int) -> list[DiscardedEventRow]:
        """The newest `limit` that were discarded, by sequence."""

    def release_cases(self) -> int:
        """Offer every event for which others of its case wait. Returns rows."""

    def received_since(self, source: str, since_ms: int) -> list[InboxRow]:
        """What was taken of one sender from a time on, delivered or not, in that order."""

    def mark_delivered(
        self, seq: int, now: int, sink_reference: str | None, *, keep_payload: bool = False
    ) -> None: ...
    def counts(self) -> InboxCounts: ...


class QuarantineArea(Protocol):
    """Verified records that were refused, and the bounded list of those that were not."""

    def add(
        self,
        topic: str,
        partition: int,
        offset: int,
        origin: str,
        index: int,
        step: float,
        code: str,
        detail: str,
        value: bytes,
        headers_json: str,
        now: int,
    ) -> int:
        """`origin` is the proof's, `deployment/agency/...`. Returns the row's id."""

    def list(self, status: QuarantineStatus | None = None, limit: int = 100) -> list[QuarantineRow]:
        """The newest `limit`, oldest first, without their bytes: they can be many."""

    def get(self, id: int) -> QuarantineRow | None: ...  # noqa: A002 - the column's name
    def end(self, id: int, status: EndedStatus, now: int) -> bool:  # noqa: A002
        """It is held no more, and its bytes are cleared. Returns whether it was held."""

    def count(self, agency: str | None = None) -> int:
        """How many are held, of one sender or of all."""

    def sizes(self) -> dict[str, HeldSize]:
        """What the held records of each sender take; a sender without one is left out."""

    def size_of(self, agency: str) -> HeldSize:
        """What the held records of one sender take: the quota."""

    def held(self) -> tuple[int, int | None]:
        """How many are held, and since when (ms) the oldest is."""

    def add_noise(
        self, topic: str, partition: int, offset: int, sha256: bytes, code: str, now: int
    ) -> None:
        """Keeps the newest 10,000."""

    def noise(self, limit: int = 100) -> Sequence[UnauthenticatedRow]:
        """Newest first."""


class EvidenceArea(Protocol):
    """Signed contradictions, kept for ever."""

    def add(self, kind: str, origin: str, text_a: bytes, text_b: bytes, now: int) -> int: ...
    def origins(self, kind: str) -> tuple[str, ...]:
        """Streams of which evidence of a kind is kept, oldest first, without the evidence."""

    def list(self) -> list[EvidenceRow]: ...


class ItemsArea(Protocol):
    """Idempotency at the source: which item of the export became which event."""

    def find(self, source_key: bytes) -> ItemRow | None: ...
    def add(
        self,
        source_key: bytes,
        event_id: str | None,
        outcome: ItemOutcome,
        code: str | None,
        now: int,
    ) -> None:
        """Keeps the outcome; a refused item may be offered again.

        Raises:
            StoreError: `item_published` for one that was published.
        """

    def add_many(self, rows: Sequence[ItemRow]) -> None:
        """As `add`, of other items each; one statement, for batches."""

    def reopen(self, event_id: str, code: str) -> bool:
        """Has the item of an event count as published no more. Returns whether there was one."""


class LinksArea(Protocol):
    """The agency's own references and the shared random ids they stand for."""

    def case_for(self, own_reference: str, kind: str = "case") -> str | None: ...
    def own_for(self, shared_id: str, kind: str = "case") -> str | None: ...
    def add(self, kind: str, own_reference: str, shared_id: str) -> None:
        """Keeps the pair; the same again is fine.

        Raises:
            StoreError: `link_conflict` if either side is linked to something else.
        """


class ReferralsArea(Protocol):
    """Referrals made by or to this agency, with their clocks."""

    def get(self, referral_id: str) -> ReferralRow | None: ...
    def get_many(self, referral_ids: Sequence[str]) -> dict[str, ReferralRow]:
        """Those that are known, by id; one statement."""

    def save(self, row: ReferralRow) -> None: ...
    def save_many(self, rows: Iterable[ReferralRow]) -> None:
        """One statement, for batches."""

    def open(self) -> list[ReferralRow]:
        """By the time they were made."""

    def overdue(self, now: int) -> list[ReferralRow]:
        """Open ones of which a clock that was not met (is not None) lies before `now`."""

    def for_case(self, case_id: str) -> list[ReferralRow]: ...
    def closed(self, limit: int) -> list[ReferralRow]:
        """The last `limit` that ended, newest first."""


class DisclosuresArea(Protocol):
    """The leaves and signed checkpoints of this agency's disclosure log."""

    def append(self, rows: Sequence[DisclosureRow]) -> None: ...
    def size(self) -> int: ...
    def read(self, first: int, limit: int) -> list[DisclosureRow]:
        """From index `first` on, by index."""

    def leaves(self, start: int, stop: int) -> list[bytes]:
        """Leaf hashes with start <= index < stop."""

    def by_case(self, case_key: bytes) -> list[DisclosureRow]: ...
    def join_sources(
        self, pairs: Collection[tuple[bytes, str]]
    ) -> dict[tuple[bytes, str], tuple[str, ...]]:
        """Keep which sources a case has: (case key, agency; empty for our own system).

        Returns:
            Each pair that is new, with the sources that the case had before it, sorted.
        """

    def forget_sources(self, case_key: bytes) -> None: ...
    def add_reason(self, sha256: bytes, sealed: bytes) -> None:
        """Keep an encrypted reason beside the log, under its hash."""

    def reason(self, sha256: bytes) -> bytes | None: ...
    def forget_reasons(self, hashes: Sequence[bytes]) -> int:
        """Remove encrypted reasons; returns how many were there."""

    def add_checkpoint(self, row: DisclosureCheckpointRow) -> None: ...
    def checkpoints(self) -> list[DisclosureCheckpointRow]:
        """By size."""

    def last_checkpoint(self) -> DisclosureCheckpointRow | None: ...
