"""How often another agency is heard: its alarms and replays cost this one (docs/spec/receipts.md).

An agency is heard somewhat more often than it may speak, so an honest one is never cut short. The
counts live in memory and begin again each minute of this clock, and at a restart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from broker.errors import RefusedError
from broker.statements.notices import NOTICES_PER_MINUTE, Notice
from contracts.durations import MINUTE_MS

NOTICES_HEARD: Final = 2 * NOTICES_PER_MINUTE
"""Notices of one agency that are heard in a minute of this clock; it may send half as many."""
RECEIPTS_HEARD: Final = 1024
"""Receipts of one agency that are kept in a minute: it sends one for each stream that moved."""
REPLAYED_PER_MINUTE: Final = 2**16
"""Records that one agency may ask for in a minute; the rest of a longer range is asked again."""
REPLAY_AGAIN_MS: Final = 20 * 1000
"""A range that was asked for is not published again for this long, whoever asks: who misses it asks
again after 30 seconds, and a notice names no time, so Kafka's host can show it again and again."""
MOST: Final[Mapping[str, int]] = {"notices": NOTICES_HEARD, "receipts": RECEIPTS_HEARD}
"""By what is heard: how many of one agency in a minute."""


class Budgets:
    """What each agency has left of this minute."""

    def __init__(self) -> None:
        self._minute = 0
        self._heard: dict[tuple[str, str], int] = {}
        self._replayed: dict[str, int] = {}
        self._asked: dict[Notice, int] = {}

    def spend(self, agency: str, kind: str, now: int) -> None:
        """Count one more ``notices`` or ``receipts`` of an agency at ``now`` (ms).

        Raises:
            RefusedError: ``notices_many`` or ``receipts_many``.
        """
        self._turn(now)
        heard = self._heard.get((agency, kind), 0)
        if heard >= MOST[kind]:
            raise RefusedError(2, f"{kind}_many", f"this agency sends too many {kind}")
        self._heard[agency, kind] = heard + 1

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
