"""The source and the sink `desk`: events for people of an agency without a case system.

The sink keeps each received event, encrypted, and marks it as delivered in the same transaction.
The source only shows life: people send events from the pages of ``concordant web``, which put them
into the outbox of the same state database, and the relay of this adapter sends them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from adapters.rounds import Rounds, run_rounds
from adapters.sides import SideParts
from broker.agency.participant import load_participant
from broker.errors import StoreError
from broker.observing.health import Check
from broker.observing.logs import logger
from broker.operations.desk.keeping import EventKeeper, remove_expired
from broker.operations.folders import removal_is_safe
from broker.receiving.inbox_payload import parse_payload
from broker.registry.contract_book import ContractBook
from broker.store.database import Store
from broker.store.rows import InboxRow
from broker.store.transaction import Transaction
from broker.waiting import set_within
from contracts.errors import ConcordantError

if TYPE_CHECKING:
    from pathlib import Path

    from adapters.http_api.endpoints import Endpoint

ROUND_EVENTS: Final = 100
"""Maximum number of events of one round, which is one transaction."""
SOURCE_TURN_S: Final = 30.0
SWEEP_S: Final = 600.0
"""Interval at which content is removed that has had its time."""
REFERENCE: Final = "desk"
"""Reference of a delivered event in the inbox."""


class DeskSource:
    """Shows life; see ``SourceLoop``."""

    endpoints: tuple[Endpoint, ...] = ()
    trouble: Check | None = None

    def retry_now(self) -> None:
        """Do nothing: nothing waits."""

    async def run(self, stop: asyncio.Event, turned: Callable[[], None]) -> None:
        """Report life until ``stop`` is set."""
        while not stop.is_set():
            turned()
            await set_within(stop, SOURCE_TURN_S)


class DeskSink:
    """Keeps received events for the agency's people; see ``SinkLoop``.

    Args:
        root: the agency's folder, for the check before content is removed.
        store: the agency's state.
        keeper: keeps events.
        contracts: returns the agreements that are known now.
        clock: () -> ms since the epoch.
    """

    endpoints: tuple[Endpoint, ...] = ()
    trouble: Check | None = None

    def __init__(
        self,
        root: Path,
        store: Store,
        keeper: EventKeeper,
        contracts: Callable[[], ContractBook],
        clock: Callable[[], int],
    ) -> None:
        self._root = root
        self._store = store
        self._keeper = keeper
        self._contracts = contracts
        self._clock = clock
        self._log = logger("delivery")

    async def run(
        self,
        wait: Callable[[float], Awaitable[None]],
        stop: asyncio.Event,
        turned: Callable[[], None],
    ) -> None:
        """Keep what is new until ``stop`` is set."""
        await run_rounds(Rounds(self.round, self.sweep, SWEEP_S), wait, stop, turned)

    def round(self) -> int:
        """Keep or hold at most ``ROUND_EVENTS`` events. Return how many.

        Raises:
            StoreError: nothing was kept; the events stay in the inbox.
        """
        with self._store.reading() as tx:
            if not tx.inbox.undelivered(1):
                return 0
        with self._store.transaction() as tx:
            rows = tx.inbox.undelivered(ROUND_EVENTS)
            now, contracts = self._clock(), self._contracts()
            kept, held = 0, set[bytes]()
            for row in rows:
                if row.case_key in held:
                    continue  # an earlier event of its case was held in this round
                if self._keep(tx, row, contracts, now):
                    kept += 1
                else:
                    held.add(row.case_key)
        if kept:
            self._log.info("events_delivered", events=kept)
        return len(rows)

    def sweep(self) -> tuple[int, int]:
        """Remove content that has had its time. Return how many events and drafts.

        Raises:
            StoreError: nothing was removed.
        """
        now = self._clock()
        try:
            if not removal_is_safe(load_participant(self._root, now), now):
                return 0, 0
        except StoreError:
            raise
        except ConcordantError as error:  # the folder cannot be read; the next sweep tries again
            self._log.warning("retention_waits", code=error.code)
            return 0, 0
        with self._store.transaction() as tx:
            events, drafts = remove_expired(tx, now)
        if events or drafts:
            self._log.info("desk_content_removed", events=events, drafts=drafts)
        return events, drafts

    def _keep(self, tx: Transaction, row: InboxRow, contracts: ContractBook, now: int) -> bool:
        """Keep one event and mark it as delivered, or hold it. Return whether it was kept."""
        try:
            event = parse_payload(row.payload or b"")
        except StoreError as error:  # hold only this event and keep the others
            self._log.error("event_held", code=error.code, agency=row.source, event_id=row.event_id)
            tx.inbox.hold(row.seq, error.code, None, error.detail, now)
            return False
        signed = contracts.by_hash(bytes.fromhex(event.contract[2]))
        assert signed is not None
        self._keeper.received(tx, event, signed.contract, now)
        tx.inbox.mark_delivered(row.seq, now, REFERENCE)
        return True


def desk_source(_parts: SideParts) -> DeskSource:
    """Return the source that `agency.toml` calls ``desk``."""
    return DeskSource()


def desk_sink(parts: SideParts) -> DeskSink:
    """Return the sink that `agency.toml` calls ``desk``."""
    participant = parts.participant
    keeper = EventKeeper(participant.keyring.secret(), participant.agency)
    return DeskSink(participant.root, parts.store, keeper, parts.contracts, parts.clock)
