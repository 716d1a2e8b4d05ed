"""A provider that answers slowly: the other pages, and the people at them, do not wait for it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx

from adapters.web.authentication import MOST_ASKING
from adapters.web.serving import WebServer
from tests.support.oidc_provider import HostileProvider
from tests.support.web_visitor import HOST

LIMIT_S = 60


async def test_a_slow_provider_takes_a_part_of_the_threads_only(
    oidc_server: WebServer, provider: HostileProvider
) -> None:
    """Each page is answered in one of 40 threads; people who have not signed in hold 8 of them."""
    release = threading.Event()

    def slow(found: dict[str, Any]) -> dict[str, Any]:
        release.wait(LIMIT_S)
        return found

    provider.metadata = slow
    transport = httpx.ASGITransport(oidc_server.asgi)
    async with httpx.AsyncClient(transport=transport, base_url=HOST) as client:
        waiting = [asyncio.create_task(client.get("/sign-in")) for _ in range(MOST_ASKING)]
        asking = oidc_server._app._authentication._asking
        async with asyncio.timeout(LIMIT_S):
            while asking._taken.get("provider") != MOST_ASKING:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0)
        assert (await client.get("/sign-in")).status_code == 429
        assert (await client.get("/signed-out")).status_code == 200
        release.set()
        answers = await asyncio.gather(*waiting)

    assert {one.status_code for one in answers} == {303}
