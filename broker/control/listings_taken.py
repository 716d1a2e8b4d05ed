"""Taking of listings: what other agencies offer (docs/spec/directory.md, "Taken").

The newest listing of each agency is kept, in whatever order they come.
"""

from __future__ import annotations

from dataclasses import dataclass

from broker.control.partner_statements_taken import PlacedStatement, StatementReader, order_of
from broker.directory.listing import parse_listing_content
from broker.statements.authorship import read_note
from broker.statements.listings import LISTING
from broker.statements.partner_statements import SealedStatement
from broker.store.database import Store
from broker.store.rows import ListingRow
from broker.store.transaction import Transaction
from broker.tlog.note import format_note


def take_listing(value: bytes, store: Store, reader: StatementReader) -> str | None:
    """Take a listing; raises as `StatementReader.take`.

    Returns:
        The agency whose listing was taken; None for one that is passed over.
    """
    return reader.take(LISTING, value, store, lambda statement, _: _PlacedListing(statement))


@dataclass(frozen=True, slots=True)
class _PlacedListing(PlacedStatement[str]):
    statement: SealedStatement

    def is_old(self, tx: Transaction) -> bool:
        """Return whether a listing is a replay, or not newer than the one that is kept."""
        listing = self.statement
        row = tx.listings.get(listing.place.agency)
        if row is None or row.note is None:
            return False
        kept = order_of(row.time_ms, read_note(row.note))
        return order_of(listing.place.time_ms, listing.note) <= kept

    def read(self, content: bytes) -> str:
        """Check the content; returns its agency."""
        parse_listing_content(content)
        return self.statement.place.agency

    def keep(self, tx: Transaction, content: bytes) -> None:
        """Store the listing."""
        place, note = self.statement.place, format_note(self.statement.note)
        tx.listings.save(ListingRow(place.agency, place.time_ms, note, content))
