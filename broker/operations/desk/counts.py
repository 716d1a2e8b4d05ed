"""Numbers of what the desk keeps, for `status` and `doctor`."""

from __future__ import annotations

from dataclasses import dataclass

from broker.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class DeskCounts:
    """Numbers of events and drafts that the desk keeps for the agency's people.

    Attributes:
        events: received and sent events with content.
        unconfirmed: critical events that no person has confirmed.
        drafts: referrals that are not sent yet.
    """

    events: int
    unconfirmed: int
    drafts: int


def desk_counts(tx: Transaction) -> DeskCounts | None:
    """Return what the desk keeps; None if it keeps nothing.

    Raises:
        StoreError: the state cannot be read.
    """
    counts = DeskCounts(
        tx.desk_events.count(), tx.desk_events.count_unconfirmed(), tx.drafts.count()
    )
    return counts if any((counts.events, counts.unconfirmed, counts.drafts)) else None
