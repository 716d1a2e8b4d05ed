"""Listing of this agency, published to its partners by the running adapter.

docs/spec/directory.md, "Published". People write the content into the state. The adapter adds what
its software can read, and seals a new record when the content, a partner or a partner's exchange
key has changed, and once a day. So a partner that joins or lost its state has it within a day.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from broker.control.own_statements import SigningKeys
from broker.directory.listing import Listing, format_listing, parse_listing_content
from broker.directory.readable import readable_versions
from broker.envelope.primitives import HASH_BYTES, lp, sha256
from broker.envelope.sealing import ExchangeKey
from broker.errors import RegistryError
from broker.keys.instant import CLOCK_SKEW_MS
from broker.record import CONTENT_TYPE_HEADER, LISTING_CONTENT_TYPE, Record
from broker.registry.active_partners import active_partners
from broker.sending.sealing_context import SealingContext
from broker.statements.listings import ListingPlace, seal_listing
from broker.store.database import Store
from broker.transport.interfaces import Sender
from broker.transport.topics import control_topics
from contracts.durations import DAY_MS, SECOND_MS

RENEW_MS: Final = DAY_MS
"""Time after which the same content is published again."""
PAUSE_MS: Final = 30 * SECOND_MS
"""Minimum time between two records."""
SENT: Final = "listing-sent"
"""Name in the state of the last record: be64 time, and a hash of its content and keys."""


@dataclass(frozen=True, slots=True)
class _Due:
    """A record to be published."""

    content: bytes
    keys: tuple[ExchangeKey, ...]
    after_ms: int

    @property
    def digest(self) -> bytes:
        """Hash of what the record says and for which keys."""
        keys = (part for key in self.keys for part in (key.agency.encode(), key.kid))
        return sha256(lp(self.content, *keys))


class OwnListing:
    """Publishes the listing of this agency when it is due.

    Args:
        keys: the agency and its keys.
        store: the agency's state.
        sealing: the contracts and keys that are believed now.
        sender: Kafka.
        clock: () -> ms.
    """

    def __init__(
        self,
        keys: SigningKeys,
        store: Store,
        sealing: SealingContext,
        sender: Sender,
        clock: Callable[[], int],
    ) -> None:
        self._keys = keys
        self._store = store
        self._sealing = sealing
        self._sender = sender
        self._clock = clock
        participant = keys.participant
        self._deployment, self._agency = participant.deployment, participant.agency
        self._topic = control_topics(self._deployment).receipts

    async def look(self) -> bool:
        """Publish the listing if it is due. Returns whether it was.

        Raises:
            TransportError: Kafka does not take it; it stays due.
            StoreError: the state cannot be read or written.
            RegistryError, KeyAccessError: this agency cannot sign now.
        """
        now = self._clock()
        due = await asyncio.to_thread(self._due, now)
        if due is None:
            return False
        time_ms = max(now, due.after_ms + 1)
        record = await asyncio.to_thread(self._record, due, time_ms)
        await self._sender.send([record])
        await asyncio.to_thread(self._sent, due, time_ms)
        return True

    def _due(self, now: int) -> _Due | None:
        with self._store.reading() as tx:
            row = tx.listings.get(self._agency)
            sent = tx.meta.get(SENT)
        last_ms = -1 if sent is None else int.from_bytes(sent[:8], "big")
        if last_ms > now + CLOCK_SKEW_MS:
            last_ms = -1  # the clock was ahead when the last one was made
        elif sent is not None and now - last_ms < PAUSE_MS:
            return None
        keys = self._partner_keys(now)
        if not keys:
            return None
        said = Listing() if row is None else parse_listing_content(row.content)
        reads = readable_versions(self._sealing.contracts)
        content = format_listing(said.model_copy(update={"reads": reads}))
        due = _Due(content, keys, last_ms)
        known = sent is not None and sent[8 : 8 + HASH_BYTES] == due.digest
        return None if known and 0 <= now - last_ms < RENEW_MS else due

    def _partner_keys(self, now: int) -> tuple[ExchangeKey, ...]:
        """Return the exchange keys of the partners that can be reached now."""
        partners = active_partners(self._sealing.contracts, self._sealing.manifests, now)
        keys = []
        for agency in sorted(partners):
            try:
                keys.append(self._sealing.exchange_key(agency, now))
            except RegistryError:  # it gets a record when it has a key again
                continue
        return tuple(keys)

    def _record(self, due: _Due, time_ms: int) -> Record:
        place = ListingPlace(self._deployment, self._agency, time_ms)
        value = seal_listing(place, due.content, due.keys, self._keys.receipt_author())
        headers = ((CONTENT_TYPE_HEADER, LISTING_CONTENT_TYPE),)
        return Record(self._topic, 0, headers, value)

    def _sent(self, due: _Due, time_ms: int) -> None:
        with self._store.transaction() as tx:
            tx.meta.set(SENT, time_ms.to_bytes(8, "big") + due.digest)
