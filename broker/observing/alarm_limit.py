"""Limit of alarm lines in the log: a sender can cause thousands, and each first one must be seen.

Metrics count every alarm. The log gets the first of each (code, agency) at once, and then at most
one line a minute that says how many came since the last.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

EVERY_S: Final = 60.0


class AlarmLimit:
    """Remembers when each kind of alarm was last written; ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._written: dict[tuple[str, str], float] = {}
        self._since: dict[tuple[str, str], int] = {}

    def lines(self, code: str, agency: str, count: int = 1) -> int:
        """How many alarms a line written now is for; 0 if none is to be written."""
        kind, now = (code, agency), self._clock()
        self._since[kind] = self._since.get(kind, 0) + count
        written = self._written.get(kind)
        if written is not None and now - written < EVERY_S:
            return 0
        self._written[kind] = now
        return self._since.pop(kind)
