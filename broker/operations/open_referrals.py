"""Referrals that are open with each partner, before an agency pauses its part or leaves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from broker.agency.participant import Participant
from broker.agency.running import open_held_state
from broker.errors import StoreError

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


def open_work(participant: Participant) -> OpenWork:
    """Count what is open; nothing if the adapter has not run yet.

    Args:
        participant: the agency.

    Raises:
        StoreError: the state cannot be opened.
    """
    try:
        store = open_held_state(participant)
    except StoreError as error:
        if error.code != "state_missing":
            raise
        return OpenWork({}, {}, 0)
    try:
        with store.reading() as tx:
            rows, outbox = tx.referrals.open(), tx.outbox.counts()
    finally:
        store.close()
    return OpenWork(
        Counter(row.counterparty for row in rows if row.role == "fulfiller"),
        Counter(row.counterparty for row in rows if row.role == "referrer"),
        outbox.pending + outbox.unsent,
    )
