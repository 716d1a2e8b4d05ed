"""A receiver of webhooks on a free port: it verifies each request with another's library."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from standardwebhooks import Webhook, WebhookVerificationError

from adapters.webhook.signing import new_secret

Reply = tuple[int, Mapping[str, str], bytes]


@dataclass
class Taken:
    """One request, verified."""

    headers: dict[str, str]
    body: bytes
    at_s: float

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def message(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class WebhookReceiver:
    """The endpoint.

    Attributes:
        reply: answers a request; by default 204.
        taken: every request, in the order of their ends.
        refused: requests whose signature is not good.
        most: the largest number of requests at once.
    """

    url: str = ""
    secret: str = field(default_factory=new_secret)
    reply: Callable[[Taken], Reply] = lambda _: (204, {}, b"")
    taken: list[Taken] = field(default_factory=list)
    refused: int = 0
    most: int = 0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, headers: dict[str, str], body: bytes) -> Reply:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            try:
                Webhook(self.secret).verify(body, headers)
            except WebhookVerificationError:
                self.refused += 1
                return 401, {}, b""
            one = Taken(headers, body, time.monotonic())
            with self._lock:
                self.taken.append(one)
            return self.reply(one)
        finally:
            with self._lock:
                self._now -= 1

    def events(self) -> list[str]:
        """Return the ids of the events, in the order in which they came."""
        return [one.event["id"] for one in self.taken]

    def counts(self) -> Counter[str]:
        return Counter(one.message for one in self.taken)


@contextmanager
def webhook_receiver(
    context: ssl.SSLContext | None = None,
    secret: str | None = None,
    *,
    again: WebhookReceiver | None = None,
) -> Iterator[WebhookReceiver]:
    """Serve a receiver; with TLS if a context is given.

    ``again`` serves one that was stopped, at its address.
    """
    found = again or (WebhookReceiver() if secret is None else WebhookReceiver(secret=secret))
    port = urlsplit(found.url).port or 0

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, more, content = found.take(headers, body)
            if status == 0:  # the connection breaks before an answer
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            if "content-length" not in {name.lower() for name in more} and status != 204:
                self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client may hang up
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "http" if context is None else "https"
    found.url = f"{scheme}://127.0.0.1:{server.server_address[1]}/events"
    thread = threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
