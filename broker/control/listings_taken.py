"""Taking of listings: what other agencies offer (docs/spec/directory.md, "Taken").

The newest listing of each agency is kept, in whatever order they come.
"""

from __future__ import annotations

from broker.control.partner_statements_taken import StatementReader, order_of
from broker.directory.listing import parse_listing_content
from broker.statements.authorship import read_note
from broker.statements.listings import LISTING, listing_malformed
from broker.statements.partner_statements import SealedStatement
from broker.store.database import Store
from broker.store.rows import ListingRow
from broker.store.transaction import Transaction
from broker.tlog.note import format_note


def take_listing(value: bytes, store: Store, reader: StatementReader) -> str | None:
    """Take a listing, if it is for this agency and newer than the one that is kept.

    Args:
        value: of the record.
        store: the agency's state.
        reader: verifies and opens it.

    Returns:
        The agency whose listing was taken; None for one that is passed over.

    Raises:
        RefusedError: it is dropped.
        KeyAccessError: an exchange key cannot be used now; the listing must be given again.
        StoreError: nothing was written; the listing must be given again.
    """

    def is_old(listing: SealedStatement) -> bool:
        with store.reading() as tx:
            return _is_old(tx, listing)

    opened = reader.open(LISTING, value, is_old)
    if opened is None:
        return None
    listing, content = opened
    try:
        parse_listing_content(content)
    except ValueError as error:
        raise listing_malformed(str(error)) from None
    place = listing.place
    with store.transaction() as tx:
        if _is_old(tx, listing):
            return None
        note = format_note(listing.note)
        tx.listings.save(ListingRow(place.agency, place.time_ms, note, content))
    return place.agency


def _is_old(tx: Transaction, listing: SealedStatement) -> bool:
    """Return whether a listing is a replay, or not newer than the one that is kept."""
    row = tx.listings.get(listing.place.agency)
    if row is None or row.note is None:
        return False
    kept = read_note(row.note)
    return order_of(listing.place.time_ms, listing.note) <= order_of(row.time_ms, kept)
