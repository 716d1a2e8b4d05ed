"""Limit of warnings and errors in the log: a remote party can cause thousands of them.

The first line of each kind is written at once, and then at most one a minute, which says how many
there were since the last. Metrics count every one. The number of kinds is bounded as well, so that
no one can grow this memory by inventing them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

EVERY_S: Final = 60.0
MAX_KINDS: Final = 1024
"""Kinds that are told apart; those above share one line a minute."""
_OTHERS: Final = ("", "")


class AlarmLimit:
    """Remembers when each kind of line was last written; ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._written: dict[tuple[str, str], float] = {}
        self._since: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def lines(self, code: str, agency: str, count: int = 1) -> int:
        """How many things a line written now is for; 0 if none is to be written.

        Args:
            code: what happened.
            agency: whom it is about; empty for no agency.
            count: how many of them.
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
        """The kind itself, or the one that all share for which there is no room."""
        if kind in self._written or len(self._written) < MAX_KINDS:
            return kind
        for old, written in list(self._written.items()):
            if now - written >= EVERY_S and old != _OTHERS:
                del self._written[old]
                # Else a kind that stopped would keep its place for good, and later ones, an alarm
                # among them, would share one line a minute.
                left = self._since.pop(old, 0)
                if left:
                    self._since[_OTHERS] = self._since.get(_OTHERS, 0) + left
        return kind if len(self._written) < MAX_KINDS else _OTHERS
