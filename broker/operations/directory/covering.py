"""Coverage of the partnership, as this agency knows it: listings, and its own waiting referrals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from broker.agency.participant import Participant, load_participant
from broker.agency.running import open_held_state
from broker.directory.coverage import CoverageCell, coverage
from broker.operations.directory.held_listings import held_listings
from broker.operations.directory.publishing import agreed_codes
from broker.store.database import Store
from broker.store.transaction import Transaction
from contracts.durations import DAY_MS


def directory_coverage(directory: Path, now: int) -> tuple[CoverageCell, ...]:
    """Return the services for each need and motivation in each area, with the longest waits.

    Raises:
        StoreError: `state_missing`, or the state cannot be read.
        ConcordantError: the folder cannot be loaded.
    """
    participant = load_participant(directory, now)
    store = open_held_state(participant)
    try:
        return coverage_of(participant, store, now)
    finally:
        store.close()


def coverage_of(participant: Participant, store: Store, now: int) -> tuple[CoverageCell, ...]:
    """Return the same for an agency that is loaded.

    Raises:
        StoreError: the state cannot be read.
    """
    with store.reading() as tx:
        found = held_listings(participant, tx, now)
        waits = _longest_waits(tx, now)
    listings = [(one.agency, one.listing) for one in found.held]
    return coverage(listings, agreed_codes(participant), waits, now)


def _longest_waits(tx: Transaction, now: int) -> Mapping[str, int]:
    """Return agency id to the age in days of the oldest referral to it that has no answer."""
    found: dict[str, int] = {}
    for row in tx.referrals.open():
        if row.role == "referrer" and row.respond_by_ms is not None:
            days = max(0, now - row.made_ms) // DAY_MS
            found[row.counterparty] = max(days, found.get(row.counterparty, 0))
    return found
