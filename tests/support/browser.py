"""Pages of an agency in a real Chromium, driven by Playwright."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from adapters.web.people import EVERY_ROLE, Person, Role
from adapters.web.serving import WebServer
from tests.support.printing import chromium

WIDE, NARROW = 1_280, 320
"""Widths in CSS pixels; 320 is a telephone, and 1,280 at a zoom of 400 per cent."""
HEIGHT = 900


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Chromium without a window. Skips where it is missing, fails where it has to be there."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


class ServedPages:
    """The pages of one agency on a free port, served by a thread.

    Args:
        folder: the agency's folder.
        clock: () -> ms since the epoch.
    """

    def __init__(self, folder: Path, clock: Callable[[], int]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.server = WebServer(folder, clock, "127.0.0.1", 0)
        self._run(self.server.start())

    @property
    def origin(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server.port}"

    def sign_in(self, page: Page, *roles: Role) -> None:
        """Sign a person in; without roles with every role."""
        person = Person("rosa", "Rosa Sampleworth", frozenset(roles) or EVERY_ROLE, "provider")
        page.goto(self.server.new_link(person))

    def close(self) -> None:
        """Stop the server."""
        self._run(self.server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(60)


@contextmanager
def served_pages(folder: Path, clock: Callable[[], int]) -> Iterator[ServedPages]:
    """The pages of an agency while a test runs."""
    pages = ServedPages(folder, clock)
    try:
        yield pages
    finally:
        pages.close()


@contextmanager
def tab(browser: Browser, **options: Any) -> Iterator[Page]:
    """A tab of a person with cookies of their own."""
    context: BrowserContext = browser.new_context(
        viewport={"width": WIDE, "height": HEIGHT}, **options
    )
    context.set_default_timeout(20_000)
    page = context.new_page()
    try:
        yield page
    finally:
        context.close()
