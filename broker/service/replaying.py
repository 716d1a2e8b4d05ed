"""Replay loop: publishes requested records, after new events and within half of the allowed rate.

New events go first, urgent ones before others (the relay orders them). A chunk of a replay waits
while some are waiting, but never longer than ``YIELD_S``; otherwise a busy sender would close no
gap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from broker.control.control import Control
from broker.control.replay_requests import Range
from broker.errors import TransportError
from broker.observing.logs import logger
from broker.sending.relay import Relay
from broker.transport.quotas import PRODUCER_BYTES_A_SECOND
from broker.waiting import set_within
from contracts.errors import ConcordantError

REPLAY_BYTES_A_SECOND: Final = PRODUCER_BYTES_A_SECOND // 2
YIELD_S: Final = 5.0
LOOK_S: Final = 5.0
"""Seconds between two looks for requests whose party has a share of bytes again."""
RETRY_S: Final = 0.5


class Replaying:
    """Publishes due records, chunk by chunk.

    Args:
        relay: publishes; says whether new events wait.
        control: has what was asked for, and who shares the bytes of a minute.
        clock: () -> ms.
    """

    def __init__(self, relay: Relay, control: Control, clock: Callable[[], int]) -> None:
        self._relay = relay
        self._control = control
        self._requests = control.replay_requests
        self._clock = clock
        self._log = logger("broker")

    async def run(self, stop: asyncio.Event) -> None:
        """Publish due records until ``stop`` is set."""
        while not stop.is_set():
            parties = len(self._control.present().parties)
            due = self._requests.next(self._clock(), parties)
            if due is not None:
                await self._yield_to_events(stop)
                sent = await self._publish(*due)
                await set_within(stop, sent / REPLAY_BYTES_A_SECOND)
            else:
                await self._requests.asked.within(LOOK_S, stop)

    async def _publish(self, party: str, due: Range) -> int:
        """Publish a chunk; returns its bytes."""
        origin = due.origin
        try:
            records, size, last = await self._relay.replay(origin.log, due.first, due.last)
        except ConcordantError as error:
            self._log.warning("replay_waits", code=error.code)
            await asyncio.sleep(RETRY_S if isinstance(error, TransportError) else YIELD_S)
            return 0
        if not records:
            self._requests.nothing(party, due)
            return 0
        self._requests.published(party, Range(origin, due.first, last), size, self._clock())
        self._log.info("replayed", topic=origin.topic, events=records)
        return size

    async def _yield_to_events(self, stop: asyncio.Event) -> None:
        waited = 0.0
        while waited < YIELD_S and not stop.is_set():
            if not await asyncio.to_thread(self._relay.has_waiting):
                return
            await set_within(stop, 0.05)
            waited += 0.05
