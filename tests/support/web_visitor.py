"""A person at the pages of an agency, without a network: requests, cookies, forms."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from adapters.web.people import EVERY_ROLE, Person, Role
from adapters.web.serving import WebServer

HOST = "http://127.0.0.1"
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


class Visitor:
    """A browser of one person, which follows no redirect by itself."""

    def __init__(self, server: WebServer) -> None:
        self._server = server
        self.cookies: dict[str, str] = {}
        self.csrf = ""
        self.address = "127.0.0.1"

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send one request, and keep the cookies and the form's secret."""
        response = asyncio.run(self._send(method, path, more))
        for name, value in response.cookies.items():
            self.cookies[name] = value
        found = _CSRF.search(response.text)
        if found:
            self.csrf = found[1]
        return response

    async def _send(self, method: str, path: str, more: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(
            self._server.asgi, raise_app_exceptions=False, client=(self.address, 40_000)
        )
        async with httpx.AsyncClient(
            transport=transport, base_url=HOST, cookies=self.cookies
        ) as client:
            return await client.request(method, path, **more)

    def get(self, path: str, **more: Any) -> httpx.Response:
        """Open a page."""
        return self.request("GET", path, **more)

    def post(self, path: str, form: Mapping[str, Any] | None = None, **more: Any) -> httpx.Response:
        """Send a form with the secret of the last page."""
        return self.request("POST", path, data={"csrf": self.csrf, **(form or {})}, **more)

    def sign_in(self, *roles: Role) -> Visitor:
        """Sign in with a one-time link; without roles with every role."""
        person = Person("rosa", "Rosa Sampleworth", frozenset(roles) or EVERY_ROLE, "provider")
        link = self._server.new_link(person)
        response = self.get(link[link.index("/link/") :])
        assert response.status_code == 303
        self.get("/help")
        return self


def visitor(root: Path, now: int, *roles: Role) -> Visitor:
    """Return a person who has signed in at the pages of an agency's folder."""
    return Visitor(WebServer(root, lambda: now, "127.0.0.1", 0)).sign_in(*roles)
