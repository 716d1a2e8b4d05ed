"""State of an agency, read again after each commit: for `tail` and `top`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from broker.agency.participant import Participant, load_participant
from broker.agency.running import open_held_state
from broker.operations.agency_status import Status
from broker.operations.flow_lines import FlowLine, FlowTail
from broker.operations.health.agency_health import Health, look_into
from broker.store.changes import StoreChanges
from broker.store.database import Store
from contracts.durations import HOUR_MS, MINUTE_MS

LOOK_S: Final = 0.2
"""Seconds between two looks at the number of commits."""
REFRESH_S: Final = 5.0
"""Longest time between two pictures: ages and silence change without a commit."""
LEAST_S: Final = 0.5
"""Shortest time between two readings while commits come without a pause."""


@dataclass(frozen=True, slots=True)
class LivePicture:
    """One picture of `top`.

    Attributes:
        status: the state, with a line for each partner.
        health: whether everything flows.
        sent_minute, received_minute: events in the last minute.
        sent_hour, received_hour: events in the last hour.
    """

    status: Status
    health: Health
    sent_minute: int
    received_minute: int
    sent_hour: int
    received_hour: int


class LiveState:
    """The state of one agency, open for as long as a person watches it."""

    def __init__(self, agency: Path, clock: Callable[[], int]) -> None:
        """Open the state.

        Raises:
            ConcordantError: the folder cannot be loaded, or its state cannot be read.
        """
        self._agency = agency
        self._clock = clock
        self._store: Store = open_held_state(load_participant(agency, clock()))

    def picture(self) -> LivePicture:
        """Return the present picture; agreements and settings are read again.

        Raises:
            ConcordantError: as for the class.
        """
        now = self._clock()
        participant: Participant = load_participant(self._agency, now)
        with self._store.reading() as tx:
            status, health = look_into(participant, tx, now)
            counts = [
                sum(one.count for one in found)
                for since in (MINUTE_MS, HOUR_MS)
                for found in (tx.flow.sent_to(now - since), tx.flow.received_from(now - since))
            ]
        return LivePicture(status, health, counts[0], counts[1], counts[2], counts[3])

    def tail(self, since_ms: int | None) -> Callable[[], list[FlowLine]]:
        """Return a function whose answer is the lines since its last call.

        Args:
            since_ms: time of the first line; None for now.
        """
        now = self._clock()
        with self._store.reading() as tx:
            tail = FlowTail(tx, since_ms, now)

        def lines() -> list[FlowLine]:
            with self._store.reading() as tx:
                return tail.look(tx)

        return lines

    def watch(self, show: Callable[[], None], seconds: float | None, refresh_s: float) -> None:
        """Call a function now, after commits, and at least every `refresh_s`, until it is stopped.

        Args:
            show: called on this thread.
            seconds: end after this time; None for no end.
            refresh_s: longest time between two calls.
        """
        asyncio.run(self._watch(show, seconds, refresh_s))

    def close(self) -> None:
        """Close the state."""
        self._store.close()

    async def _watch(
        self, show: Callable[[], None], seconds: float | None, refresh_s: float
    ) -> None:
        stop = asyncio.Event()
        changes = StoreChanges(self._store, ())
        if seconds is not None:
            asyncio.get_running_loop().call_later(seconds, stop.set)
        watching = asyncio.create_task(changes.run(LOOK_S, stop))
        try:
            while True:
                show()
                if stop.is_set():
                    return
                await changes.changed.within(refresh_s, stop)
                await asyncio.sleep(0 if stop.is_set() else LEAST_S)
        finally:
            stop.set()
            await watching


@contextmanager
def live_state(agency: Path, clock: Callable[[], int]) -> Iterator[LiveState]:
    """Open the state of an agency, and close it at the end.

    Raises:
        ConcordantError: the folder cannot be loaded, or its state cannot be read.
    """
    live = LiveState(agency, clock)
    try:
        yield live
    finally:
        live.close()
