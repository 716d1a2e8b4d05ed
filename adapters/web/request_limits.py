"""Limits of a request: how often, how large, from which page."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive

from adapters.web.errors import (
    FormRefusedError,
    RequestTooLargeError,
    TooManyRequestsError,
    TooSlowError,
)
from adapters.web.visit import Form

MOST_FIELDS: Final = 2_000
MOST_FILES: Final = 4
MOST_NAMES: Final = 2_000
"""Names whose rate is kept; the one that asked longest ago is forgotten first."""
MOST_WATCHING: Final = 12
"""Pages of one person that wait for changes at one time."""
MOST_WATCHING_ALL: Final = 128
"""Pages of all people that wait for changes; half of the connections stay for requests."""
MOST_TOGETHER: Final = 8
"""Requests of one person that are answered at one time."""
BODY_S: Final = 15.0
"""Seconds for the first bytes of a body; each further second it must bring `BODY_RATE` bytes."""
BODY_RATE: Final = 16_384
_UTF_8: Final = frozenset({b"utf-8", b"utf8"})


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


class Places:
    """Places for requests that go on at one time. For one event loop.

    Args:
        most: places of one name.
        most_all: places of all names together; None for no limit.
    """

    def __init__(self, most: int, most_all: int | None = None) -> None:
        self._most = most
        self._most_all = most_all
        self._taken: dict[str, int] = {}

    @contextmanager
    def one(self, name: str) -> Iterator[bool]:
        """Take a place meanwhile; gives whether there was one."""
        count = self._taken.get(name, 0)
        room = count < self._most and (
            self._most_all is None or sum(self._taken.values()) < self._most_all
        )
        if room:
            self._taken[name] = count + 1
        try:
            yield room
        finally:
            if room:
                self._taken[name] -= 1
                if not self._taken[name]:
                    del self._taken[name]

    @contextmanager
    def required(self, name: str) -> Iterator[None]:
        """Take a place meanwhile.

        Raises:
            TooManyRequestsError: there is none.
        """
        with self.one(name) as room:
            if not room:
                raise TooManyRequestsError
            yield


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


def require_own_visit(request: Request) -> None:
    """Refuse a page that another site loads as a part of its own, for example as a picture.

    Another program at this machine counts as the same site: browsers send it our cookies.

    Raises:
        FormRefusedError: a header says so. A link of another site is followed.
    """
    site = request.headers.get("sec-fetch-site", "same-origin")
    kind = request.headers.get("sec-fetch-mode"), request.headers.get("sec-fetch-dest")
    if site not in {"same-origin", "none"} and kind != ("navigate", "document"):
        raise FormRefusedError


async def read_form(request: Request, most_bytes: int) -> Form:
    """Return what a form sent.

    Args:
        request: the request.
        most_bytes: limit of its body, checked before it is parsed.

    Raises:
        RequestTooLargeError: the body, the number of fields or of files is above the limit.
        TooSlowError: the body comes too slowly.
        FormRefusedError: the body is not a form, or its texts are not UTF-8.
    """
    _require_utf_8(request)
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
    loop = asyncio.get_running_loop()
    began, pieces = loop.time(), aiter(request.stream())
    try:
        while True:
            async with asyncio.timeout_at(began + BODY_S + len(body) / BODY_RATE):
                piece = await anext(pieces, None)
            if piece is None:
                return bytes(body)
            body += piece
            if len(body) > most:
                raise RequestTooLargeError(most=most)
    except ClientDisconnect:
        raise FormRefusedError from None
    except TimeoutError:
        raise TooSlowError from None


def _require_utf_8(request: Request) -> None:
    """Refuse another encoding: some of Python's take time that grows with the square of a text."""
    _, options = parse_options_header(request.headers.get("content-type"))
    if options.get(b"charset", b"utf-8").lower() not in _UTF_8:
        raise FormRefusedError


def _given(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
