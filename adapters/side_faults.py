"""Loop that stores what the checks of Kafka, source and sink say, for `status` and `doctor`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from broker.errors import StoreError
from broker.observing.health import Check
from broker.observing.logs import logger
from broker.observing.side_faults import SIDES, Side, keep_fault
from broker.store.database import Store
from broker.waiting import set_within

EVERY_S: Final = 5.0


class SideFaultRecord:
    """Stores each change of a check.

    Args:
        store: the agency's state.
        clock: () -> ms since the epoch.
        checks: checks of the sides that have one.
    """

    def __init__(self, store: Store, clock: Callable[[], int], checks: dict[Side, Check]) -> None:
        self._store = store
        self._clock = clock
        self._checks = checks
        self._kept: dict[Side, str | None] = {}
        self._log = logger("adapter")

    async def run(self, stop: asyncio.Event) -> None:
        """Look every few seconds until ``stop`` is set."""
        while not stop.is_set():
            try:
                await asyncio.to_thread(self.round)
            except StoreError as error:  # the next round tries again
                self._log.warning("fault_not_kept", code=error.code)
            await set_within(stop, EVERY_S)

    def round(self) -> None:
        """Store what has changed.

        Raises:
            StoreError: nothing was stored.
        """
        found = {side: self._checks[side]() if side in self._checks else None for side in SIDES}
        changed = {
            side: code
            for side, code in found.items()
            if side not in self._kept or self._kept[side] != code
        }
        if not changed:
            return
        with self._store.transaction() as tx:
            for side, code in changed.items():
                keep_fault(tx, side, code, self._clock())
        self._kept.update(changed)
