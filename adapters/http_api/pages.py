"""Pages of `GET /events`: JSON of received events with the cursor after each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import orjson

from adapters.exchange.offering import EventSelection, EventsRemovedError, Offering, Page, Read
from adapters.http_api.cursors import Cursors
from adapters.http_api.problems import ApiError

MOST_EVENTS: Final = 100


class PageReader:
    """Reads pages for requests.

    Args:
        offering: the received events.
        cursors: their cursors.
    """

    def __init__(self, offering: Offering, cursors: Cursors) -> None:
        self._offering = offering
        self._cursors = cursors

    def place(self, cursor: str | None) -> int:
        """Return the number of a cursor; without one, the place before the first open event.

        Raises:
            ApiError: `cursor_invalid` (400) or `cursor_unknown` (410).
        """
        if not cursor:
            return self._offering.start()
        return self._cursors.parse(cursor, self._offering.last())

    def since(self, time_ms: int) -> int:
        """Return the number after which the first event offered since a time comes."""
        return self._offering.since(time_ms)

    async def next(
        self,
        selection: EventSelection,
        after: int,
        limit: int,
        wait_s: float,
        check: Callable[[], object],
        stop: asyncio.Event,
    ) -> Page:
        """Return the next events; wait at most so long for the first, and not after ``stop``.

        ``check`` is called after each wait, before events are read and recorded as consulted.

        Raises:
            ApiError: `events_removed` (410), or what ``check`` raises once the token is not valid
                any more.
        """
        loop = asyncio.get_running_loop()
        ends = loop.time() + wait_s
        while True:
            rung = self._offering.bell.next_ring()
            check()
            try:
                page = await asyncio.to_thread(self._offering.page, selection, after, limit)
            except EventsRemovedError as removed:
                raise self._removed(removed) from None
            left = ends - loop.time()
            if page.events or left <= 0 or stop.is_set():
                return page
            after = page.last
            if not page.complete:
                continue
            await self._offering.bell.within(rung, left)

    async def within(
        self,
        selection: EventSelection,
        after: int,
        limit: int,
        wait_s: float,
        check: Callable[[], object],
        stop: asyncio.Event,
    ) -> bytes:
        """Return a page as JSON: the events, and the cursor after which the next page begins.

        Raises:
            ApiError: as ``next``.
        """
        page = await self.next(selection, after, limit, wait_s, check, stop)
        events = [self.as_json(one) for one in page.events]
        return orjson.dumps({"events": events, "next": self._cursors.format(page.last)})

    def as_json(self, read: Read) -> dict[str, object]:
        """Return an event as `concordant subscribe` prints it, with cursor, urgency and reasons."""
        return {
            **read.as_json(),
            "cursor": self._cursors.format(read.number),
        }

    def _removed(self, removed: EventsRemovedError) -> ApiError:
        return ApiError(
            410,
            f"The content of the next {removed.count} events was removed: another reader sent "
            "their results, or they were erased.",
            code="events_removed",
            where="after",
            members={"removed": removed.count, "next": self._cursors.format(removed.last)},
        )
