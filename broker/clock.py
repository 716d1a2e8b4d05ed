"""The machine's clocks: the time of day, which somebody may set, and one that nobody can.

Time is given to whatever needs it as a function that returns milliseconds since the epoch, so that
tests say what time it is. This is the one place where the real clocks are read.

An event that is accepted while the clock is a day ahead is sealed with that time, and every reader
refuses it for good when the clock is right again (step 5, ``time_ahead``); a key that seems to have
expired would be destroyed. So an adapter asks a `SteadyClock`, which stops it instead
(docs/spec/streams.md, "Appending").
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from broker.errors import StoreError

MAX_CLOCK_JUMP_MS: Final = 5 * 60 * 1000
"""How far a clock may be corrected, and a log lie ahead of it, without anybody looking at it."""


def now_ms() -> int:
    """Milliseconds since the Unix epoch, UTC."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> int:
    """Milliseconds of a clock that nobody sets; only differences mean something."""
    return time.monotonic_ns() // 1_000_000


class SteadyClock:
    """Another clock, as long as it goes on from where it was when this was made."""

    def __init__(
        self, clock: Callable[[], int] = now_ms, monotonic: Callable[[], int] = monotonic_ms
    ) -> None:
        """Takes the time as it is now to be right.

        Args:
            clock: () -> ms since the epoch.
            monotonic: () -> ms of a clock that nobody sets.
        """
        self._clock = clock
        self._monotonic = monotonic
        self._offset = clock() - monotonic()

    def __call__(self) -> int:
        """Milliseconds since the epoch.

        Raises:
            StoreError: ``clock_jumped``, the clock was set by more than 5 minutes since.
        """
        now = self._clock()
        if abs(now - self._monotonic() - self._offset) > MAX_CLOCK_JUMP_MS:
            raise StoreError(
                "The clock was set by more than 5 minutes while the adapter was running",
                code="clock_jumped",
                fix="check the machine's time service, then start the adapter again",
            )
        return now
