"""Delivery of received events from the inbox to the agency's own system.

Delivery to the sink is at least once, under the event's id as a stable key. The sink treats a
second delivery of the same bytes as done, so each event takes effect once.

If the mapping cannot render an event, or the sink refuses it permanently, the event is held in the
state database with the reason. Its payload is written nowhere else. Events of other cases do not
wait. Later events of the same case wait, with two exceptions:

- after ``sink_conflict`` they do not wait, because the agency's system has an event with this id;
- an urgent event does not wait for one that is not urgent.

``status``, ``doctor``, the metric ``concordant_held`` and ``quarantine list`` show held events.
``quarantine retry`` offers them again. Each start of the adapter offers those again that block
their case, because a new mapping takes effect at a start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from adapters.base import AgencySystem, Context, MappingError
from adapters.links import StoreLinks
from adapters.sinks.sink import Sink, SinkError
from broker.errors import StoreError
from broker.event import OpenedEvent
from broker.observing.logs import logger
from broker.receiving.inbox_payload import parse_payload
from broker.store.database import Store
from broker.store.rows import InboxRow
from broker.waiting import out_of_descriptors, retry_delay_s, set_within

ROUND_EVENTS: Final = 200
RETRY_MOST_S: Final = 30.0
IDLE_S: Final = 0.5
ONE_EVENT_ONLY: Final = frozenset({"sink_conflict", "sink_key_invalid"})
"""Sink codes that concern one event, which is then held. After any other code all events wait."""


class _HeldError(Exception):
    """An event that cannot be delivered in its present form."""

    def __init__(
        self, code: str, field: str | None, detail: str, *, holds_case: bool = True
    ) -> None:
        super().__init__(code)
        self.code, self.field, self.detail, self.holds_case = code, field, detail, holds_case


class Delivery:
    """Delivers events from the inbox, urgent events first.

    Args:
        system: renders an event.
        store: the agency's state.
        sink: the agency's system.
        clock: () -> ms since the epoch.
    """

    def __init__(
        self,
        system: AgencySystem,
        store: Store,
        sink: Sink,
        clock: Callable[[], int],
    ) -> None:
        self._adapter = system.adapter
        self._agency = system.agency
        self._partners = system.partners
        self._store = store
        self._sink = sink
        self._clock = clock
        self._log = logger("delivery")

    async def run(
        self,
        wait: Callable[[float], Awaitable[None]],
        stop: asyncio.Event,
        turned: Callable[[], None] = lambda: None,
    ) -> None:
        """Deliver until ``stop`` is set.

        Args:
            wait: (seconds) -> returns early when there is something new.
            stop: ends the loop.
            turned: called before each round, so that a hanging round is noticed.
        """
        failures = 0
        released = False
        while not stop.is_set():
            turned()
            try:
                if not released:
                    await asyncio.to_thread(self.release)
                    released = True
                taken = await asyncio.to_thread(self.round)
                failures = 0
            except (SinkError, StoreError) as error:
                failures += 1
                delay = retry_delay_s(failures, first=1.0, most=RETRY_MOST_S)
                self._log.warning("delivery_waits", code=error.code, delay_ms=int(delay * 1000))
                await set_within(stop, delay)
                continue
            if not taken:
                await wait(IDLE_S)

    def release(self) -> int:
        """Offer the held events again that block their case. Returns the number of events."""
        with self._store.transaction() as tx:
            return tx.inbox.release_cases()

    def round(self) -> int:
        """Deliver or hold at most ``ROUND_EVENTS`` waiting events. Returns how many were handled.

        Raises:
            SinkError, StoreError: the rest stays in the inbox.
        """
        with self._store.reading() as tx:
            rows = tx.inbox.undelivered(ROUND_EVENTS)
        delivered = refused = 0
        held: dict[bytes, bool] = {}
        for row in rows:
            if row.case_key in held and (held[row.case_key] or not row.urgent):
                continue  # waits behind an event of its case that was held during this round
            try:
                self._deliver(row)
                delivered += 1
            except _HeldError as reason:
                self._hold(row, reason)
                refused += 1
                if reason.holds_case:
                    held[row.case_key] = held.get(row.case_key, False) or row.urgent
        if delivered:
            self._log.info("events_delivered", events=delivered)
        return delivered + refused

    def _deliver(self, row: InboxRow) -> None:
        event = self._event(row)
        content = self._render(event)
        try:
            reference = self._sink.deliver(event.id, self._adapter.suffixes[0], content)
        except SinkError as error:
            if error.code not in ONE_EVENT_ONLY:
                raise
            # The first delivery is kept. The other content may be the same event as an older
            # database rendered it, or another agency's event with the same id; a person decides.
            # The agency's system has an event with this id, so later events of the case do not
            # wait.
            raise _HeldError(
                error.code, None, error.detail, holds_case=error.code != "sink_conflict"
            ) from None
        with self._store.transaction() as tx:
            tx.inbox.mark_delivered(row.seq, self._clock(), reference)

    @staticmethod
    def _event(row: InboxRow) -> OpenedEvent:
        try:
            return parse_payload(row.payload or b"")
        except StoreError as error:  # only this row: the others are delivered
            raise _HeldError(error.code, None, error.detail) from None

    def _render(self, event: OpenedEvent) -> bytes:
        try:
            with self._store.transaction() as tx:
                context = Context(self._agency, self._partners, StoreLinks(tx))
                return self._adapter.from_event(event, context)
        except MappingError as error:
            raise _HeldError(error.code, error.where, error.detail) from None
        except StoreError:
            raise
        except Exception as error:
            if out_of_descriptors(error):  # the event is not the cause
                raise
            # Log only the type: the message of a foreign exception may hold personal values.
            detail = f"The adapter failed on this event ({type(error).__name__})."
            raise _HeldError("adapter_failed", None, detail) from None

    def _hold(self, row: InboxRow, reason: _HeldError) -> None:
        self._log.error("event_held", code=reason.code, agency=row.source, event_id=row.event_id)
        with self._store.transaction() as tx:
            tx.inbox.hold(
                row.seq,
                reason.code,
                reason.field,
                reason.detail,
                self._clock(),
                holds_case=reason.holds_case,
            )
