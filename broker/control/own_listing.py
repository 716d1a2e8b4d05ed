"""Listing of this agency, published to its partners by the running adapter.

docs/spec/directory.md, "Published". People write the content into the state. The adapter adds what
its software can read, and seals a new record when the content, a partner or a partner's exchange
key has changed, and once a day. So a partner that joins or lost its state has it within a day.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from broker.control.statement_publisher import DueStatements, StatementPublisher
from broker.control.statement_sender import (
    DueStatement,
    StatementSender,
    last_sent,
    names_of,
    recipient_keys,
)
from broker.directory.listing import Listing, format_listing, parse_listing_content
from broker.directory.readable import readable_versions
from broker.envelope.primitives import lp, sha256
from broker.registry.active_partners import active_partners
from broker.sending.sealing_context import SealingContext
from broker.statements.listings import LISTING
from broker.store.database import Store
from contracts.durations import SECOND_MS

PAUSE_MS: Final = 30 * SECOND_MS
"""Minimum time between two records."""
SENT: Final = "listing-sent"
"""Name in the state of the last record."""


class OwnListing(StatementPublisher):
    """Publishes the listing of this agency when it is due.

    Args:
        agency: this agency.
        store: its state.
        sealing: the contracts and keys that are believed now.
        sender: seals, signs and sends.
        clock: () -> ms.
    """

    def __init__(
        self,
        agency: str,
        store: Store,
        sealing: SealingContext,
        sender: StatementSender,
        clock: Callable[[], int],
    ) -> None:
        super().__init__(store, sender, clock)
        self._agency = agency
        self._sealing = sealing

    def due(self, now: int) -> DueStatements:
        """Return the listing if it is due."""
        draft = self._draft(now)
        return DueStatements(() if draft is None else (draft,))

    def _draft(self, now: int) -> DueStatement | None:
        with self._store.reading() as tx:
            row = tx.listings.get(self._agency)
            last = last_sent(tx, SENT, now)
        if last is not None and now - last.time_ms < PAUSE_MS:
            return None
        partners = active_partners(self._sealing.contracts, self._sealing.manifests, now)
        keys = recipient_keys(self._sealing, partners, now)
        if not keys:
            return None
        published = Listing() if row is None else parse_listing_content(row.content)
        reads = readable_versions(self._sealing.contracts)
        content = format_listing(published.model_copy(update={"reads": reads}))
        said = sha256(lp(content, names_of(keys)))
        if last is not None and last.said == said and now - last.time_ms < LISTING.renew_ms:
            return None
        return DueStatement(LISTING, SENT, said, content, keys)
