"""Limits of the HTTP interface: requests a minute, waiting readers, bytes and depth of a body."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from starlette.requests import ClientDisconnect, Request

from adapters.http_api.problems import ApiError

BODY_S: Final = 10.0
"""Seconds within which a body must come."""
MOST_WAITING: Final = 8
"""Readers that wait or stream at one time, for each token name."""
_MINUTE_S: Final = 60.0


class RequestRate:
    """Token bucket for each name: a minute's requests at once, then evenly over time.

    Args:
        per_minute: requests a minute.
        monotonic: seconds of a monotonic clock.
    """

    def __init__(self, per_minute: int, monotonic: Callable[[], float]) -> None:
        self._most = float(per_minute)
        self._each_s = _MINUTE_S / per_minute
        self._monotonic = monotonic
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, name: str) -> None:
        """Count a request of a name, which is that of a valid token.

        Raises:
            ApiError: `rate_limited` (429) with `Retry-After`.
        """
        now = self._monotonic()
        left, at = self._left.get(name, (self._most, now))
        left = min(self._most, left + (now - at) / self._each_s)
        if left < 1.0:
            self._left[name] = (left, now)
            seconds = max(1, int((1.0 - left) * self._each_s + 0.999))
            raise ApiError(
                429,
                f"This token may send {int(self._most):,} requests a minute.",
                code="rate_limited",
                headers={"retry-after": str(seconds)},
            )
        self._left[name] = (left - 1.0, now)


class WaitingReaders:
    """Number of requests that wait for events, for each token name."""

    def __init__(self) -> None:
        self._waiting: Counter[str] = Counter()

    @contextmanager
    def one(self, name: str) -> Iterator[None]:
        """Count one waiting request.

        Raises:
            ApiError: `readers_many` (429).
        """
        self.require_room(name)
        self._waiting[name] += 1
        try:
            yield
        finally:
            self._waiting[name] -= 1

    def require_room(self, name: str) -> None:
        """Check that one more request may wait.

        Raises:
            ApiError: `readers_many` (429).
        """
        if self._waiting[name] >= MOST_WAITING:
            raise ApiError(
                429,
                f"{MOST_WAITING} requests of this token wait for events already.",
                code="readers_many",
                headers={"retry-after": "5"},
            )


async def read_body(request: Request, limit: int) -> bytes:
    """Return the body of a request, read within limits of bytes and time.

    Raises:
        ApiError: `request_too_large` (413) or `request_slow` (408).
    """
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and (len(length) > 12 or int(length) > limit):
        raise _too_large(limit)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for piece in request.stream():
                body += piece
                if len(body) > limit:
                    raise _too_large(limit)
    except (TimeoutError, ClientDisconnect):
        raise ApiError(
            408,
            f"The body did not come within {BODY_S:g} seconds.",
            code="request_slow",
            headers={"connection": "close"},
        ) from None
    return bytes(body)


def _too_large(limit: int) -> ApiError:
    return ApiError(
        413,
        f"The body has more than {limit:,} bytes.",
        code="request_too_large",
        headers={"connection": "close"},
    )
