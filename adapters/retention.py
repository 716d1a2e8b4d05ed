"""Removal of files that have had their time, and measurement of the agency's folders."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from broker.agency.participant import load_participant
from broker.observing.logs import logger
from broker.observing.metrics import Metrics
from broker.operations.folders import apply_retention, folder_states
from broker.store.database import Store
from broker.waiting import set_within
from contracts.errors import ConcordantError

EVERY_S: Final = 300.0


class FolderRetention:
    """Removes expired files, and measures the folders.

    Args:
        directory: the agency's folder; its settings are read again each time.
        store: the agency's state.
        metrics: metrics of the adapter.
        clock: () -> ms since the epoch.
    """

    def __init__(
        self, directory: Path, store: Store, metrics: Metrics, clock: Callable[[], int]
    ) -> None:
        self._directory = directory
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._log = logger("retention")

    async def run(self, stop: asyncio.Event) -> None:
        """Run one round every five minutes until ``stop`` is set."""
        while not stop.is_set():
            try:
                await asyncio.to_thread(self.round)
            # settings or state are unavailable; the next round tries again
            except ConcordantError as error:
                self._log.warning("retention_waits", code=error.code)
            await set_within(stop, EVERY_S)

    def round(self) -> None:
        """Remove expired files, then measure.

        Raises:
            ConcordantError: the settings cannot be read, or the state cannot be written.
        """
        now = self._clock()
        participant = load_participant(self._directory, now)
        for folder, removed in apply_retention(participant, self._store, now).items():
            if removed:
                self._metrics.files_removed(folder, removed)
                self._log.info("files_removed", files=removed, kind=folder)
        for state in folder_states(participant, now):
            self._metrics.folder(state.name, state.files, state.oldest_ms, now)
