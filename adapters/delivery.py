"""Delivery of received events from the inbox to the agency's own system.

The sink is the agency's side, for example the folder ``inbox/``. Each event is written to it at
least once, with the event id as its key. If the sink gets the same bytes again, it does nothing. So
each event takes effect once.

If the mapping cannot render an event, or the sink refuses it permanently, the event is *held*: it
stays in the state database with the reason, and its content is not written elsewhere. Events of
other cases are delivered. Later events of the same case wait for it, with two exceptions:

- After ``sink_conflict`` later events are delivered, because the agency's system already has an
  event with this id.
- An urgent event is delivered before a held event that is not urgent.

``status``, ``doctor``, the metric ``concordant_held`` and ``quarantine list`` show held events.
``quarantine retry`` tries them again. When the adapter starts, it tries again each held event that
blocks a case, because the mapping may have been corrected since.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from adapters.base import AgencySystem, Context, MappingError
from adapters.links import StoreLinks
from adapters.rounds import Rounds, run_rounds
from adapters.sinks.sink import Sink, SinkError
from broker.errors import StoreError
from broker.event import OpenedEvent
from broker.observing.health import Check
from broker.observing.logs import logger
from broker.receiving.inbox_payload import parse_payload
from broker.store.database import Store
from broker.store.rows import InboxRow
from broker.waiting import out_of_descriptors

if TYPE_CHECKING:
    from adapters.http_api.endpoints import Endpoint

ROUND_EVENTS: Final = 200
"""Maximum number of events in one round."""
ONE_EVENT_ONLY: Final = frozenset({"sink_conflict", "sink_key_invalid"})
"""Codes of the sink that concern one event only. That event is held.

After any other code, for example that of a full disk, delivery stops and is tried again.
"""


class _HeldError(Exception):
    """The event cannot be delivered and must be held."""

    def __init__(
        self, code: str, field: str | None, detail: str, *, holds_case: bool = True
    ) -> None:
        super().__init__(code)
        self.code, self.field, self.detail, self.holds_case = code, field, detail, holds_case


class InboxDelivery:
    """Delivers events from the inbox, urgent events first.

    Args:
        system: turns an event into the agency's format.
        store: the agency's state.
        sink: destination of the files.
        clock: () -> ms since the epoch.
    """

    endpoints: tuple[Endpoint, ...] = ()
    trouble: Check | None = None

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
            wait: waits for the given seconds, or until a new event is stored.
            stop: ends the loop.
            turned: called before each round. An alert fires if it is not called for long.
        """
        rounds = Rounds(self.round, self.release, math.inf, (SinkError, StoreError))
        await run_rounds(rounds, wait, stop, turned)

    def release(self) -> int:
        """Mark for another attempt each held event that blocks its case. Return their number."""
        with self._store.transaction() as tx:
            return tx.inbox.release_cases()

    def round(self) -> int:
        """Deliver or hold at most ``ROUND_EVENTS`` waiting events. Return their number.

        Raises:
            SinkError, StoreError: delivery stopped. The remaining events stay in the inbox.
        """
        with self._store.reading() as tx:
            rows = tx.inbox.undelivered(ROUND_EVENTS)
        delivered = refused = 0
        held: dict[bytes, bool] = {}
        for row in rows:
            if row.case_key in held and (held[row.case_key] or not row.urgent):
                continue  # an earlier event of its case was held in this round
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
            # The file in the folder stays. It may be the same event, written before the database
            # was restored, or an event of another agency with the same id. A person decides.
            raise _HeldError(
                error.code, None, error.detail, holds_case=error.code != "sink_conflict"
            ) from None
        with self._store.transaction() as tx:
            tx.inbox.mark_delivered(row.seq, self._clock(), reference)

    @staticmethod
    def _event(row: InboxRow) -> OpenedEvent:
        try:
            return parse_payload(row.payload or b"")
        except StoreError as error:  # hold only this event and deliver the others
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
            if out_of_descriptors(error):  # no file descriptor is free: a fault of the machine
                raise
            # Store only the type: the message comes from adapter code and may hold personal data.
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
