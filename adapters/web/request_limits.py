"""Limits of a request: how often, how large, from which page."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive

from adapters.web.errors import FormRefusedError, TooLargeError, TooManyRequestsError
from adapters.web.visit import Form

MOST_FIELDS: Final = 2_000
MOST_FILES: Final = 4
MOST_NAMES: Final = 2_000
"""Names whose rate is kept; the one that asked longest ago is forgotten first."""
MOST_WATCHING: Final = 4
"""Pages of one session that wait for changes at one time."""


class Rate:
    """Token bucket for each name: a minute's requests at once, then evenly over time.

    Args:
        per_minute: requests a minute.
        monotonic: seconds of a monotonic clock.
    """

    def __init__(self, per_minute: int, monotonic: Callable[[], float]) -> None:
        self._most = float(per_minute)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> None:
        """Count a request of a name.

        Raises:
            TooManyRequestsError: the name has had its minute's requests.
        """
        now = self._monotonic()
        with self._lock:
            left, at = self._left.pop(name, (self._most, now))
            left = min(self._most, left + (now - at) * self._most / 60.0)
            enough = left >= 1.0
            self._left[name] = (left - 1.0 if enough else left), now
            while len(self._left) > MOST_NAMES:
                self._left.popitem(last=False)
        if not enough:
            raise TooManyRequestsError


class Watching:
    """Number of pages that wait for changes, for each session. For one event loop."""

    def __init__(self) -> None:
        self._open: dict[str, int] = {}

    @contextmanager
    def one(self, session: str) -> Iterator[bool]:
        """Count a page that waits; gives whether there was room for it."""
        count = self._open.get(session, 0)
        room = count < MOST_WATCHING
        if room:
            self._open[session] = count + 1
        try:
            yield room
        finally:
            if room:
                self._open[session] -= 1
                if not self._open[session]:
                    del self._open[session]


def own_origin(request: Request) -> str:
    """Return the origin under which a request reached this server."""
    return f"{request.url.scheme}://{request.headers.get('host', '')}"


def require_own_page(request: Request, address: str | None) -> None:
    """Refuse a form that another site sent.

    Args:
        request: the request.
        address: origin of the pages, if a proxy in front of this server has another one.

    Raises:
        FormRefusedError: a header says that the request comes from elsewhere.
    """
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    if site not in {"same-origin", "none"} or origin not in {None, own_origin(request), address}:
        raise FormRefusedError


async def read_form(request: Request, most_bytes: int) -> Form:
    """Return what a form sent.

    Args:
        request: the request.
        most_bytes: limit of its body, checked before it is parsed.

    Raises:
        TooLargeError: the body, the number of fields or of files is above the limit.
        FormRefusedError: the body is not a form.
    """
    body = await _bounded(request, most_bytes)
    again = Request(request.scope, _given(body))
    texts: dict[str, list[str]] = {}
    files: dict[str, bytes] = {}
    try:
        async with again.form(
            max_files=MOST_FILES, max_fields=MOST_FIELDS, max_part_size=most_bytes
        ) as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    files[name] = await value.read()
                else:
                    texts.setdefault(name, []).append(_lines(value))
    except HTTPException:  # python-multipart: malformed, or too many parts
        raise FormRefusedError from None
    return Form(texts, files)


def query_of(request: Request) -> Form:
    """Return the parameters of the address."""
    texts: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        texts.setdefault(name, []).append(value)
    return Form(texts)


def _lines(text: str) -> str:
    """Return a text with the line ends of the vocabulary; browsers send CR LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


async def _bounded(request: Request, most: int) -> bytes:
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > most:
                raise TooLargeError(most=most)
    except ClientDisconnect:
        raise FormRefusedError from None
    return bytes(body)


def _given(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
