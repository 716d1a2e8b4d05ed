"""Received events for the agency's own system, which reads them and sends a result for each.

The loop offers new events of the inbox, urgent ones first. Each offer has a number, and readers
continue after the number that they have seen. `imported` marks an event as delivered and clears its
content, as the folder sink does after writing it; with `[api] keep_days` the content stays so long
for other readers. `rejected` holds it with the system's reason,
until `quarantine retry` offers it again. Later events of its case are not offered before that, and
open offers of them are withdrawn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from adapters.exchange.caller import Caller
from adapters.exchange.errors import ExchangeError
from adapters.exchange.results import REJECTED, Outcome, Rejection
from adapters.rounds import Rounds, run_rounds
from broker import pseudonyms
from broker.audit import recording
from broker.audit.actor import Actor
from broker.audit.log import append_entries
from broker.audit.reasons import attributed
from broker.errors import StoreError
from broker.event import OpenedEvent
from broker.observing.logs import logger
from broker.receiving.inbox_payload import parse_payload
from broker.registry.contract_book import ContractBook
from broker.store.database import Store
from broker.store.rows import InboxRow, OfferRow
from broker.store.transaction import Transaction
from broker.waiting import set_within
from contracts.durations import DAY_MS
from contracts.withheld import WithheldReason, withheld_reasons

ROUND_EVENTS: Final = 200
"""Maximum number of events that one round offers."""
CHUNK_ROWS: Final = 16
MOST_ROWS: Final = 2_000
"""Offers that one page looks at, at most; a selection may leave many out."""
SWEEP_S: Final = 600.0
"""Interval at which kept content is cleared that has had its time."""
PAGE_BYTES: Final = 4_194_304
"""Bytes of content after which a page ends."""


class Bell:
    """Wakes every request that waits for new events. It belongs to one event loop."""

    def __init__(self) -> None:
        self._rung: asyncio.Event = asyncio.Event()

    def ring(self) -> None:
        """Wake all that wait now."""
        self._rung.set()
        self._rung = asyncio.Event()

    def next_ring(self) -> asyncio.Event:
        """Return what the next ring sets. Take it before you look at the state."""
        return self._rung

    async def within(self, ring: asyncio.Event, seconds: float) -> None:
        """Wait until this ring, or until the time is up."""
        await set_within(ring, seconds)


@dataclass(frozen=True, slots=True)
class Read:
    """One event of a page.

    Attributes:
        number: number of its offer.
        event: the event.
        reasons: withheld path to the reason: `field_not_granted` or `consent_missing`.
    """

    number: int
    event: OpenedEvent
    reasons: dict[str, WithheldReason]

    def as_json(self) -> dict[str, object]:
        """Return the event as `concordant subscribe` prints it, with urgency and reasons."""
        return {
            **self.event.as_json(),
            "urgent": self.event.urgent,
            "withheld_reasons": self.reasons,
        }


@dataclass(frozen=True, slots=True)
class Hold:
    """Reason why an event is held.

    Attributes:
        code: reason code.
        field: the field at fault, if there is one.
        detail: one sentence without personal values.
    """

    code: str
    field: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Reading:
    """Facts about the agency for reading its events.

    Attributes:
        agency: this agency's id.
        secret: its key for pseudonyms.
        contracts: returns the agreements that are known now.
    """

    agency: str
    secret: bytes
    contracts: Callable[[], ContractBook]

    def read(self, number: int, event: OpenedEvent) -> Read:
        """Return an event as its reader gets it, with the reason for each withheld field."""
        signed = self.contracts().by_hash(bytes.fromhex(event.contract[2]))
        assert signed is not None
        reasons = withheld_reasons(
            signed.contract, event.source, self.agency, event.type, event.withheld
        )
        return Read(number, event, reasons)


@dataclass(frozen=True, slots=True)
class EventSelection:
    """Events that a reader asks for.

    Attributes:
        caller: the system that reads.
        types: event types; empty for all.
        senders: agency ids; empty for all.
        again: whether events for which this reader has sent a result are read again, as long as
            their content is kept.
    """

    caller: Caller
    types: frozenset[str] = frozenset()
    senders: frozenset[str] = frozenset()
    again: bool = False

    def includes(self, row: OfferRow) -> bool:
        """Return whether an offer is asked for."""
        return (not self.types or row.type in self.types) and (
            not self.senders or row.source in self.senders
        )


@dataclass(frozen=True, slots=True)
class Page:
    """Next events of a selection.

    Attributes:
        events: the events.
        last: number of the last offer that was looked at. The next page begins after it.
        complete: False if more offers wait that were not looked at yet.
    """

    events: list[Read]
    last: int
    complete: bool


class EventsRemovedError(Exception):
    """The next events after a cursor have no content any more.

    Attributes:
        count: how many follow one another.
        last: number of the last of them.
    """

    def __init__(self, count: int, last: int) -> None:
        super().__init__(count, last)
        self.count, self.last = count, last


class Offering:
    """Offers events, returns pages of them, and takes results.

    Args:
        store: the agency's state.
        reading: what a reader needs to know.
        clock: () -> ms since the epoch.
        keep_days: days for which the content of imported events stays.
    """

    def __init__(
        self, store: Store, reading: Reading, clock: Callable[[], int], keep_days: int = 0
    ) -> None:
        self._store = store
        self._keep_ms = keep_days * DAY_MS
        self._reading = reading
        self._clock = clock
        self._log = logger("delivery")
        self.bell = Bell()

    async def run(
        self,
        wait: Callable[[float], Awaitable[None]],
        stop: asyncio.Event,
        turned: Callable[[], None],
    ) -> None:
        """Offer what is new until ``stop`` is set. See ``SinkLoop``."""
        rounds = Rounds(self.round, self.clear_kept, SWEEP_S, worked=self.bell.ring)
        await run_rounds(rounds, wait, stop, turned)

    def round(self) -> int:
        """Offer at most ``ROUND_EVENTS`` events. Return how many were offered or held.

        Raises:
            StoreError: nothing was offered.
        """
        with self._store.reading() as tx:
            if not tx.offers.next(1):
                return 0
        now = self._clock()
        with self._store.transaction() as tx:
            rows = tx.offers.next(ROUND_EVENTS)
            whole = [row.seq for row in rows if self._whole(tx, row, now)]
            if len(whole) < len(rows):  # later events of the case of a held one wait
                may_go = {row.seq for row in tx.offers.next(ROUND_EVENTS)}
                whole = [seq for seq in whole if seq in may_go]
            tx.offers.add_many(whole, now)
        return len(rows)

    def clear_kept(self) -> int:
        """Clear the content of imported events that has had its time. Return how many.

        Raises:
            StoreError: nothing was cleared.
        """
        with self._store.transaction() as tx:
            cleared = tx.inbox.clear_delivered(self._clock() - self._keep_ms)
        if cleared:
            self._log.info("events_cleared", events=cleared)
        return cleared

    def _whole(self, tx: Transaction, row: InboxRow, now: int) -> bool:
        """Hold an event that cannot be read, and offer the others."""
        try:
            parse_payload(row.payload or b"")
        except StoreError as error:
            self._hold(tx, row, Hold(error.code, None, error.detail), now)
            return False
        return True

    def _hold(self, tx: Transaction, row: InboxRow, why: Hold, now: int) -> None:
        """Hold an event, and withdraw the offers of later events of its case."""
        self._log.error("event_held", code=why.code, agency=row.source, event_id=row.event_id)
        tx.inbox.hold(row.seq, why.code, why.field, why.detail, now)
        tx.offers.withdraw_behind(row.seq, now)

    def hold(self, caller: Caller, read: Read, why: Hold) -> None:
        """Hold an event that was offered and that a side cannot hand over.

        Raises:
            StoreError: nothing was stored.
        """
        now = self._clock()
        with self._store.transaction() as tx:
            row = tx.inbox.find(read.event.source, read.event.id)
            if row is not None:
                # An answered offer is not open any more: after a retry there is another one.
                tx.offers.answer(read.number, "rejected", caller.name, now)
                self._hold(tx, row, why, now)

    # --- reading ---------------------------------------------------------------------------------

    def last(self) -> int:
        """Return the number of the newest offer."""
        with self._store.reading() as tx:
            return tx.offers.last()

    def start(self) -> int:
        """Return the number after which the first event without a result comes."""
        with self._store.reading() as tx:
            return tx.offers.before_open()

    def since(self, time_ms: int) -> int:
        """Return the number after which the first event that was offered since a time comes."""
        with self._store.reading() as tx:
            return tx.offers.before_time(time_ms)

    def still_offered(self, reads: Sequence[Read]) -> list[Read]:
        """Return those events of a page that were not held, withdrawn or erased since then."""
        if not reads:
            return []
        with self._store.reading() as tx:
            numbers = tx.offers.still_offered([read.number for read in reads])
        return [read for read in reads if read.number in numbers]

    def page(self, selection: EventSelection, after: int, limit: int) -> Page:
        """Return the next events after an offer; the disclosure log records them first.

        Events for which this reader has sent a result are left out, unless it asks for them again.
        A page ends before an event whose content was removed.

        Args:
            selection: what the reader asks for.
            after: number of an offer.
            limit: most events.

        Raises:
            EventsRemovedError: the very next event has no content any more.
            StoreError: the state cannot be read, or the log cannot be written.
        """
        found: list[tuple[int, OpenedEvent]] = []
        removed, last, size, complete = 0, after, 0, True
        with self._store.reading() as tx:
            for looked, row in enumerate(_rows(tx, selection, after)):
                if looked >= MOST_ROWS:
                    complete = False
                    break
                if not selection.includes(row):
                    last = row.number
                    continue
                if row.payload is None:
                    if found:
                        complete = False
                        break
                    removed, last = removed + 1, row.number
                    continue
                if removed or len(found) >= limit or size > PAGE_BYTES:
                    complete = False
                    break
                found.append((row.number, parse_payload(row.payload)))
                last = row.number
                size += len(row.payload)
        if removed:
            raise EventsRemovedError(removed, last)
        if found:
            self._record(selection.caller, [event for _, event in found])
        events = [self._reading.read(number, event) for number, event in found]
        return Page(events, last, complete)

    def _record(self, caller: Caller, events: Sequence[OpenedEvent]) -> None:
        """Write a consultation of each event into the disclosure log."""
        agency, secret, now = self._reading.agency, self._reading.secret, self._clock()
        contracts = self._reading.contracts()
        actor = Actor(recording.OPERATOR, caller.operator)
        entries = []
        for event in events:
            signed = contracts.by_hash(bytes.fromhex(event.contract[2]))
            assert signed is not None
            case_key = pseudonyms.case_key(secret, event.case_id)
            entries.append(
                recording.consulted(event, signed.text, agency, case_key, now, actor.operator)
            )
        with self._store.transaction() as tx:
            append_entries(tx, attributed(tx, actor, None, entries))

    # --- results ---------------------------------------------------------------------------------

    def result(
        self, caller: Caller, event_id: str, sender: str | None, rejection: Rejection | None
    ) -> Outcome:
        """Take the result of the agency's system for an event.

        Args:
            caller: the system that sends the result.
            event_id: the event's id.
            sender: the agency that sent it; needed only if two sent the same id.
            rejection: None if the event was imported.

        Raises:
            ExchangeError: `event_unknown`, `event_ambiguous`, `result_too_early` (the event was not
                offered) or `result_conflict` (another result came before).
            StoreError: nothing was stored.
        """
        outcome: Outcome = "imported" if rejection is None else "rejected"
        now = self._clock()
        with self._store.transaction() as tx:
            row = one_received(tx, self._senders(), event_id, sender)
            offer = tx.offers.of_event(row.seq)
            if offer is None:
                raise ExchangeError(
                    "The event was not offered yet; an earlier event of its case may be held.",
                    code="result_too_early",
                )
            if row.delivered_ms is not None or (offer.outcome == outcome == "rejected"):
                if offer.outcome != outcome:
                    raise ExchangeError(
                        "This event has another result already.", code="result_conflict"
                    )
                return outcome
            tx.offers.answer(offer.number, outcome, caller.name, now)
            if rejection is None:
                keep = self._keep_ms > 0
                tx.inbox.mark_delivered(row.seq, now, caller.operator, keep=keep)
            else:
                self._hold(tx, row, Hold(REJECTED, None, rejection.detail), now)
        if rejection is None:
            self._log.info("events_delivered", events=1)
        return outcome

    def _senders(self) -> tuple[str, ...]:
        return known_parties(self._reading.contracts())


def known_parties(contracts: ContractBook) -> tuple[str, ...]:
    """Return every agency that is a party of any agreement that is known."""
    return tuple(
        sorted({party.id for signed in contracts.all() for party in signed.contract.parties})
    )


def one_received(
    tx: Transaction, senders: Sequence[str], event_id: str, sender: str | None
) -> InboxRow:
    """Return the received event of an id.

    Raises:
        ExchangeError: `event_unknown` or `event_ambiguous`.
    """
    asked = senders if sender is None else [sender]
    rows = [row for one in asked if (row := tx.inbox.find(one, event_id)) is not None]
    if not rows:
        raise ExchangeError("No event of this id is known here.", code="event_unknown")
    if len(rows) > 1:
        raise ExchangeError(
            "Two agencies sent an event of this id. Name the sender.",
            code="event_ambiguous",
            where="sender",
        )
    return rows[0]


def _rows(tx: Transaction, selection: EventSelection, after: int) -> Iterator[OfferRow]:
    """Yield the offers after a number, read in chunks."""
    reader, again = selection.caller.name, selection.again
    while rows := tx.offers.after(after, CHUNK_ROWS, reader, again=again):
        yield from rows
        after = rows[-1].number
