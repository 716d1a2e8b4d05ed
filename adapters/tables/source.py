"""The source `database`: rows of an outbox table in the agency's own database.

The adapter's state and the agency's database commit one after the other: first the accepted event
here, then the answer there. After a crash between the two the row still waits. It is taken again
under the same key, so the event is accepted once and the answer is the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from adapters.exchange.caller import side_caller
from adapters.sides import SideParts
from adapters.tables.connecting import Database
from adapters.tables.errors import RowFaultError
from adapters.tables.event_rows import EventRows
from adapters.tables.mapped_rows import MappedRows
from adapters.tables.outbox import OutboxRows, RowAnswer, RowContent, UnansweredRow
from broker.agency.config import DATABASE
from broker.observing.health import Check
from broker.observing.logs import logger
from broker.observing.metrics import Metrics
from broker.store.database import Store
from broker.waiting import any_within, retry_delay_s
from contracts.errors import ConcordantError, EventError

if TYPE_CHECKING:
    from typing import Protocol

    from sqlalchemy import Connection

    from adapters.http_api.endpoints import Endpoint

    class RowTaker(Protocol):
        """Turns the content of a row into an accepted event."""

        def columns(self, connection: Connection) -> tuple[str, ...]:
            """Return the columns that it needs."""

        def take(self, row: UnansweredRow, content: RowContent) -> RowAnswer:
            """Accept the event of a row.

            Raises:
                EventError: the row is refused; the refusal is in the log.
            """

        def refuse(self, row: UnansweredRow, refusal: EventError) -> None:
            """Write the refusal of a row whose content was not read into the log."""


ROUND_ROWS: Final = 100
LOOK_S: Final = 60.0
"""Seconds between two looks for rows whose key cannot be used."""
FAILING_S: Final = 60.0
"""Seconds until rows that the database refuses are tried again."""
MOST_FAILING: Final = 1_000
"""Rows that the database refuses and that a round passes over, at most."""
RETRY_MOST_S: Final = 30.0
UNUSABLE: Final = "database_row_unusable"
CALLER: Final = side_caller(DATABASE)


class TableParts(NamedTuple):
    """Parts of the source.

    Attributes:
        database: the agency's own database.
        rows: its outbox.
        taker: accepts the events of rows.
    """

    database: Database
    rows: OutboxRows
    taker: RowTaker


class DatabaseSource:
    """Takes rows of the outbox; see ``SourceLoop``.

    Args:
        tables: database, outbox and form of the rows.
        store: the agency's state.
        parts: those of all sources.
        poll_s: pause after a round without rows.
        row_bytes: most bytes of a row.
    """

    endpoints: tuple[Endpoint, ...] = ()

    def __init__(self, tables: TableParts, parts: SideParts, poll_s: float, row_bytes: int) -> None:
        self._tables = tables
        self._store: Store = parts.store
        self._metrics: Metrics = parts.metrics
        self._published = parts.published
        self._clock = parts.clock
        self._poll_s = poll_s
        self._row_bytes = row_bytes
        self._log = logger("source")
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._fault: str | None = None
        self._unusable = 0
        self._looked: float | None = None
        self._failing: frozenset[str] = frozenset()
        self._failing_until = 0.0
        self.trouble: Check | None = self._trouble

    def _trouble(self) -> str | None:
        return next(iter(self._faults()), None)

    def _faults(self) -> list[str]:
        """Return the codes of what is wrong now, the worst first."""
        failing = RowFaultError.code if self._failing else None
        unusable = UNUSABLE if self._unusable else None
        return [one for one in (self._fault, failing, unusable) if one is not None]

    def retry_now(self) -> None:
        """Look at the outbox now, also at rows that the database has refused."""
        self._failing_until = 0.0
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake.set)

    async def run(self, stop: asyncio.Event, turned: Callable[[], None]) -> None:
        """Take rows until ``stop`` is set."""
        self._loop = asyncio.get_running_loop()
        failures = 0
        try:
            while not stop.is_set():
                turned()
                self._wake.clear()
                try:
                    taken = await asyncio.to_thread(self.round)
                    await self._look()
                except ConcordantError as error:
                    failures += 1
                    self._show(error.code)
                    delay = retry_delay_s(failures, first=1.0, most=RETRY_MOST_S)
                    self._log.warning("source_waits", code=error.code, delay_ms=int(delay * 1000))
                    await any_within(delay, stop, self._wake)
                    continue
                failures = 0
                self._show(None)
                if not taken:
                    await any_within(self._poll_s, stop, self._wake)
        finally:
            await asyncio.to_thread(self._tables.database.close)

    async def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._looked is None or now - self._looked > LOOK_S:
            self._unusable = await asyncio.to_thread(self.look)
            self._looked = now

    def look(self) -> int:
        """Return how many waiting rows have a key that cannot be used.

        Raises:
            DatabaseError: the database cannot be read.
        """
        with self._tables.database.transaction() as connection:
            return self._tables.rows.unusable(connection)

    def _show(self, fault: str | None) -> None:
        self._fault = fault
        self._metrics.database("source", self._faults())

    def round(self) -> int:
        """Take at most ``ROUND_ROWS`` rows. Return how many got an answer.

        A row that the database refuses to read or to answer is passed over, and tried again after
        ``FAILING_S``.

        Raises:
            DatabaseError, StoreError, RegistryError: the other rows wait.
        """
        known, now_s = self._failing, time.monotonic()
        passed_over = known
        if now_s >= self._failing_until:
            passed_over, self._failing_until = frozenset(), now_s + FAILING_S
        failing = set(passed_over)
        self._take_back(failing)
        with self._store.reading() as tx:
            held = tx.refused_rows.items()
        with self._tables.database.transaction() as connection:
            waiting = self._tables.rows.waiting(connection, ROUND_ROWS + len(known))
            columns = self._tables.taker.columns(connection) if waiting else ()
        answered = 0
        for row in waiting:
            if row.item in passed_over:
                continue
            try:
                answered += self._take(row, columns, held)
            except RowFaultError as error:
                failing.add(row.item)
                if len(failing) > MOST_FAILING:
                    raise
                self._log.warning("row_not_answered", code=error.code)
        self._failing = frozenset(failing)
        if answered:
            self._log.info("rows_taken", records=answered)
        return answered

    def _take(self, row: UnansweredRow, columns: tuple[str, ...], held: frozenset[str]) -> bool:
        """Take one row. Return whether it got an answer.

        Raises:
            RowFaultError: the database refuses to read or to answer it.
        """
        database, rows = self._tables.database, self._tables.rows
        with database.transaction(of_row=True) as connection:
            content = rows.content(connection, row, columns)
        if content is None:  # another worker took it, or the application removed it
            return False
        answer = self._answer(row, content, held)
        with database.transaction(of_row=True) as connection:
            return rows.answer(connection, row, answer, self._clock())

    def _answer(self, row: UnansweredRow, content: RowContent, held: frozenset[str]) -> RowAnswer:
        """Accept or refuse a row here; when this returns, that is durable."""
        try:
            if content.size > self._row_bytes:
                refusal = EventError(
                    f"The row has {content.size:,} bytes; at most {self._row_bytes:,} are taken.",
                    code="database_row_too_large",
                )
                self._tables.taker.refuse(row, refusal)
                raise refusal
            answer = self._tables.taker.take(row, content)
        except EventError as refusal:
            with self._store.transaction() as tx:
                tx.refused_rows.hold(
                    row.item, refusal.code, refusal.where, refusal.detail, self._clock()
                )
            return RowAnswer(
                "refused", code=refusal.code, field=refusal.where, detail=refusal.detail
            )
        self._published()
        if row.item in held:
            with self._store.transaction() as tx:
                tx.refused_rows.end(row.item)
        return answer

    def _take_back(self, failing: set[str]) -> None:
        """Let the rows wait again that a person asked to try again; add those that fail."""
        with self._store.reading() as tx:
            asked = tx.refused_rows.asked()
        for item in asked:
            try:
                with self._tables.database.transaction(of_row=True) as connection:
                    there = self._tables.rows.take_back(connection, item)
            except RowFaultError as error:  # it stays asked for
                failing.add(item)
                self._log.warning("row_not_answered", code=error.code)
                continue
            with self._store.transaction() as tx:
                if there:
                    tx.refused_rows.answer_taken_back(item)
                else:  # the application has corrected or removed it
                    tx.refused_rows.end(item)


def database_source(parts: SideParts) -> DatabaseSource:
    """Return the source that `agency.toml` calls ``database``."""
    participant = parts.participant
    section = participant.config.database
    assert section is not None
    database = Database(section, participant.root)
    rows = OutboxRows(database, section.outbox, section.row_bytes)
    taker: RowTaker
    if section.outbox.form == "mapped":
        taker = MappedRows(section.outbox, parts)
    else:
        taker = EventRows(section.outbox, parts)
    database.lock_for(f"concordant outbox {section.outbox.schema_} {section.outbox.table}")
    return DatabaseSource(TableParts(database, rows, taker), parts, section.poll, section.row_bytes)
