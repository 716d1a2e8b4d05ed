"""Troubles that have lasted long enough for operators to be told, and those that are over."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from broker.operations.health.agency_health import Health
from broker.operations.health.trouble import Trouble
from contracts.durations import HOUR_MS

OVER_MS: Final = HOUR_MS
"""Time without a trouble after which it is over. One that returns earlier is the same trouble."""


class LastingTroubles:
    """Memory of the troubles of an agency, from look to look.

    Args:
        look: () -> the agency's health now.
        after_ms: milliseconds for which a trouble must last.
    """

    def __init__(self, look: Callable[[], Health], after_ms: int) -> None:
        self._look = look
        self._after_ms = after_ms
        self._since: dict[str, int] = {}
        self._seen: dict[str, int] = {}
        self._began_ms: int | None = None
        self._now = 0

    def lasting(self) -> tuple[Trouble, ...]:
        """Look again, and return each trouble that has lasted, the most pressing first.

        Raises:
            ConcordantError: the state cannot be read.
        """
        health = self._look()
        now = self._now = health.time_ms
        if self._began_ms is None:
            self._began_ms = now
        found = {one.key: one for one in health.troubles}
        self._since = {
            key: self._since.get(key, now if one.since_ms is None else min(one.since_ms, now))
            for key, one in found.items()
        }
        self._seen |= dict.fromkeys(found, now)
        return tuple(one for key, one in found.items() if now - self._since[key] >= self._after_ms)

    def over(self, keys: Collection[str]) -> frozenset[str]:
        """Return those keys of troubles that were not seen for an hour, as of the last look.

        A trouble that this process has never seen is over when it has looked for an hour.
        """
        began = self._now if self._began_ms is None else self._began_ms
        gone = frozenset(key for key in keys if self._now - self._seen.get(key, began) >= OVER_MS)
        for key in gone:
            self._seen.pop(key, None)
        return gone
