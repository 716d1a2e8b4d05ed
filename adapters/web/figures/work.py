"""Making of a release beside the pages: it takes seconds, and only one is made at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from broker.figures.counting import Subject
from broker.operations.figures import release_figures
from broker.releases.figures_release import FiguresRelease
from broker.releases.too_early import require_published


@dataclass(frozen=True, slots=True)
class WantedTable:
    """Table that a person asks for.

    Attributes:
        agreement: name of the agreement.
        period: `YYYY-Qn`.
        by: names of its dimensions.
        of: of what it is.
        incomplete: whether it is published although it is too early.
    """

    agreement: str
    period: str
    by: tuple[str, ...]
    of: Subject = "cases"
    incomplete: bool = False


@dataclass(slots=True)
class Work:
    """The making of one release.

    Attributes:
        wanted: the table.
        begun_ms: when it began.
        release: the release, once it is made.
        error: the refusal, if it was refused.
    """

    wanted: WantedTable
    begun_ms: int
    release: FiguresRelease | None = None
    error: Exception | None = None
    _done: threading.Event = field(default_factory=threading.Event)

    @property
    def over(self) -> bool:
        """Return whether it has ended."""
        return self._done.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait for its end. Return whether it has ended."""
        return self._done.wait(seconds)

    def end(self) -> None:
        """Say that it has ended."""
        self._done.set()


class FiguresWork:
    """The last release that was asked for at the pages of one agency. Safe for threads.

    Args:
        root: the agency's folder.
        clock: () -> ms since the epoch.
    """

    def __init__(self, root: Path, clock: Callable[[], int]) -> None:
        self._root = root
        self._clock = clock
        self._lock = threading.Lock()
        self._last: Work | None = None

    @property
    def last(self) -> Work | None:
        """Return the last one; None if none was asked for since the start."""
        with self._lock:
            return self._last

    def begin(self, wanted: WantedTable) -> Work | None:
        """Begin to make a release; None if another one is being made."""
        with self._lock:
            if self._last is not None and not self._last.over:
                return None
            self._last = work = Work(wanted, self._clock())
        maker = threading.Thread(target=self._make, args=(work,), name="figures", daemon=True)
        try:
            maker.start()
        except RuntimeError as error:  # the system gives no further thread
            work.error = error
            work.end()
        return work

    def _make(self, work: Work) -> None:
        wanted = work.wanted
        try:
            release = release_figures(
                self._root,
                wanted.period,
                wanted.by,
                self._clock(),
                wanted.agreement,
                wanted.of,
                incomplete=wanted.incomplete,
            )
            require_published(release)
            work.release = release
        except Exception as error:  # noqa: BLE001 - the page that waits raises it
            work.error = error
        finally:
            work.end()
