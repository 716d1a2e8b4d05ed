"""Pages of an agency in a real Chromium, driven by Playwright."""

from __future__ import annotations

import asyncio
import html
import re
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from adapters.web.people import EVERY_ROLE, Person, Role
from adapters.web.serving import WebServer
from tests.support.printing import chromium

WIDE, NARROW = 1_280, 320
"""Widths in CSS pixels; 320 is a telephone, and 1,280 at a zoom of 400 per cent."""
HEIGHT = 900
PARTS_OF_A_DATE = 4
"""Further stops of the focus in a field for a date: Chromium has one for each part."""


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


def linked_paths(text: str) -> set[str]:
    """Addresses on the same server that a page links to, without their fragments."""
    found = re.findall(r'<a\b[^>]*\bhref="(/[^"#]*)', text)
    return {html.unescape(path) for path in found}


COLOUR_RULES: Final = ("color-contrast", "link-in-text-block")
"""Rules of axe-core whose answer depends on the colours."""
LAYOUT_RULES: Final = (*COLOUR_RULES, "target-size", "scrollable-region-focusable", "region")
"""Rules of axe-core whose answer depends on the width."""


def axe_violations(page: Page, *, only: Sequence[str] = ()) -> list[str]:
    """Return the violations that axe-core finds, one line for each place.

    Args:
        page: the page; axe-core is loaded into it once.
        only: rules that are asked; every rule by default.
    """
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(Axe().axe_script)
    options: dict[str, object] = {"resultTypes": ["violations"]}
    if only:
        options["runOnly"] = {"type": "rule", "values": list(only)}
    found: list[Mapping[str, Any]] = page.evaluate(
        "async options => (await axe.run(options)).violations", options
    )
    return [
        f"{one['id']}: {node['target']}: {node['failureSummary'].splitlines()[-1].strip()}"
        for one in found
        for node in one["nodes"]
    ]


def scrolls_sideways(page: Page) -> list[str]:
    """Elements that make a page wider than its window; empty if it is not."""
    return list(
        page.evaluate(
            """() => {
              const width = document.documentElement.clientWidth;
              if (document.documentElement.scrollWidth <= width) return [];
              const all = [...document.querySelectorAll('body *')];
              return all.filter(one => one.getBoundingClientRect().right > width + 1)
                .map(one => `${one.tagName}.${one.className} ${one.textContent.slice(0, 30)}`)
                .slice(0, 5).concat(['the page']);
            }"""
        )
    )


FOCUSABLE: Final = """[...document.querySelectorAll(
  `a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]`)]
  .filter(one => !one.disabled && one.checkVisibility({visibilityProperty: true}))"""
"""Elements that can have the focus, in JavaScript."""


def lost_in_forced_colours(page: Page) -> list[str]:
    """Elements that a reader with own colours cannot tell from text, or whose focus does not show.

    The browser then draws neither backgrounds nor shadows: what is left is borders and outlines.
    """
    found: list[str] = page.evaluate(
        f"""() => {{
          const drawn = (style, side) => style[side + 'Style'] !== 'none'
            && parseFloat(style[side + 'Width']) > 0;
          const faults = [];
          for (const one of document.querySelectorAll('.button, .tag, .notice, .card')) {{
            const style = getComputedStyle(one);
            if (!['borderTop', 'borderLeft', 'borderBottom'].some(side => drawn(style, side)))
              faults.push('no border: ' + one.outerHTML.slice(0, 80));
          }}
          for (const one of {FOCUSABLE}) {{
            one.focus({{focusVisible: true, preventScroll: true}});
            if (!drawn(getComputedStyle(one), 'outline'))
              faults.push('no focus: ' + one.outerHTML.slice(0, 80));
          }}
          document.activeElement.blur();
          return faults;
        }}"""
    )
    return found


def walk_by_keyboard(page: Page) -> tuple[int, int, list[str]]:
    """Press Tab through a page.

    Returns:
        (number of elements that can have the focus, number that had it, elements whose focus does
        not show).
    """
    wanted: int = page.evaluate(
        f"""() => {{
          window.focused = new Map();
          document.addEventListener('focusin', event => {{
            const style = getComputedStyle(event.target);
            const shows = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0
              || style.boxShadow !== 'none';
            window.focused.set(event.target, shows || window.focused.get(event.target) === true);
          }});
          return {FOCUSABLE}.filter(one => one.type !== 'radio' || one.checked
            || !document.querySelector(`input[name="${{one.name}}"]:checked`)
            && one === document.querySelector(`input[name="${{one.name}}"]`)).length;
        }}"""
    )
    dates: int = page.locator("input[type=date], input[type=time]").count()
    for _ in range(wanted + 3 + PARTS_OF_A_DATE * dates):
        page.keyboard.press("Tab")
    had: int = page.evaluate("() => window.focused.size")
    hidden: list[str] = page.evaluate(
        """() => [...window.focused].filter(([, shows]) => !shows)
             .map(([one]) => one.outerHTML.slice(0, 80))"""
    )
    return wanted, had, hidden
