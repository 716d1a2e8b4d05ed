"""Connection to the bus that is made again after each fault, and a session on it.

A library of a bus may raise any error, and its text may hold values of messages. So every error of
a client ends the connection, and only its type is shown.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, Literal, TypeAlias, TypeVar

from adapters.bus.clients import OPERATION_S, BusClient, Incoming, OutgoingMessage
from broker.observing.health import Flag
from broker.observing.logs import logger
from broker.observing.metrics import Metrics
from broker.waiting import first_of, out_of_descriptors, retry_delay_s, set_within

UNAVAILABLE: Final = "bus_unavailable"
"""Code of a bus that cannot be used now."""
RETRY_MOST_S: Final = 30.0
CLOSE_S: Final = 3.0
CANCEL_S: Final = 1.0
OPEN_S: Final = 30.0
_Result = TypeVar("_Result")

Part: TypeAlias = Literal["send", "received", "results"]
"""The subject for which a connection is there."""


class BusUnavailableError(Exception):
    """The bus does not answer, or refuses a request. The connection is made again."""


class BusStoppedError(Exception):
    """The adapter stops."""


class BusSession:
    """One open connection. Each call ends early when the adapter stops.

    Args:
        client: the connection.
        stop: ends each call.
    """

    def __init__(self, client: BusClient, stop: asyncio.Event) -> None:
        self._client = client
        self._stop = stop

    async def publish(self, name: str, message: OutgoingMessage) -> None:
        """Publish a message; see ``BusClient.publish``.

        Raises:
            BusUnavailableError: it is unknown whether the bus has it.
            BusStoppedError: the same.
        """
        await within(self._client.publish(name, message), 2 * OPERATION_S, self._stop)

    async def next(self, wait_s: float) -> Incoming | None:
        """Return the next message, or None if none comes within the time.

        Raises:
            BusUnavailableError, BusStoppedError: none was taken.
        """
        return await within(self._client.next(wait_s), wait_s + 2 * OPERATION_S, self._stop)

    async def check(self) -> None:
        """Ask the bus whether it answers.

        Raises:
            BusUnavailableError, BusStoppedError: it does not.
        """
        await within(self._client.check(), 2 * OPERATION_S, self._stop)

    async def acknowledge(self, message: Incoming) -> None:
        """Tell the bus that a message is done.

        Raises:
            BusUnavailableError, BusStoppedError: the bus may deliver it again.
        """
        await within(message.acknowledge(), 2 * OPERATION_S, self._stop)

    async def until(self, event: asyncio.Event, seconds: float) -> None:
        """Wait until an event, or until the time is up.

        Raises:
            BusStoppedError: the adapter stops.
        """
        with suppress(TimeoutError):
            await asyncio.wait_for(first_of(event, self._stop), seconds)
        if self._stop.is_set():
            raise BusStoppedError

    async def pause(self, seconds: float) -> None:
        """Wait.

        Raises:
            BusStoppedError: the adapter stops.
        """
        if await set_within(self._stop, seconds):
            raise BusStoppedError


class BusLink:
    """Keeps a connection open while work is done on it.

    Args:
        make: makes a client.
        part: the subject for which the connection is there.
        metrics: shows whether it is open.
    """

    def __init__(self, make: Callable[[], BusClient], part: Part, metrics: Metrics) -> None:
        self._make = make
        self._part = part
        self._metrics = metrics
        self._log = logger("bus")
        self.trouble = Flag(UNAVAILABLE)
        metrics.bus_connected(part, connected=False)

    async def run(
        self,
        work: Callable[[BusSession], Awaitable[None]],
        stop: asyncio.Event,
        turned: Callable[[], None],
    ) -> None:
        """Connect, work, and connect again after a fault, until ``stop`` is set.

        Args:
            work: works on a session until it raises.
            stop: ends the loop.
            turned: called before each attempt.
        """
        failures = 0
        while not stop.is_set():
            turned()
            opened_s: float | None = None
            try:
                client = self._make()
                try:
                    await within(client.open(), OPEN_S, stop)
                    opened_s = time.monotonic()
                    self.trouble.up()
                    self._metrics.bus_connected(self._part, connected=True)
                    await work(BusSession(client, stop))
                finally:
                    await closed(client)
            except BusStoppedError:
                return
            except BusUnavailableError as error:
                if opened_s is not None and time.monotonic() - opened_s > RETRY_MOST_S:
                    failures = 0
                failures += 1
                delay = retry_delay_s(failures, most=RETRY_MOST_S)
                self._metrics.bus_connected(self._part, connected=False)
                self.trouble.down(UNAVAILABLE)
                self._log.warning(
                    "bus_waits",
                    code=UNAVAILABLE,
                    kind=self._part,
                    reason=str(error).lower(),
                    delay_ms=int(delay * 1000),
                )
                await set_within(stop, delay)


async def within(call: Awaitable[_Result], seconds: float, stop: asyncio.Event) -> _Result:
    """Return the result of a call to a client.

    Raises:
        BusStoppedError: ``stop`` was set first.
        BusUnavailableError: the call failed, or took too long.
    """
    task = asyncio.ensure_future(call)
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopped}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if task.done() and not task.cancelled():
            try:
                return task.result()
            except Exception as error:
                if out_of_descriptors(error):
                    raise
                raise BusUnavailableError(type(error).__name__) from None
        if stopped.done():
            raise BusStoppedError
        raise BusUnavailableError("TimeoutError")
    finally:
        stopped.cancel()
        await _given_up(task)


async def _given_up(task: asyncio.Future[Any]) -> None:
    """Cancel a task that is not done. A library may take long for that, or raise another error."""
    if not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_S)
    task.add_done_callback(_forget)


def _forget(task: asyncio.Future[Any]) -> None:
    """Take the error of a task, so that asyncio does not log it."""
    if not task.cancelled():
        task.exception()


async def closed(client: BusClient) -> None:
    """Close a client, whatever state it is in."""
    closing = asyncio.ensure_future(client.close())
    await asyncio.wait({closing}, timeout=CLOSE_S)
    await _given_up(closing)
