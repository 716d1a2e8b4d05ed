"""Taking of listings: what other agencies offer (docs/spec/directory.md, "Taken").

The newest listing of each agency is kept, in whatever order they come. A listing that is at fault
is counted and dropped; nothing else follows from it.
"""

from __future__ import annotations

from collections.abc import Collection

from broker.control.budgets import Budgets
from broker.control.own_listing import RENEW_MS
from broker.directory.listing import parse_listing_content
from broker.envelope.primitives import sha256
from broker.errors import RefusedError
from broker.judging.key_resolver import Trust
from broker.keys.instant import CLOCK_SKEW_MS
from broker.keys.kid import RECEIPT
from broker.statements.authorship import read_note, require_author
from broker.statements.listings import (
    SealedListing,
    listing_malformed,
    open_listing,
    parse_listing,
)
from broker.store.database import Store
from broker.store.rows import ListingRow
from broker.store.transaction import Transaction
from broker.tlog.note import Note, format_note


def take_listing(
    value: bytes,
    store: Store,
    trust: Trust,
    present: Collection[str],
    budgets: Budgets,
    now: int,
) -> str | None:
    """Take a listing, if it is for this agency and newer than the one that is kept.

    Args:
        value: of the record.
        store: the agency's state.
        trust: what is believed now.
        present: the active parties of this agency's contracts.
        budgets: how many listings are processed.
        now: ms.

    Returns:
        The agency whose listing was taken; None for one that is passed over.

    Raises:
        RefusedError: it is dropped.
        KeyAccessError: an exchange key cannot be used now; the listing must be given again.
        StoreError: nothing was written; the listing must be given again.
    """
    listing = parse_listing(value)
    place, resolver = listing.place, trust.resolver
    foreign = place.deployment != resolver.manifests.deployment
    if foreign or place.agency == resolver.agency or resolver.agency not in listing.wraps:
        return None
    if place.agency not in present:
        raise RefusedError(2, "party_left", "its maker takes no part in a contract of ours")
    if place.time_ms > now + CLOCK_SKEW_MS:
        raise RefusedError(2, "early", "the listing is ahead of this clock")
    with store.reading() as tx:  # before the cost of a signature check
        if _is_old(tx, listing):
            return None
    budgets.require_listing(place.agency, place.time_ms)
    require_author(listing.note, resolver.manifests, place.agency, RECEIPT, place.time_ms)
    budgets.listing(place.agency, place.time_ms)
    content = _opened(listing, trust, now)
    if content is None:
        return None
    try:
        parse_listing_content(content)
    except ValueError as error:
        raise listing_malformed(str(error)) from None
    with store.transaction() as tx:
        if _is_old(tx, listing):
            return None
        note = format_note(listing.note)
        tx.listings.save(ListingRow(place.agency, place.time_ms, note, content))
    return place.agency


def _opened(listing: SealedListing, trust: Trust, now: int) -> bytes | None:
    """Return the content; None for an old listing whose exchange key is gone."""
    keys, _ = trust.opening_keys(listing.place.time_ms)
    try:
        return open_listing(listing, trust.resolver.agency, keys)
    except RefusedError as refusal:
        if refusal.code == "listing_unopenable" and now - listing.place.time_ms > RENEW_MS:
            return None  # its maker has published a newer one since
        raise


def _is_old(tx: Transaction, listing: SealedListing) -> bool:
    """Return whether a listing is a replay, or not newer than the one that is kept."""
    row = tx.listings.get(listing.place.agency)
    if row is None or row.note is None:
        return False
    kept = read_note(row.note)
    return _order(listing.place.time_ms, listing.note) <= _order(row.time_ms, kept)


def _order(time_ms: int, note: Note) -> tuple[int, bytes]:
    """Return the order of listings; the hash decides between two of one time."""
    return time_ms, sha256(note.text)
