"""Loop of a sink: rounds in a thread, with pauses after a failure and while nothing is new."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from broker.errors import StoreError
from broker.observing.logs import logger
from broker.waiting import retry_delay_s, set_within
from contracts.errors import ConcordantError

IDLE_S: Final = 5.0
"""Longest pause after a round without work, in seconds. A change of the state ends it."""
RETRY_FIRST_S: Final = 1.0
RETRY_MOST_S: Final = 30.0
"""Longest pause between two attempts, in seconds."""


def _nothing() -> None:
    """Do nothing after a round."""


@dataclass(frozen=True, slots=True)
class Rounds:
    """Work of a sink, in rounds.

    Attributes:
        work: one round, in a thread; returns how many events it handled.
        upkeep: work before the first round and then at an interval, in a thread.
        upkeep_every_s: the interval in seconds.
        waits_for: errors after which the same work is tried again.
        worked: called on the event loop after a round that handled events.
    """

    work: Callable[[], int]
    upkeep: Callable[[], object]
    upkeep_every_s: float
    waits_for: tuple[type[ConcordantError], ...] = (StoreError,)
    worked: Callable[[], None] = _nothing


async def run_rounds(
    rounds: Rounds,
    wait: Callable[[float], Awaitable[None]],
    stop: asyncio.Event,
    turned: Callable[[], None],
) -> None:
    """Work until ``stop`` is set.

    Args:
        rounds: the work.
        wait: waits for the given seconds, or until the inbox has something new.
        stop: ends the loop.
        turned: called before each round. An alert fires if it is not called for long.

    Raises:
        Exception: an error of the work that is none of ``waits_for``.
    """
    log, clock = logger("delivery"), asyncio.get_running_loop().time
    failures, upkeep_at = 0, clock()
    while not stop.is_set():
        turned()
        try:
            if clock() >= upkeep_at:
                await asyncio.to_thread(rounds.upkeep)
                upkeep_at = clock() + rounds.upkeep_every_s
            handled = await asyncio.to_thread(rounds.work)
        except rounds.waits_for as error:
            failures += 1
            delay = retry_delay_s(failures, first=RETRY_FIRST_S, most=RETRY_MOST_S)
            log.warning("delivery_waits", code=error.code, delay_ms=int(delay * 1000))
            await set_within(stop, delay)
            continue
        failures = 0
        if handled:
            rounds.worked()
        else:
            await wait(IDLE_S)
