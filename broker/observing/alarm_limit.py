"""Rate limit of warnings and errors in the log, because a remote party can cause thousands.

The first line of each kind is written at once, and then at most one a minute, with the number since
the last. Metrics count every one. The number of kinds is limited as well, so that a remote party
cannot exhaust memory by inventing kinds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

EVERY_S: Final = 60.0
MAX_KINDS: Final = 1024
"""Maximum number of kinds that are tracked; those above it share one line a minute."""
_OTHERS: Final = ("", "")


class AlarmLimit:
    """Tracks when each kind of line was last written; ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._written: dict[tuple[str, str], float] = {}
        self._since: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def lines(self, code: str, agency: str, count: int = 1) -> int:
        """Return the number of occurrences for a line written now; 0 if none is to be written.

        Args:
            code: what happened.
            agency: the agency that it is about; empty for none.
            count: number of occurrences.
        """
        with self._lock:
            now = self._clock()
            kind = self._kind((code, agency), now)
            self._since[kind] = self._since.get(kind, 0) + count
            written = self._written.get(kind)
            if written is not None and now - written < EVERY_S:
                return 0
            self._written[kind] = now
            return self._since.pop(kind)

    def _kind(self, kind: tuple[str, str], now: float) -> tuple[str, str]:
        """Return the kind itself, or the shared one if there is no room for it."""
        if kind in self._written or len(self._written) < MAX_KINDS:
            return kind
        for old, written in list(self._written.items()):
            if now - written >= EVERY_S and old != _OTHERS:
                del self._written[old]
                # Otherwise a kind that no longer occurs would keep its place for ever, and new
                # kinds, even an alarm, would share one line a minute.
                left = self._since.pop(old, 0)
                if left:
                    self._since[_OTHERS] = self._since.get(_OTHERS, 0) + left
        return kind if len(self._written) < MAX_KINDS else _OTHERS
