"""What the broker asks of a state store: protocols only, so that a fake or another database fits.

One `Transaction` gives every area as an attribute, because the rules that matter span areas:
what was decided, what was sealed and its log entry are one commit; an opened event, the stream
state, the position and its log entry are another ("Opening", step 11).
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from broker.store.areas import (
    DisclosuresArea,
    EvidenceArea,
    InboxArea,
    ItemsArea,
    LeaseArea,
    LinksArea,
    MetaArea,
    OutboxArea,
    QuarantineArea,
    ReaderArea,
    ReferralsArea,
    StreamsArea,
)
from broker.store.stated_areas import HeadsArea, HeartbeatsArea, ReceiptsArea


class Transaction(Protocol):
    """One unit of work. It must not outlive its `with` block or cross threads."""

    @property
    def meta(self) -> MetaArea: ...
    @property
    def lease(self) -> LeaseArea: ...
    @property
    def outbox(self) -> OutboxArea: ...
    @property
    def streams(self) -> StreamsArea: ...
    @property
    def reader(self) -> ReaderArea: ...
    @property
    def inbox(self) -> InboxArea: ...
    @property
    def quarantine(self) -> QuarantineArea: ...
    @property
    def evidence(self) -> EvidenceArea: ...
    @property
    def items(self) -> ItemsArea: ...
    @property
    def links(self) -> LinksArea: ...
    @property
    def referrals(self) -> ReferralsArea: ...
    @property
    def receipts(self) -> ReceiptsArea: ...
    @property
    def heads(self) -> HeadsArea: ...
    @property
    def heartbeats(self) -> HeartbeatsArea: ...
    @property
    def disclosures(self) -> DisclosuresArea: ...


class Store(Protocol):
    """The agency's state database."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Writes: exclusive from the start, committed at the end, rolled back on any exception.

        Raises:
            StoreError: `store_busy`, `store_full`, `store_corrupt`, `store_conflict` or
                `store_unusable`; also for a transaction inside another of the same thread
                (`store_nested`).
        """

    def reading(self) -> AbstractContextManager[Transaction]:
        """Reads: one consistent snapshot; a write inside fails."""

    def check(self) -> None:
        """Raises StoreError(`store_corrupt`) if the database's own check finds damage. Slow."""

    def fold(self) -> bool:
        """Empties the journal beside the file: what was cleared in the file is gone from it too.

        Returns:
            False where a reader was in the way, and the journal still has it.
        """

    def close(self) -> None: ...
