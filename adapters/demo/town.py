"""Work loop of all agencies' clerks: they read, decide and export until a condition holds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from adapters.demo.clerks import Clerk, Script
from adapters.demo.daily_exports import Export, slices_of
from adapters.demo.desk import Arrival, Desk

PAUSE_S: Final = 0.15
PATIENCE_S: Final = 60.0
WRITING_PAUSE_S: Final = 0.12
"""Shorter than the time without a change after which a file counts as complete."""


class UnmetError(Exception):
    """An expected condition did not hold in time; the text names it."""


class _Writing(threading.Thread):
    """A file that a slow system writes piece by piece."""

    def __init__(self, desk: Desk, export: Export) -> None:
        super().__init__(daemon=True)
        self.agency = desk.agency
        self._desk = desk
        self._export = export
        self._path = desk.directory / "import" / export.name
        self._path.write_bytes(b"")

    def run(self) -> None:
        pieces = slices_of(self._export)
        with self._path.open("ab", buffering=0) as file:
            for piece in pieces:
                file.write(piece)
                time.sleep(WRITING_PAUSE_S)
            self._desk.dropped[self._export.name] = time.time()


class Town:
    """The clerks of all agencies.

    Attributes:
        clerks: by agency.
        watched: called after every round with the number of files that have arrived so far.
    """

    def __init__(
        self, directories: Mapping[str, Path], script: Script, watched: Callable[[int], None]
    ) -> None:
        self.clerks = {agency: Clerk(Desk(path), script) for agency, path in directories.items()}
        self.watched = watched
        self._writing: list[_Writing] = []
        self._queued: list[Export] = []
        self._last_arrival = time.monotonic()

    def __getitem__(self, agency: str) -> Desk:
        """Return the desk of an agency."""
        return self.clerks[agency].desk

    @property
    def arrived(self) -> int:
        """Return the number of files in all inboxes so far."""
        return sum(len(clerk.desk.arrivals) for clerk in self.clerks.values())

    def cases(self) -> Iterator[str]:
        """Yield the shared id of the case of each event that has arrived."""
        for clerk in self.clerks.values():
            for arrival in clerk.desk.arrivals:
                yield str(arrival.flat["case_id"])

    def drop(self, exports: Sequence[Export]) -> None:
        """Let the agencies' systems export; two files of one agency follow each other."""
        self._queued += exports

    def round(self) -> None:
        """Let every clerk read, decide and export once."""
        self._start_exports()
        before = self.arrived
        for clerk in self.clerks.values():
            clerk.work()
        if self.arrived != before:
            self._last_arrival = time.monotonic()
        self.watched(self.arrived)

    def until(
        self, condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S
    ) -> None:
        """Work until a condition holds.

        Raises:
            UnmetError: it did not hold within ``patience_s``.
        """
        deadline = time.monotonic() + patience_s
        while True:
            self.round()
            if condition():
                return
            if time.monotonic() > deadline:
                raise UnmetError(f"{what}: not within {patience_s:.0f} s")
            time.sleep(PAUSE_S)

    def work_for(self, seconds: float) -> None:
        """Continue to work for some seconds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.round()
            time.sleep(PAUSE_S)

    def quiet(self, seconds: float = 2.0) -> bool:
        """Return whether no clerk has work left and nothing has arrived for ``seconds``."""
        working = self._writing or self._queued
        idle = not working and all(clerk.idle for clerk in self.clerks.values())
        return idle and time.monotonic() - self._last_arrival > seconds

    def arrivals(
        self, agency: str, event_type: str, case_id: str = "", service: str = ""
    ) -> list[Arrival]:
        """Return what arrived at an agency, oldest first."""
        return [
            arrival
            for arrival in self[agency].arrivals
            if arrival.type == event_type
            and case_id in ("", arrival.flat["case_id"])
            and service in ("", arrival.flat.get("requested_service", ""))
        ]

    def _start_exports(self) -> None:
        waiting: list[Export] = []
        started: set[str] = set()
        for export in self._queued:
            desk = self[export.agency]
            if export.agency in started or desk.busy or self._is_writing(export.agency):
                waiting.append(export)
                started.add(export.agency)  # in order: later files of the agency wait as well
                continue
            started.add(export.agency)
            if not export.refused:
                desk.remember([row.values for row in export.rows])
            if export.slices == 1:
                desk.drop(export.name, export.content)
            else:
                writing = _Writing(desk, export)
                writing.start()
                self._writing.append(writing)
        self._queued = waiting

    def _is_writing(self, agency: str) -> bool:
        self._writing = [writing for writing in self._writing if writing.is_alive()]
        return any(writing.agency == agency for writing in self._writing)


def directories(root: Path, agencies: Iterable[str]) -> dict[str, Path]:
    """Return the agencies' folders."""
    return {agency: root / agency for agency in agencies}
