"""The agency whose pages are served: its folder, its state and its names."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.web.figures.work import FiguresWork
from broker.agency.names import AgencyNames, agency_names
from broker.agency.participant import Participant, load_participant
from broker.agency.running import open_held_state
from broker.audit.remembered_log import RememberedLog
from broker.errors import StoreError
from broker.operations.disclosure_log import DisclosureLog
from broker.registry.repository import (
    CONFLICTS_FOLDER,
    CONTRACTS_FOLDER,
    MANIFESTS_FOLDER,
    OTHERS_FOLDER,
    WITHOUT_US_FOLDER,
)
from broker.store.backend import Commits
from broker.store.database import Store
from contracts.errors import ConcordantError
from contracts.loading import DOCUMENTS_FOLDER

_WATCHED: Final = (
    "agency.toml",
    CONTRACTS_FOLDER,
    OTHERS_FOLDER,
    WITHOUT_US_FOLDER,
    DOCUMENTS_FOLDER,
    MANIFESTS_FOLDER,
    CONFLICTS_FOLDER,
)
"""Files and folders whose change makes the agency load again.

A file is replaced by renaming, which changes the time of its folder.
"""


@dataclass(frozen=True, slots=True)
class LogCheck:
    """Progress of the first verification of the disclosure log.

    Attributes:
        checked: number of entries that were verified.
        entries: number of all entries.
    """

    checked: int
    entries: int


class OwnAgency:
    """The agency that one server serves. Safe for threads.

    Args:
        root: the agency's folder.
        clock: () -> ms since the epoch.

    Attributes:
        remembered_log: the part of its disclosure log that this process has verified.
        figures: the release of figures that is being made.
    """

    def __init__(self, root: Path, clock: Callable[[], int]) -> None:
        self.root = root
        self.clock = clock
        self.remembered_log = RememberedLog()
        self.figures = FiguresWork(root, clock)
        self._lock = threading.Lock()
        self._loaded: tuple[tuple[object, ...], Participant, AgencyNames] | None = None
        self._own_name = ""
        self._log_check_runs = False
        self._store: Store | None = None
        self._counted: Commits | None = None

    def participant(self) -> Participant:
        """Return the agency as its folder says now. It is verified again when the folder changed.

        The agency may have signed no agreement yet.

        Raises:
            ConcordantError: as ``load_participant``.
        """
        return self._current()[0]

    def name_of(self, agency: str) -> str:
        """Return an agency's name: its legal name in the agreements, if one names it."""
        return self._current()[1].full(agency)

    def short_name_of(self, agency: str) -> str:
        """Return an agency's name for a heading of a column: `[web] names`, or its id in words."""
        return self._current()[1].brief(agency)

    def own_name(self) -> str:
        """Return the name of this agency; the last known one if its folder cannot be used."""
        with suppress(ConcordantError):
            participant, names = self._current()
            self._own_name = names.full(participant.agency)
        return self._own_name

    def _current(self) -> tuple[Participant, AgencyNames]:
        seen = tuple(_stamp(self.root / name) for name in _WATCHED)
        with self._lock:
            if self._loaded is None or self._loaded[0] != seen:
                participant = load_participant(self.root, self.clock(), unsigned_ok=True)
                self._loaded = seen, participant, agency_names(participant)
            return self._loaded[1], self._loaded[2]

    def store(self) -> Store:
        """Return the agency's state, opened once.

        Raises:
            StoreError: `state_missing`, or the state cannot be opened.
        """
        participant = self.participant()
        with self._lock:
            if self._store is None:
                self._store = open_held_state(participant)
            return self._store

    def state(self) -> Store | None:
        """Return the agency's state; None if its adapter has not run yet.

        Raises:
            StoreError: the state cannot be opened.
        """
        try:
            return self.store()
        except StoreError as error:
            if error.code != "state_missing":
                raise
            return None

    def begin_log_check(self) -> threading.Thread:
        """Verify the disclosure log in a thread, so that the first page that shows it need not.

        An alteration, or a state that cannot be read, is reported by each page that shows the log.
        """
        self._log_check_runs = True
        thread = threading.Thread(target=self._verify_log, name="verify-log", daemon=True)
        thread.start()
        return thread

    def log_check(self) -> LogCheck | None:
        """Return the progress of the first verification of the log; None if it is over."""
        if not self._log_check_runs:
            return None
        with self.store().reading() as tx:
            entries = tx.disclosures.size()
        return LogCheck(min(self.remembered_log.size, entries), entries)

    def _verify_log(self) -> None:
        try:
            with suppress(ConcordantError):
                log = DisclosureLog(
                    self.participant(), self.store(), self.clock(), self.remembered_log
                )
                log.verify_new()
        finally:
            self._log_check_runs = False

    def state_stamp(self) -> object:
        """Return a value that differs once something was written into the state or the folder."""
        watched = [self.root / name for name in _WATCHED]
        place = self.participant().state
        if isinstance(place, Path):
            watched += [place, place.with_name(f"{place.name}-wal")]
            return tuple(map(_stamp, watched))
        return (self._commits(), *map(_stamp, watched))

    def _commits(self) -> int:
        """Return the number of commits to a state on a server since the first page."""
        store = self.store()
        with self._lock:
            if self._counted is None:
                self._counted = store.commits()
            try:
                return self._counted.count()
            except StoreError:
                self._counted.close()
                self._counted = None
                raise

    def close(self) -> None:
        """Close the state."""
        with self._lock:
            if self._counted is not None:
                self._counted.close()
                self._counted = None
            if self._store is not None:
                self._store.close()
                self._store = None


def _stamp(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
