"""The sink `bus`: received events as CloudEvents on the agency's own bus.

Events are published one after the other, each confirmed by the bus before the next. The place is
stored after each, so that a restart goes on there: an event may come twice, with the same id, and
none is left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from adapters.bus.clients import OutgoingMessage
from adapters.bus.cloud_events import agency_source, derived_id, format_cloud_event
from adapters.bus.link import BusLink, BusSession
from adapters.bus.reader import CALLER
from adapters.bus.results import BusResults
from adapters.exchange.errors import ExchangeError
from adapters.exchange.offering import EventSelection, EventsRemovedError, Offering, Read
from broker.errors import StoreError
from broker.observing.health import Check
from broker.observing.logs import logger
from broker.store.database import Store
from broker.waiting import retry_delay_s

if TYPE_CHECKING:
    from adapters.http_api.endpoints import Endpoint

PUBLISHED: Final = "bus_published"
"""Name of the state entry for the number of the last offer that the bus has confirmed."""
ALL: Final = EventSelection(CALLER)
PAGE: Final = 50
LOOK_S: Final = 2.0
RETRY_MOST_S: Final = 30.0


class BusSink:
    """Publishes received events on the bus, and takes their results; see ``SinkLoop``.

    Args:
        offering: the received events.
        link: connection for publishing.
        results: takes results; None if a confirmed publication is the delivery.
        store: keeps the place.
        name: subject of received events.
    """

    endpoints: tuple[Endpoint, ...] = ()

    def __init__(
        self,
        offering: Offering,
        link: BusLink,
        results: BusResults | None,
        store: Store,
        name: str,
    ) -> None:
        self._offering = offering
        self._link = link
        self._results = results
        self._store = store
        self._name = name
        self._log = logger("bus")
        self._waits: str | None = None
        self.trouble: Check | None = self._trouble

    def _trouble(self) -> str | None:
        if self._waits is not None:
            return self._waits
        reason = self._link.trouble()
        return reason if reason or self._results is None else self._results.trouble()

    async def run(
        self,
        wait: Callable[[float], Awaitable[None]],
        stop: asyncio.Event,
        turned: Callable[[], None],
    ) -> None:
        """Offer, publish and take results until ``stop`` is set."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._offering.run(wait, stop, turned))
            group.create_task(self._link.run(self._publish, stop, turned))
            if self._results is not None:
                group.create_task(self._results.run(stop, turned))

    async def _publish(self, session: BusSession) -> None:
        failures = 0
        while True:
            rung = self._offering.bell.next_ring()
            try:
                published = await self._publish_page(session)
                failures, self._waits = 0, None
            except StoreError as error:
                failures += 1
                self._waits = error.code
                delay = retry_delay_s(failures, most=RETRY_MOST_S)
                self._log.warning("bus_waits", code=error.code, delay_ms=int(delay * 1000))
                await session.pause(delay)
                continue
            if not published:
                await session.until(rung, LOOK_S)
                await session.check()

    async def _publish_page(self, session: BusSession) -> bool:
        """Publish the next events. Return whether there may be more."""
        after = await asyncio.to_thread(self._place)
        try:
            page = await asyncio.to_thread(self._offering.page, ALL, after, PAGE)
        except EventsRemovedError as removed:
            await asyncio.to_thread(self._keep_place, removed.last)
            return True
        for read in page.events:
            # A result that came meanwhile may hold an earlier event of its case.
            if await asyncio.to_thread(self._offering.still_offered, [read]):
                await session.publish(self._name, _message(read))
                await asyncio.to_thread(self._confirmed, read)
            else:
                await asyncio.to_thread(self._keep_place, read.number)
        return bool(page.events) or not page.complete

    def _place(self) -> int:
        with self._store.reading() as tx:
            stored = tx.meta.get(PUBLISHED)
        return self._offering.start() if stored is None else int(stored)

    def _confirmed(self, read: Read) -> None:
        """Store the place; without results, the event is delivered."""
        if self._results is None:
            event = read.event
            try:
                self._offering.result(CALLER, event.id, event.source, None)
            except ExchangeError as error:  # it was erased or discarded meanwhile
                self._log.warning("bus_result_refused", code=error.code)
        self._keep_place(read.number)

    def _keep_place(self, number: int) -> None:
        with self._store.transaction() as tx:
            tx.meta.set(PUBLISHED, str(number).encode())


def _message(read: Read) -> OutgoingMessage:
    """Return the message of an event. Each offer has an id of its own for the bus alone.

    After `quarantine retry` an event is published again: NATS must not drop it as a repeat.
    """
    event = read.event
    source = agency_source(event.source)
    body = format_cloud_event(event.id, source, event.type, read.as_json(), event.time)
    return OutgoingMessage(derived_id(source, event.id, str(read.number)), body, event.case_id)
