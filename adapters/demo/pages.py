"""Pages of every agency of the demo, while its Kafka and its adapters go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from adapters.demo.screen import Screen
from adapters.demo.stage import Stage
from adapters.web.people import EVERY_ROLE, LINK, Person
from adapters.web.serving import WebServer
from adapters.web.terminal import on_enter
from broker.clock import now_ms

PEOPLE: Final[Mapping[str, str]] = {
    "csu-camden": "Ada Brennan",
    "csu-lewisham": "Owen Carlisle",
    "cps-london": "Priya Dunmore",
    "council-camden": "Morgan Hale",
    "council-lewisham": "Tess Eldridge",
    "haven-support": "Sam Ashworth",
    "lantern-centre": "Rosa Marlow",
}
"""Invented person of each agency, who has every role."""


def serve_pages(stage: Stage, screen: Screen) -> None:
    """Serve the pages of each agency until Ctrl-C or SIGTERM.

    Args:
        stage: the running agencies.
        screen: where the links are shown.
    """
    screen.act("The pages of each agency")
    screen.line("Each link works once. Enter prints others. Ctrl-C ends everything.")
    folders = {agency: stage.directory(agency) for agency in stage.agencies}
    try:
        asyncio.run(serve_until(asyncio.Event(), folders, screen.line))
    except KeyboardInterrupt:
        screen.line("Ending.")


async def serve_until(
    stop: asyncio.Event, folders: Mapping[str, Path], show: Callable[[str], None]
) -> None:
    """Serve the pages of some agencies, and show a link for each.

    Args:
        stop: ends it.
        folders: agency id to folder.
        show: takes a line with the id and the link.
    """
    servers: dict[str, WebServer] = {}

    def show_links() -> None:
        for agency, server in servers.items():
            show(f"  {agency:<17} {server.new_link(_person(agency))}")

    async with AsyncExitStack() as stack:
        for agency, folder in folders.items():
            servers[agency] = WebServer(folder, now_ms, "127.0.0.1", 0)
            stack.push_async_callback(servers[agency].stop)
            await servers[agency].start()
        show_links()
        on_enter(show_links)
        await stop.wait()


def _person(agency: str) -> Person:
    name = PEOPLE[agency]
    return Person(name.lower().replace(" ", "."), name, EVERY_ROLE, LINK)
