"""Watch for commits to the state database, by this process or by another one.

Loops that work on what others put into the state (the relay, the delivery) pause until it finds a
commit. So an idle adapter looks at one number, and not at the tables.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing

from broker.errors import StoreError
from broker.store.database import Store
from broker.waiting import Wakeup, set_within


class StoreChanges:
    """Calls something after each commit.

    Args:
        store: the agency's state.
        wake: called on the event loop after one or more commits.

    Attributes:
        changed: rings too, for one loop.
    """

    def __init__(self, store: Store, wake: Sequence[Callable[[], None]]) -> None:
        self._store = store
        self.changed = Wakeup()
        self._wake = (*wake, self.changed.ring)

    async def run(self, look_s: float, stop: asyncio.Event) -> None:
        """Watch until ``stop`` is set.

        A database that cannot be read counts as changed: the loops that are woken report it. The
        end wakes them too.

        Args:
            look_s: seconds between two looks.
            stop: ends it.
        """
        while not stop.is_set():
            try:
                await self._watch(look_s, stop)
            except StoreError:
                self._changed()
                await set_within(stop, look_s)
        self._changed()

    async def _watch(self, look_s: float, stop: asyncio.Event) -> None:
        counted = await asyncio.to_thread(self._store.commits)
        with closing(counted) as commits:
            last: int | None = None
            while not stop.is_set():
                now = commits.count()
                if now != last:
                    last = now
                    self._changed()
                await set_within(stop, look_s)

    def _changed(self) -> None:
        for call in self._wake:
            call()
