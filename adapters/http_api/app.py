"""ASGI application of the HTTP interface, from the endpoints of the source and the sink.

It adds `GET /events/{id}`, which says what became of an event, and `GET /openapi.json`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.http_api.endpoints import Access, Endpoint, internal_fault
from adapters.http_api.problems import ApiError, problem_response

HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""Headers of every answer."""
HSTS: Final = "max-age=31536000"


class _SafeHeaders:
    """Adds the headers of every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                if scope.get("scheme") == "https":
                    headers["strict-transport-security"] = HSTS
            await send(message)

        await self._app(scope, receive, sending)


def api_app(access: Access, endpoints: Sequence[Endpoint]) -> Starlette:
    """Return the application.

    Args:
        access: admits requests.
        endpoints: what it offers.
    """
    by_path: dict[str, dict[str, Endpoint]] = {}
    for one in endpoints:
        by_path.setdefault(one.path, {})[one.method] = one
    return Starlette(
        routes=[
            Route(path, _of_path(access, methods), methods=_METHODS)
            for path, methods in by_path.items()
        ],
        middleware=[Middleware(_SafeHeaders)],
        exception_handlers={HTTPException: _outside(access), Exception: _defect},
    )


_METHODS: Final = [
    "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE",
]  # fmt: skip


def _of_path(
    access: Access, methods: dict[str, Endpoint]
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        endpoint = methods.get(request.method)
        if endpoint is None:
            return access.refused(_method_unknown(methods))
        return await access.answer(endpoint, request)

    return answer


def _method_unknown(methods: Iterable[str]) -> ApiError:
    allowed = ", ".join(sorted(methods))
    return ApiError(
        405,
        f"This address knows only: {allowed}.",
        code="method_unknown",
        headers={"allow": allowed},
    )


def _outside(access: Access) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Return the answer to a path that the application does not have."""

    async def answer(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 404:
            return access.refused(
                ApiError(404, "This address does not exist.", code="path_unknown")
            )
        if error.status_code == 405:
            return access.refused(_method_unknown(["GET", "POST"]))
        return access.refused(
            ApiError(error.status_code, "The request is malformed.", code="request_malformed")
        )

    return answer


async def _defect(_request: Request, _error: Exception) -> Response:
    return problem_response(internal_fault())
