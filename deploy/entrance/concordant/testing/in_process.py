"""Event loop of a partnership in memory, and transports that call its adapters without a port."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeAlias, TypeVar

import httpx

T = TypeVar("T")

Answer: TypeAlias = Callable[[httpx.Request], Awaitable[httpx.Response]]


class LoopThread:
    """An event loop in a thread of its own, on which everything of a partnership runs."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there, and wait for its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def run_async(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there, and await its result in the caller's loop."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop))

    def close(self) -> None:
        """Cancel what still runs, and end the thread."""
        self.run(self._cancel())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _cancel(self) -> None:
        rest = [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]
        for one in rest:
            one.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


class InProcess(httpx.BaseTransport):
    """Transport of a client whose calls are not awaited."""

    def __init__(self, loop: LoopThread, answer: Answer) -> None:
        self._loop = loop
        self._answer = answer

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """See ``httpx.BaseTransport``."""
        request.read()
        return self._loop.run(_whole(self._answer, _copy(request)))


class AsyncInProcess(httpx.AsyncBaseTransport):
    """Transport of a client whose calls are awaited."""

    def __init__(self, loop: LoopThread, answer: Answer) -> None:
        self._loop = loop
        self._answer = answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See ``httpx.AsyncBaseTransport``."""
        await request.aread()
        return await self._loop.run_async(_whole(self._answer, _copy(request)))


def _copy(request: httpx.Request) -> httpx.Request:
    return httpx.Request(
        request.method, request.url, headers=request.headers, content=request.content
    )


async def _whole(answer: Answer, request: httpx.Request) -> httpx.Response:
    """Return an answer with its whole content, without a stream of the other loop."""
    response = await answer(request)
    content = await response.aread()
    return httpx.Response(response.status_code, headers=response.headers, content=content)
