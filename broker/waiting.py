"""Pauses of the running loops, and the shortage of file descriptors that every loop waits out.

Pauses end early when something happens. A process without a free file descriptor can open neither a
file nor a connection for a while. This is no fault of the loop that meets it, and it ends no loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

FIRST_DELAY_S: Final = 0.25
LONGEST_DELAY_S: Final = 30.0
DESCRIPTORS_EXHAUSTED: Final = "descriptors_exhausted"
"""Code of an error caused by the limit of open files."""
DESCRIPTORS_WAIT_S: Final = 1.0

_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE})


def retry_delay_s(
    failures: int, *, first: float = FIRST_DELAY_S, most: float = LONGEST_DELAY_S
) -> float:
    """Return seconds to wait after some failures in a row: they double, up to a limit.

    Args:
        failures: number of failures in a row, 1 or more. It has no limit, because an outage may
            last for days.
        first: delay after the first failure.
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


async def first_of(*events: asyncio.Event) -> None:
    """Wait until one of the events is set."""
    await any_within(None, *events)


async def any_within(seconds: float | None, *events: asyncio.Event) -> bool:
    """Wait until one of the events is set or the time is up; return whether one is set.

    Args:
        seconds: the longest wait; None has no end.
        events: any of them ends the wait.
    """
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return any(event.is_set() for event in events)


class Wakeup:
    """Ends the pause of one loop, from any thread. A ring before the pause ends it at once."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def ring(self) -> None:
        """End the pause."""
        if self._loop is None:  # it has not begun to wait
            self._rung.set()
            return
        with contextlib.suppress(RuntimeError):  # its event loop has ended
            self._loop.call_soon_threadsafe(self._rung.set)

    async def within(self, seconds: float | None, stop: asyncio.Event) -> None:
        """Wait until it rings, ``stop`` is set or the time is up; None has no end."""
        self._loop = asyncio.get_running_loop()
        await any_within(seconds, stop, self._rung)
        self._rung.clear()


def out_of_descriptors(error: BaseException | None) -> bool:
    """Return whether an error or one of its causes is the limit of open files.

    A group of errors is, if each of them is: its loops may all start again.
    """
    return _out_of_descriptors(error, set())


def _out_of_descriptors(error: BaseException | None, seen: set[int]) -> bool:
    """Look at no error twice: the context of a group's member can be the group itself."""
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, BaseExceptionGroup):
            return all(_out_of_descriptors(one, set(seen)) for one in error.exceptions)
        if isinstance(error, OSError) and error.errno in _EXHAUSTED:
            return True
        if getattr(error, "code", None) == DESCRIPTORS_EXHAUSTED:
            return True
        error = error.__cause__ or error.__context__
    return False


async def through_shortage(
    run: Callable[[], Awaitable[None]], stop: asyncio.Event, tell: Callable[[], None]
) -> None:
    """Run a loop, and start it again when it ends because of missing file descriptors.

    Args:
        run: starts the loop; any other error is raised.
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
    """Run loops concurrently until all have ended or one fails; then cancel the others.

    A shortage of file descriptors does not count as a failure: the loop starts again.

    Args:
        loops: each starts one loop.
        stop: asks all to end; this function sets it when one fails.
        tell_shortage: called whenever a loop waits for file descriptors.

    Raises:
        Exception: the exception of the first loop that failed.
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
