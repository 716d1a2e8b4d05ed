"""Result file beside each export: what became of each line at each recipient.

The file `NAME.results.csv` stands beside the export `NAME` in the folder of processed exports. It
has the columns line, id, recipient, state, code and since; `docs/spec/reports.md` says what the
states mean. It is written again, in one step, when a state changes. It holds no personal data.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from adapters.sources.shelving import RESULTS, shelf_names
from broker.keys.durable import SECRET_MODE, write_durably
from broker.keys.instant import format_instant
from broker.observing.logs import logger
from broker.operations.event_status import RecipientState, event_status
from broker.store.database import Store
from broker.store.rows import ExportRow
from broker.waiting import set_within
from contracts.durations import DAY_MS, SECOND_MS
from contracts.errors import ConcordantError

COLUMNS: Final = ("line", "id", "recipient", "state", "code", "since")
LOOK_EVERY_S: Final = 30.0
REST_FACTOR: Final = 20
"""A round is followed by a pause of so many times its length, so it takes 5 % of a processor."""
FOLLOWED_MS: Final = 60 * DAY_MS
"""Time after which the result file of an export is not written again."""
_CANDIDATES: Final = 3


class ResultFiles:
    """Writes the result files of a folder.

    Args:
        processed: the folder of processed exports.
        store: the agency's state.
        deployment: the partnership's id.
        agency: this agency.
        clock: () -> ms since the epoch.
    """

    def __init__(
        self,
        processed: Path,
        store: Store,
        deployment: str,
        agency: str,
        clock: Callable[[], int],
    ) -> None:
        self._processed = processed
        self._store = store
        self._deployment = deployment
        self._agency = agency
        self._clock = clock
        self._log = logger("source")

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the result files current until ``stop`` is set."""
        pause = LOOK_EVERY_S
        while not await set_within(stop, pause):
            began = time.monotonic()
            try:
                await asyncio.to_thread(self.round, stop.is_set)
            except ConcordantError as error:  # the state is unavailable: the next round tries again
                self._log.warning("results_wait", code=error.code)
            except OSError:
                self._log.warning("results_wait", code="folder_unwritable")
            pause = max(LOOK_EVERY_S, REST_FACTOR * (time.monotonic() - began))

    def round(self, stopped: Callable[[], bool] = lambda: False) -> int:
        """Check each result file that was not checked in this round. Return how many were written.

        Args:
            stopped: asked before each export; True ends the round.

        Raises:
            OSError: a file cannot be written.
            StoreError: the state cannot be used.
        """
        now, written = self._clock(), 0
        before = now - int(LOOK_EVERY_S * SECOND_MS) // 2
        while not stopped():
            with self._store.reading() as tx:
                export = tx.exports.next(before)
            if export is None:
                break
            written += self._check(export, now)
        return written

    def _check(self, export: ExportRow, now: int) -> bool:
        name = export.path or self._found(export)
        ended = now >= export.added_ms + FOLLOWED_MS
        if name is None:  # it is not put away yet, or was removed before it was found
            self._note(export, None, None, now, ended=ended)
            return False
        target = self._processed / f"{name}{RESULTS}"
        if not (self._processed / name).exists():
            target.unlink(missing_ok=True)  # the export had its time
            self._note(export, name, None, now, ended=True)
            return False
        content, delivered = self._content(export, now)
        digest = hashlib.sha256(content).digest()
        changed = digest != export.written or not target.exists()
        if changed:
            write_durably(target, content, mode=SECRET_MODE)
        self._note(export, name, digest, now, ended=ended or delivered)
        return changed

    def _note(
        self, export: ExportRow, name: str | None, digest: bytes | None, now: int, *, ended: bool
    ) -> None:
        with self._store.transaction() as tx:
            tx.exports.looked(export.sha256, name, digest, now, ended=ended)

    def _found(self, export: ExportRow) -> str | None:
        """Return the name under which an export was put away: the file has its content."""
        names = shelf_names(export.name, export.sha256.hex())
        for name in itertools.islice(names, _CANDIDATES):
            path = self._processed / name
            if path.is_file() and not path.is_symlink():
                with path.open("rb") as file:
                    if hashlib.file_digest(file, "sha256").digest() == export.sha256:
                        return name
        return None

    def _content(self, export: ExportRow, now: int) -> tuple[bytes, bool]:
        """Return the content of a result file, and whether every event was delivered."""
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        delivered = True
        for line, event_id, one in self._states(export, now):
            delivered = delivered and one.state == "delivered"
            since = format_instant(one.since_ms)
            writer.writerow((line, event_id, one.agency, one.state, one.code or "", since))
        return out.getvalue().encode(), delivered

    def _states(self, export: ExportRow, now: int) -> Iterator[tuple[int, str, RecipientState]]:
        with self._store.reading() as tx:
            for line, event_id in tx.exports.rows(export.sha256):
                found = event_status(tx, self._deployment, self._agency, event_id, now)
                for one in () if found is None else found.recipients:
                    yield line, event_id, one
