"""How often another agency is heard: its alarms and replays cost this one (docs/spec/receipts.md).

An agency is heard somewhat more often than it may speak, so an honest one is never cut short. The
counts live in memory and begin again each minute of this clock, and at a restart.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from broker.errors import RefusedError
from broker.statements.notices import NOTICES_PER_MINUTE, Notice
from contracts.durations import MINUTE_MS

NOTICES_HEARD: Final = 2 * NOTICES_PER_MINUTE
"""Notices of one agency that are heard in a minute of this clock; it may send half as many."""
RECEIPT_BYTES_A_MINUTE: Final = 64 * 1000
"""Bytes of receipts of one agency that are heard of one minute, by the time that they state: a
reader that begins anew hears those of many minutes at once."""
MINUTES_COUNTED: Final = 4096
"""Minutes of all agencies of which the bytes are remembered."""
REPLAYED_PER_MINUTE: Final = 2**16
"""Records that one agency may ask for in a minute; the rest of a longer range is asked again."""
REPLAY_AGAIN_MS: Final = 20 * 1000
"""A range that was asked for is not published again for this long, whoever asks: who misses it asks
again after 30 seconds, and a notice names no time, so Kafka's host can show it again and again."""


class Budgets:
    """What each agency has left of this minute."""

    def __init__(self) -> None:
        self._minute = 0
        self._heard: dict[str, int] = {}
        self._receipts: dict[tuple[str, int], int] = {}
        self._replayed: dict[str, int] = {}
        self._asked: dict[Notice, int] = {}

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

    def replay(self, agency: str, notice: Notice, now: int) -> Notice | None:
        """What of a request is to be published now; the rest is asked for again."""
        self._turn(now)
        self._asked = {n: at for n, at in self._asked.items() if now - at < REPLAY_AGAIN_MS}
        replayed = self._replayed.get(agency, 0)
        left = REPLAYED_PER_MINUTE - replayed
        if notice in self._asked or left <= 0:
            return None
        last = min(notice.last, notice.first + left - 1)
        self._asked[notice] = now
        self._replayed[agency] = replayed + last - notice.first + 1
        return replace(notice, last=last)

    def _turn(self, now: int) -> None:
        minute = now // MINUTE_MS
        if minute != self._minute:
            self._minute, self._heard, self._replayed = minute, {}, {}
