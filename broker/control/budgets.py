"""How often another agency is heard, by notices and receipts (docs/spec/receipts.md).

An agency is heard somewhat more often than it may speak, so an honest one is never cut short. The
counts live in memory and begin again each minute of this clock, and at a restart.
"""

from __future__ import annotations

from typing import Final

from broker.errors import RefusedError
from broker.statements.notices import NOTICES_PER_MINUTE
from contracts.durations import MINUTE_MS

NOTICES_HEARD: Final = 2 * NOTICES_PER_MINUTE
"""Notices of one agency that are heard in a minute of this clock; it may send half as many."""
RECEIPT_BYTES_A_MINUTE: Final = 64 * 1000
"""Bytes of receipts of one agency that are heard of one minute, by the time that they state: a
reader that begins anew hears those of many minutes at once."""
MINUTES_COUNTED: Final = 4096
"""Minutes of all agencies of which the bytes are remembered."""


class Budgets:
    """What each agency has left of this minute."""

    def __init__(self) -> None:
        self._minute = 0
        self._heard: dict[str, int] = {}
        self._receipts: dict[tuple[str, int], int] = {}

    def notice(self, agency: str, now: int) -> None:
        """Count one more notice of an agency at ``now`` (ms).

        Raises:
            RefusedError: ``notices_many``.
        """
        self._turn(now)
        heard = self._heard.get(agency, 0)
        if heard >= NOTICES_HEARD:
            raise RefusedError(2, "notices_many", "this agency sends too many notices")
        self._heard[agency] = heard + 1

    def receipt(self, agency: str, size: int, time_s: int) -> None:
        """Count a receipt of ``size`` bytes in the minute that it states.

        Raises:
            RefusedError: ``receipts_many``.
        """
        minute = (agency, time_s // 60)
        heard = self._receipts.pop(minute, 0)
        if heard + size > RECEIPT_BYTES_A_MINUTE:
            self._receipts[minute] = heard
            raise RefusedError(2, "receipts_many", "this agency sends too many receipts")
        self._receipts[minute] = heard + size
        if len(self._receipts) > MINUTES_COUNTED:
            del self._receipts[next(iter(self._receipts))]

    def _turn(self, now: int) -> None:
        minute = now // MINUTE_MS
        if minute != self._minute:
            self._minute, self._heard = minute, {}
