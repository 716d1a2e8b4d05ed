"""Coverage of the partnership, as this agency knows it: listings, and its own waiting referrals."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from pathlib import Path

from broker import pseudonyms
from broker.agency.participant import Participant, load_participant
from broker.agency.running import open_held_state
from broker.directory.areas import grid
from broker.directory.coverage import CoverageCell, WaitingReferral, coverage
from broker.figures.referral_dimensions import SERVICE, counted_referrals
from broker.figures.referral_values import SentReferral
from broker.operations.directory.held_listings import held_listings
from broker.operations.directory.publishing import agreed_codes
from broker.operations.directory.referrals_sent import referrals_since
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
        KeyAccessError: the agency's secret is not available.
    """
    with store.reading() as tx:
        found = held_listings(participant, tx, now)
        waits = _waiting(participant, tx, now)
    listings = [(one.agency, one.listing) for one in found.held]
    return coverage(listings, agreed_codes(participant), waits, now)


def _waiting(participant: Participant, tx: Transaction, now: int) -> list[WaitingReferral]:
    """Return the referrals of this agency that have no answer, with their needs and areas."""
    rows = [
        row
        for row in tx.referrals.open()
        if row.role == "referrer" and row.respond_by_ms is not None
    ]
    if not rows:
        return []
    said = _said(participant, tx, min(row.made_ms for row in rows) - DAY_MS, now)
    secret = participant.keyring.secret()
    found = []
    for row in rows:
        key = pseudonyms.referral_key(secret, row.referral_id).hex()
        need, area = said.get((key, row.counterparty), (None, None))
        days = max(0, now - row.made_ms) // DAY_MS
        found.append(WaitingReferral(row.counterparty, days, need, area))
    return found


def _said(
    participant: Participant, tx: Transaction, first_ms: int, now: int
) -> Mapping[tuple[str, str], tuple[str | None, str | None]]:
    """Return by referral and agency that was asked: the need and the area, None if not stated."""
    needs = agreed_codes(participant).needs
    found: dict[tuple[str, str], tuple[str | None, str | None]] = {}
    for contract, one in referrals_since(participant, tx, first_ms, now):
        counted = counted_referrals(contract)
        areas = () if counted is None else sorted(counted[0].area_dimensions)
        found[one.referral, one.recipient] = (
            _known(one, (SERVICE,), needs),
            _known(one, areas, grid()),
        )
    return found


def _known(referral: SentReferral, dimensions: Iterable[str], codes: Container[str]) -> str | None:
    """Return the first value of these dimensions that is one of the codes."""
    values = referral.values or {}
    stated = (value for name in dimensions for value in values.get(name, ()))
    return next((value for value in stated if value in codes), None)
