"""Clocks of the machine: the time of day, and a monotonic clock.

Code gets the time as a function that returns milliseconds since the epoch, so that tests can set
it. Only this module reads the real clocks.

The time of day can be set wrongly. An event that is sealed while the clock is a day ahead carries a
wrong time, and every reader refuses it permanently (step 5, ``time_ahead``). A key would seem to
have expired and would be destroyed. So an adapter uses a `SteadyClock`, which stops the adapter
when the clock jumps (docs/spec/streams.md, "Appending").
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from broker.errors import StoreError

MAX_CLOCK_JUMP_MS: Final = 5 * 60 * 1000
"""Largest correction of a clock, and largest lead of a log, that needs no person's attention."""


def now_ms() -> int:
    """Milliseconds since the Unix epoch, UTC."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> int:
    """Milliseconds of a clock that cannot be set; only differences have a meaning."""
    return time.monotonic_ns() // 1_000_000


class SteadyClock:
    """A clock that fails if it no longer agrees with the monotonic clock."""

    def __init__(
        self, clock: Callable[[], int] = now_ms, monotonic: Callable[[], int] = monotonic_ms
    ) -> None:
        """Assume that the present time is right.

        Args:
            clock: () -> ms since the epoch.
            monotonic: () -> ms of a clock that cannot be set.
        """
        self._clock = clock
        self._monotonic = monotonic
        self._offset = clock() - monotonic()

    def __call__(self) -> int:
        """Return milliseconds since the epoch.

        Raises:
            StoreError: ``clock_jumped``, the clock was set by more than 5 minutes since the start.
        """
        now = self._clock()
        if abs(now - self._monotonic() - self._offset) > MAX_CLOCK_JUMP_MS:
            raise StoreError(
                "The clock was set by more than 5 minutes while the adapter was running",
                code="clock_jumped",
                fix="Check the machine's time service, then start the adapter again.",
            )
        return now
