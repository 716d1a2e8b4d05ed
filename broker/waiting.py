"""Pauses of the loops of a running broker or adapter, and the shortage that every loop waits out.

Pauses end early when something happens. A process that has no file descriptor left can open
neither a file nor a connection for a while; that is no fault of the loop in which it shows, and it
ends nothing.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

FIRST_DELAY_S: Final = 0.25
LONGEST_DELAY_S: Final = 30.0
DESCRIPTORS_EXHAUSTED: Final = "descriptors_exhausted"
"""Code of an error whose reason is that no more files can be opened."""
DESCRIPTORS_WAIT_S: Final = 1.0

_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE})


def retry_delay_s(
    failures: int, *, first: float = FIRST_DELAY_S, most: float = LONGEST_DELAY_S
) -> float:
    """Seconds to wait after so many failures in a row: they double, up to a limit.

    Args:
        failures: in a row, 1 or more; any number, because an outage may last for days.
        first: after the first failure.
        most: the limit.
    """
    return float(min(most, first * 2 ** min(failures - 1, 20)))


async def set_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait until ``event`` is set or ``seconds`` have passed; returns whether it was set."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True


def out_of_descriptors(error: BaseException | None) -> bool:
    """Whether an error, or one that led to it, is that no more files can be opened."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno in _EXHAUSTED:
            return True
        if getattr(error, "code", None) == DESCRIPTORS_EXHAUSTED:
            return True
        error = error.__cause__ or error.__context__
    return False


async def through_shortage(
    run: Callable[[], Awaitable[None]], stop: asyncio.Event, tell: Callable[[], None]
) -> None:
    """Run a loop, and begin it again for as long as it ends for want of file descriptors.

    Args:
        run: begins the loop; any other error of it is raised.
        stop: ends the waiting.
        tell: called each time, before the wait.
    """
    while True:
        try:
            await run()
        except Exception as error:
            if not out_of_descriptors(error):
                raise
            tell()
            if await set_within(stop, DESCRIPTORS_WAIT_S):
                return
        else:
            return


async def run_together(
    loops: Iterable[Callable[[], Awaitable[None]]],
    stop: asyncio.Event,
    *,
    tell_shortage: Callable[[], None],
) -> None:
    """Run loops side by side until all have ended or one fails; then the others are cancelled.

    A shortage of file descriptors does not count as a failure: that loop begins again.

    Args:
        loops: each begins one loop.
        stop: asks all to end; set here as soon as one fails.
        tell_shortage: called whenever a loop waits for file descriptors.

    Raises:
        Exception: what the first loop that failed raised.
    """

    async def one(loop: Callable[[], Awaitable[None]]) -> None:
        try:
            await through_shortage(loop, stop, tell_shortage)
        except BaseException:
            stop.set()
            raise

    try:
        async with asyncio.TaskGroup() as group:
            for loop in loops:
                group.create_task(one(loop))
    except BaseExceptionGroup as failed:
        first: BaseException = failed
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None
    finally:
        stop.set()
