"""Referrals that are open with each partner, before an agency pauses its part or leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from broker.store.database import Store

__all__ = ["OpenWork", "open_work"]


@dataclass(frozen=True, slots=True)
class OpenWork:
    """Open referrals and messages of an agency.

    Attributes:
        received: partner -> number of open referrals that it sent us.
        sent: partner -> number of open referrals that we sent it.
        outgoing: number of messages that Kafka has not acknowledged.
    """

    received: Mapping[str, int]
    sent: Mapping[str, int]
    outgoing: int

    def with_partner(self, agency: str) -> int:
        """Return the number of open referrals with a partner."""
        return self.received.get(agency, 0) + self.sent.get(agency, 0)


def open_work(store: Store | None) -> OpenWork:
    """Count what is open.

    Args:
        store: the agency's state; None, so that nothing is open, if the adapter has not run yet.
    """
    if store is None:
        return OpenWork({}, {}, 0)
    with store.reading() as tx:
        counts, outbox = tx.referrals.open_counts(), tx.outbox.counts()
    return OpenWork(
        {partner: number for (role, partner), number in counts.items() if role == "fulfiller"},
        {partner: number for (role, partner), number in counts.items() if role == "referrer"},
        outbox.pending + outbox.unsent,
    )
