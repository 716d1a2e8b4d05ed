"""Connection of a reader: the adapter's HTTP interface, with a token and without any key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from concordant.client import http_requests as requests
from concordant.client.events import Accepted, ReceivedEvent
from concordant.client.handled import Untold
from concordant.client.http_requests import HttpRequest
from concordant.client.interface import EventPage, Selection
from concordant.packages import library_missing

try:
    import httpx
except ModuleNotFoundError as error:
    raise library_missing(error, "reader") from None


class HttpConnection:
    """See ``Connection``.

    Args:
        url: address of the adapter's HTTP interface.
        token: from `concordant adapter token new`.
        ca: PEM of the authority of the adapter's certificate; None for those of the system.
        certificate: PEM files of the client's certificate and key.
        transport: of httpx, in place of the network.

    Raises:
        ClientError: `client_address_unusable` or `client_certificate_unusable`.
    """

    def __init__(
        self,
        url: str,
        token: str,
        ca: str | Path | None = None,
        certificate: tuple[str | Path, str | Path] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._client = httpx.Client(
            base_url=requests.checked_address(url),
            headers={"authorization": f"Bearer {token}", "accept": "application/json"},
            verify=requests.tls_context(ca, certificate),
            transport=transport,
            trust_env=False,  # no password of a .netrc in place of the token
        )

    def publish(self, event: str, key: str) -> Accepted:
        """See ``Connection.publish``."""
        return requests.accepted_answer(self.send(requests.publish_request(event, key)))

    def feed(self, _name: str, selection: Selection, *, results: bool) -> HttpFeed:
        """See ``Connection.feed``."""
        return HttpFeed(self.send, selection)

    def state(self, event_id: str, source: str | None) -> Mapping[str, Any]:
        """See ``Connection.state``."""
        return self.send(requests.state_request(event_id, source))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(self, request: HttpRequest) -> dict[str, Any]:
        """Send a request and return its answer.

        Raises:
            ClientError: no answer, or a problem.
        """
        try:
            answer = self._client.request(
                request.method,
                request.path,
                params=dict(request.query),
                content=request.body,
                headers=dict(request.headers or {}),
                timeout=request.timeout_s,
            )
        except httpx.HTTPError as error:
            raise requests.unreachable(error) from None
        return requests.answer_document(
            answer.status_code, answer.content, answer.headers.get("retry-after")
        )


class HttpFeed:
    """See ``Feed``. The adapter keeps nothing for a subscription, so nothing is released."""

    def __init__(self, send: Callable[[HttpRequest], dict[str, Any]], selection: Selection) -> None:
        self._send = send
        self._selection = selection

    def page(self, after: str | None, wait_s: float) -> EventPage:
        """See ``Feed.page``."""
        return requests.page_answer(
            self._send(requests.page_request(self._selection, after, wait_s))
        )

    def settled(self, event: ReceivedEvent[Any]) -> None:
        """See ``Feed.settled``: the position is in the caller's database."""

    def result(self, one: Untold) -> None:
        """See ``Feed.result``."""
        self._send(requests.result_request(one))

    def close(self) -> None:
        """See ``Feed.close``."""


class AsyncHttpConnection:
    """See ``AsyncConnection``; the arguments are those of ``HttpConnection``."""

    def __init__(
        self,
        url: str,
        token: str,
        ca: str | Path | None = None,
        certificate: tuple[str | Path, str | Path] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._client = httpx.AsyncClient(
            base_url=requests.checked_address(url),
            headers={"authorization": f"Bearer {token}", "accept": "application/json"},
            verify=requests.tls_context(ca, certificate),
            transport=transport,
            trust_env=False,
        )

    async def publish(self, event: str, key: str) -> Accepted:
        """See ``Connection.publish``."""
        return requests.accepted_answer(await self.send(requests.publish_request(event, key)))

    async def feed(self, _name: str, selection: Selection, *, results: bool) -> AsyncHttpFeed:
        """See ``Connection.feed``."""
        return AsyncHttpFeed(self, selection)

    async def state(self, event_id: str, source: str | None) -> Mapping[str, Any]:
        """See ``Connection.state``."""
        return await self.send(requests.state_request(event_id, source))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def send(self, request: HttpRequest) -> dict[str, Any]:
        """Send a request and return its answer.

        Raises:
            ClientError: no answer, or a problem.
        """
        try:
            answer = await self._client.request(
                request.method,
                request.path,
                params=dict(request.query),
                content=request.body,
                headers=dict(request.headers or {}),
                timeout=request.timeout_s,
            )
        except httpx.HTTPError as error:
            raise requests.unreachable(error) from None
        return requests.answer_document(
            answer.status_code, answer.content, answer.headers.get("retry-after")
        )


class AsyncHttpFeed:
    """See ``AsyncFeed``."""

    def __init__(self, connection: AsyncHttpConnection, selection: Selection) -> None:
        self._connection = connection
        self._selection = selection

    async def page(self, after: str | None, wait_s: float) -> EventPage:
        """See ``Feed.page``."""
        request = requests.page_request(self._selection, after, wait_s)
        return requests.page_answer(await self._connection.send(request))

    async def settled(self, event: ReceivedEvent[Any]) -> None:
        """See ``Feed.settled``."""

    async def result(self, one: Untold) -> None:
        """See ``Feed.result``."""
        await self._connection.send(requests.result_request(one))

    async def close(self) -> None:
        """See ``Feed.close``."""
