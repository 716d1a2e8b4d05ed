"""Loop of statements for partners: listings, unions and counts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from broker.waiting import set_within
from contracts.errors import ConcordantError


async def look_at_intervals(
    look: Callable[[], Awaitable[None]],
    every_s: float,
    waits: Callable[[ConcordantError], None],
    stop: asyncio.Event,
) -> None:
    """Look for statements that are due until ``stop``.

    No event depends on these statements, so no fault of theirs ends the adapter: it is reported,
    and the next look tries again.

    Args:
        look: sends what is due, and reports it.
        every_s: seconds between two looks.
        waits: reports a fault.
        stop: ends the loop.
    """
    while not stop.is_set():
        try:
            await look()
        except ConcordantError as error:
            waits(error)
        await set_within(stop, every_s)
