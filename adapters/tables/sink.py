"""The sink `database`: received events as rows of an inbox table in the agency's own database.

The event is inserted once under its sender and id. The application writes its result into the row,
and the adapter records it as `POST /events/{id}/result` does. The content here is removed after
`imported`. The agency keeps and erases the rows of its own database by its own rules.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

import orjson

from adapters.base import Context, MappingError
from adapters.exchange.caller import side_caller
from adapters.exchange.errors import ExchangeError
from adapters.exchange.from_parts import reading_of
from adapters.exchange.offering import EventSelection, EventsRemovedError, Hold, Offering, Read
from adapters.exchange.results import parse_import_result
from adapters.links import StoreLinks
from adapters.sides import SideParts
from adapters.tables.connecting import Database
from adapters.tables.errors import RowFaultError
from adapters.tables.inbox import FoundResult, InboxRows, TableInboxRow
from adapters.tables.mapped_rows import require_mapping
from broker.agency.config import DATABASE
from broker.observing.health import Check
from broker.observing.logs import logger
from broker.waiting import out_of_descriptors, retry_delay_s, set_within
from contracts.errors import ConcordantError

if TYPE_CHECKING:
    from adapters.http_api.endpoints import Endpoint

PAGE_EVENTS: Final = 50
ROUND_RESULTS: Final = 200
RETRY_MOST_S: Final = 30.0
CURSOR: Final = "database_offer"
"""Name of the state entry for the last offer that is in the inbox table."""
MOST_FAILING: Final = 1_000
"""Results that cannot be recorded and that a round passes over, at most."""
RESULT_REFUSED: Final = "database_result_refused"
MALFORMED: Final = "result_malformed"
CALLER: Final = side_caller(DATABASE)
ALL: Final = EventSelection(CALLER)


class Render(Protocol):
    """Turns an event into the columns of a row."""

    def __call__(self, read: Read, now: int) -> dict[str, object]:
        """Return column -> value.

        Raises:
            MappingError: the agency's columns cannot hold the event.
        """


class DatabaseSink:
    """Inserts received events, and records results; see ``SinkLoop``.

    Args:
        database: the agency's own database.
        rows: its inbox.
        render: turns an event into columns.
        offering: the received events.
        parts: those of all sinks.
    """

    endpoints: tuple[Endpoint, ...] = ()

    def __init__(
        self,
        database: Database,
        rows: InboxRows,
        render: Render,
        offering: Offering,
        parts: SideParts,
    ) -> None:
        section = parts.participant.config.database
        assert section is not None
        self._poll_s = section.poll
        self._database = database
        self._rows = rows
        self._render = render
        self._offering = offering
        self._store = parts.store
        self._metrics = parts.metrics
        self._clock = parts.clock
        self._log = logger("delivery")
        self._page: list[Read] = []
        self._fault: str | None = None
        self._failing = 0
        self.trouble: Check | None = self._trouble

    def _trouble(self) -> str | None:
        return self._fault or (RowFaultError.code if self._failing else None)

    async def run(
        self,
        wait: Callable[[float], Awaitable[None]],
        stop: asyncio.Event,
        turned: Callable[[], None],
    ) -> None:
        """Insert events and record results until ``stop`` is set."""
        failures = 0
        try:
            while not stop.is_set():
                turned()
                try:
                    done = await asyncio.to_thread(self.round)
                    refused = await asyncio.to_thread(self.refused_results)
                except ConcordantError as error:
                    failures += 1
                    self._fault = error.code
                    self._metrics.database("sink", (error.code,))
                    delay = retry_delay_s(failures, first=1.0, most=RETRY_MOST_S)
                    self._log.warning("delivery_waits", code=error.code, delay_ms=int(delay * 1000))
                    await set_within(stop, delay)
                    continue
                failures, self._fault = 0, None
                shown = [RESULT_REFUSED] if refused else []
                shown += [RowFaultError.code] if self._failing else []
                self._metrics.database("sink", shown)
                if not done:
                    await wait(self._poll_s)
        finally:
            await asyncio.to_thread(self._database.close)

    def round(self) -> int:
        """Record results, then insert new events. Return how many were handled.

        Raises:
            DatabaseError, StoreError: the others wait.
        """
        recorded = self.record_results()  # first: it shows whether the database can be reached
        offered = self._offering.round()
        return recorded + offered + self.insert_page()

    # --- events ----------------------------------------------------------------------------------

    def insert_page(self) -> int:
        """Insert the next events that were offered. Return their number."""
        self._page = self._offering.still_offered(self._page) or self._next_page()
        if not self._page:
            return 0
        rendered: list[tuple[Read, TableInboxRow]] = []
        now = self._clock()
        offered = {read.number for read in self._page}
        for read in self._page:
            if read.number not in offered:  # an earlier event of its case was held in this round
                continue
            try:
                values = self._render(read, now)
            except MappingError as error:
                self._offering.hold(CALLER, read, Hold(error.code, error.where, error.detail))
                offered = {one.number for one in self._offering.still_offered(self._page)}
            else:
                row = TableInboxRow(read.event.source, read.event.id, read.number, values)
                rendered.append((read, row))
        inserted = self._insert([one for one in rendered if one[0].number in offered])
        self._advance(self._page[-1].number)
        count, self._page = len(self._page), []
        self._log.info("events_inserted", events=inserted)
        return count

    def _insert(self, rows: list[tuple[Read, TableInboxRow]]) -> int:
        """Insert rows; hold the event of one that the database refuses. Return how many."""
        try:
            with self._database.transaction(of_row=True) as connection:
                for _, row in rows:
                    self._rows.put(connection, row)
        except RowFaultError:
            return sum(self._insert_one(read, row) for read, row in rows)
        return len(rows)

    def _insert_one(self, read: Read, row: TableInboxRow) -> bool:
        if not self._offering.still_offered([read]):  # an earlier event of its case is held now
            return False
        try:
            with self._database.transaction(of_row=True) as connection:
                self._rows.put(connection, row)
        except RowFaultError as error:
            self._offering.hold(CALLER, read, Hold(error.code, None, error.detail))
            return False
        return True

    def _next_page(self) -> list[Read]:
        """Return the next events; the disclosure log records them once for a process.

        They are kept until they are inserted: a database that is away for long must not fill the
        log.
        """
        with self._store.reading() as tx:
            value = tx.meta.get(CURSOR)
        after = int(value) if value else 0
        try:
            return self._offering.page(ALL, after, PAGE_EVENTS).events
        except EventsRemovedError as removed:  # erased here before they were inserted
            self._log.warning("events_removed", code="events_removed", events=removed.count)
            self._advance(removed.last)
            return []

    def _advance(self, number: int) -> None:
        with self._store.transaction() as tx:
            tx.meta.set(CURSOR, str(number).encode())

    # --- results ---------------------------------------------------------------------------------

    def record_results(self) -> int:
        """Record the results that the application has written. Return their number."""
        with self._database.transaction() as connection:
            found = self._rows.results(connection, ROUND_RESULTS + self._failing)
        failing = 0
        for one in found:
            code = self._record(one)
            try:
                with self._database.transaction(of_row=True) as connection:
                    self._rows.record(connection, one, code, self._clock())
            except RowFaultError as error:  # the result is taken here; the others go on
                failing += 1
                if failing > MOST_FAILING:
                    raise
                self._log.warning("result_not_recorded", code=error.code)
        self._failing = failing
        return len(found) - failing

    def _record(self, found: FoundResult) -> str | None:
        """Record a result here. Return the code with which it is refused."""
        try:
            document: dict[str, Any] = {"outcome": found.result.decode()}
            if found.result != b"imported":
                reason = None if found.reason is None else found.reason.decode()
                document |= {"reason": reason, "text": (found.text or b"").decode()}
            source, id_ = found.source.decode(), found.id.decode()
        except UnicodeDecodeError:
            self._log.warning("result_refused", code=MALFORMED)
            return MALFORMED
        try:
            rejection = parse_import_result(orjson.dumps(document))
            self._offering.result(CALLER, id_, source, rejection)
        except ExchangeError as error:
            self._log.warning("result_refused", code=error.code)
            return error.code
        return None

    def refused_results(self) -> int:
        """Return how many results wait for a correction.

        Raises:
            DatabaseError: the database cannot be read.
        """
        with self._database.transaction() as connection:
            return self._rows.refused(connection)


def database_sink(parts: SideParts) -> DatabaseSink:
    """Return the sink that `agency.toml` calls ``database``."""
    participant = parts.participant
    section = participant.config.database
    assert section is not None
    database = Database(section, participant.root)
    own: tuple[str, ...] = ()
    if section.inbox.form == "mapped":
        own = tuple(require_mapping(parts.system.adapter).mapping.written_columns)
        render: Render = partial(_own_columns, parts)
    else:
        render = partial(_event_columns, database.postgres)
    rows = InboxRows(database, section.inbox, own)
    reading = reading_of(parts)
    return DatabaseSink(database, rows, render, Offering(parts.store, reading, parts.clock), parts)


def _event_columns(postgres: bool, read: Read, now: int) -> dict[str, object]:
    """Return the typed columns, and the event as JSON."""
    event = read.event
    return {
        "type": event.type,
        "case_id": event.case_id,
        "urgent": event.urgent if postgres else int(event.urgent),
        "received_at": InboxRows.moment_of(now, postgres=postgres),
        "payload": orjson.dumps(read.as_json()).decode(),
    }


def _own_columns(parts: SideParts, read: Read, _now: int) -> dict[str, object]:
    """Return the agency's own columns, as its mapping writes them."""
    adapter = require_mapping(parts.system.adapter)
    try:
        with parts.store.transaction() as tx:
            context = Context(parts.system.agency, parts.system.partners, StoreLinks(tx))
            row = adapter.mapping.to_row(read.event, context)
    except (MappingError, ConcordantError):
        raise
    except Exception as error:
        if out_of_descriptors(error):
            raise
        # Only the type: the message comes from adapter code and may hold personal data.
        detail = f"The adapter failed on this event ({type(error).__name__})."
        raise MappingError(detail, code="mapping_failed") from None
    return {name: None if value == "" else value for name, value in row.items()}
