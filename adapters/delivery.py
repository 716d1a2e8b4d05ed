"""Delivery: from the inbox to the agency's own system, in its own format and terms.

At least once to the sink, under the event's id as a stable key; the sink treats a second delivery
of the same bytes as done, so what arrives is there once. An event that has no form in the agency's
terms, or whose key the sink has with other content, is put beside, with its reason, for a person:
it is never lost and never guessed, and nothing waits behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import orjson

from adapters.base import AgencyAdapter, Context, MappingError
from adapters.links import StoreLinks
from adapters.sinks.folder import FolderSink
from adapters.sinks.interfaces import Sink, SinkError
from broker.envelope.primitives import sha256
from broker.errors import StoreError
from broker.event import OpenedEvent
from broker.observing.logs import logger
from broker.receiving.inbox_payload import parse_payload
from broker.store.interfaces import Store
from broker.store.rows import InboxRow
from broker.waiting import set_within

ROUND_EVENTS: Final = 200
RETRY_MOST_S: Final = 30.0
IDLE_S: Final = 0.5


class Delivery:
    """Hands over what is in the inbox, urgent events first.

    Args:
        adapter: renders an event.
        agency: this agency's id.
        partners: own codes -> agency ids.
        store: the agency's state.
        sink: the agency's system.
        aside: folder for events that the adapter cannot render.
        clock: () -> ms since the epoch.
    """

    def __init__(
        self,
        adapter: AgencyAdapter,
        agency: str,
        partners: dict[str, str],
        store: Store,
        sink: Sink,
        aside: Path,
        clock: Callable[[], int],
    ) -> None:
        self._adapter = adapter
        self._agency = agency
        self._partners = partners
        self._store = store
        self._sink = sink
        self._aside = FolderSink(aside)
        self._clock = clock
        self._log = logger("delivery")

    async def run(self, wait: Callable[[float], Awaitable[None]], stop: asyncio.Event) -> None:
        """Deliver until ``stop`` is set; ``wait(seconds)`` returns early when something is new."""
        failures = 0
        while not stop.is_set():
            try:
                delivered = await asyncio.to_thread(self.round)
                failures = 0
            except (SinkError, StoreError) as error:
                failures += 1
                delay = min(0.5 * 2**failures, RETRY_MOST_S)
                self._log.warning("delivery_waits", code=error.code, delay_ms=int(delay * 1000))
                await set_within(stop, delay)
                continue
            if not delivered:
                await wait(IDLE_S)

    def round(self) -> int:
        """Deliver what waits, at most ``ROUND_EVENTS``. Returns how many.

        Raises:
            SinkError, StoreError: the rest stays in the inbox.
        """
        with self._store.reading() as tx:
            rows = tx.inbox.undelivered(ROUND_EVENTS)
        for row in rows:
            self._deliver(row)
        if rows:
            self._log.info("events_delivered", events=len(rows))
        return len(rows)

    def _deliver(self, row: InboxRow) -> None:
        assert row.payload is not None
        event = parse_payload(row.payload)
        try:
            with self._store.transaction() as tx:
                context = Context(self._agency, self._partners, StoreLinks(tx))
                content = self._adapter.from_event(event, context)
        except MappingError as error:
            reference = self._put_aside(event, error)
        else:
            reference = self._hand_over(event, content)
        with self._store.transaction() as tx:
            tx.inbox.mark_delivered(row.seq, self._clock(), reference)

    def _hand_over(self, event: OpenedEvent, content: bytes) -> str:
        try:
            return self._sink.deliver(event.id, self._adapter.suffixes[0], content)
        except SinkError as error:
            if error.code != "sink_conflict":
                raise
            # The first one is kept. It may be the same event as an older database rendered it, or
            # another agency's event under the same id: a person sees, and the others do not wait.
            return self._put_aside(event, error)

    def _put_aside(self, event: OpenedEvent, error: MappingError | SinkError) -> str:
        content = orjson.dumps(
            {
                "code": error.code,
                "detail": error.detail,
                "field": error.where if isinstance(error, MappingError) else None,
                "event": {
                    "id": event.id,
                    "type": event.type,
                    "source": event.source,
                    "time": event.time,
                    "data": event.data,
                },
            },
            option=orjson.OPT_INDENT_2,
        )
        self._log.error("event_put_aside", code=error.code, event_id=event.id)
        try:
            return self._aside.deliver(event.id, ".undeliverable.json", content)
        except SinkError as conflict:
            if conflict.code != "sink_conflict":
                raise
            key = f"{event.id}-{sha256(content).hex()[:16]}"
            return self._aside.deliver(key, ".undeliverable.json", content)
