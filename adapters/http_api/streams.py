"""Stream of server-sent events: one event at a time, with its cursor as the id."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

import orjson

from adapters.exchange.offering import EventSelection
from adapters.http_api.limits import WaitingReaders
from adapters.http_api.pages import PageReader
from adapters.http_api.problems import ApiError, problem
from contracts.errors import ConcordantError

CHUNK_EVENTS: Final = 10
ALIVE_S: Final = 15.0
"""Seconds after which a comment shows that the connection lives."""
LONGEST_S: Final = 600.0
"""Seconds after which the stream ends, so that the token is checked again."""


async def event_stream(
    pages: PageReader,
    waiting: WaitingReaders,
    selection: EventSelection,
    after: int,
    check: Callable[[], object],
    stop: asyncio.Event,
) -> AsyncIterator[bytes]:
    """Yield the events after a place until the stream's time is up.

    A fault ends the stream with an event ``problem``. The client then asks again after the id that
    it saw last.

    Args:
        pages: reads the events.
        waiting: counts this reader.
        selection: what the reader asks for.
        after: number of the offer after which the stream begins.
        check: raises an `ApiError` once the token is not valid any more.
        stop: ends the stream.
    """
    loop = asyncio.get_running_loop()
    ends = loop.time() + LONGEST_S
    yield b"retry: 5000\n\n"
    try:
        with waiting.one(selection.caller.name):
            while loop.time() < ends and not stop.is_set():
                wait_s = min(ALIVE_S, ends - loop.time())
                page = await pages.next(selection, after, CHUNK_EVENTS, wait_s, check, stop)
                for one in page.events:
                    check()  # a slow reader takes a while for each
                    document = pages.as_json(one)
                    yield _message("event", orjson.dumps(document), str(document["cursor"]))
                after = page.last
                if not page.events:
                    yield b": alive\n\n"
    except ApiError as error:
        yield _message("problem", orjson.dumps(problem(error.status, error, error.members)))
    except ConcordantError as error:
        unavailable = ApiError(503, "The stream ends; ask again.", code=error.code)
        yield _message("problem", orjson.dumps(problem(503, unavailable)))


def _message(name: str, data: bytes, id_: str | None = None) -> bytes:
    """Return one message; JSON from orjson has no line break."""
    first = b"" if id_ is None else b"id: " + id_.encode() + b"\n"
    return first + b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
