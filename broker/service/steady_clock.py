"""A clock that is believed only while nobody sets it (docs/spec/streams.md, "Appending").

An event that is accepted while the clock is a day ahead is sealed with that time, and every reader
refuses it for good when the clock is right again (step 5, ``time_ahead``); a key that seems to have
expired would be destroyed. So a service asks this clock, which stops it instead.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from broker.errors import StoreError
from broker.sending.streams import MAX_CLOCK_JUMP_MS


class SteadyClock:
    """Another clock, as long as it goes on from where it was when this was made."""

    def __init__(
        self,
        clock: Callable[[], int],
        monotonic: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
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
                "The clock was set by more than 5 minutes while the service was running",
                code="clock_jumped",
                fix="check the machine's time service, then start the adapter again",
            )
        return now
