"""Every page in a real Chromium: axe, widths, colours, keyboard, without scripts, other languages.

The pages are found by following links from the first page of each role. A route that no link leads
to fails the first test, so that a new page cannot be forgotten.
"""

from __future__ import annotations

import gettext
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

import pytest
from playwright.sync_api import Browser, Page
from starlette.routing import compile_path

from adapters.web.areas import AREAS, OWN
from adapters.web.people import Role
from tests.browser.stage import Stage, desk_staged
from tests.support.browser import (
    NARROW,
    WIDE,
    ServedPages,
    axe_violations,
    linked_paths,
    scrolls_sideways,
    served_pages,
    tab,
    walk_by_keyboard,
)

pytestmark = pytest.mark.slow

ROUTES = [page for area in (*AREAS, OWN) for page in area.pages if page.method == "GET"]
ON_DEMAND: Mapping[str, str] = {
    "/put-aside/item": "/put-aside/item?kind=quarantine&reference=1",
}
"""Pages to which a link leads only in a state that the stage does not have, with an address."""
UNKNOWN = "/not-there"
MOST_A_ROUTE = 2
"""Pages of one route that are looked at; more of the same kind show nothing new."""


def route_of(path: str) -> str | None:
    """Route of a path."""
    plain = path.partition("?")[0]
    return next((one.path for one in ROUTES if compile_path(one.path)[0].match(plain)), None)


@cache
def found_pages(browser: Browser, pages: ServedPages) -> Mapping[str, list[str]]:
    """Addresses of each route, found by following links; none for a route that answers files."""
    found: dict[str, list[str]] = {}
    with tab(browser) as page:
        pages.sign_in(page)
        todo = ["/help", *(entry.path for area in AREAS for entry in area.entries)]
        seen = set(todo)
        while todo:
            path = todo.pop(0)
            route = route_of(path)
            known = found.setdefault(route, []) if route is not None else [""] * MOST_A_ROUTE
            if len(known) < MOST_A_ROUTE:
                answer = page.request.get(pages.origin + path)
                if "content-disposition" not in answer.headers:
                    known.append(path)
                    onward = sorted(linked_paths(answer.text()) - seen)
                    todo += onward
                    seen.update(onward)
    return found


@pytest.fixture(scope="module")
def addresses(browser: Browser, pages: ServedPages) -> list[str]:
    found = found_pages(browser, pages)
    return [path for known in found.values() for path in known] + [*ON_DEMAND.values(), UNKNOWN]


@pytest.fixture
def page(browser: Browser, pages: ServedPages) -> Iterator[Page]:
    with tab(browser) as opened:
        pages.sign_in(opened)
        yield opened


REACHED: Final[set[str]] = set()
"""Routes that links lead to, on the stages so far."""


def test_links_lead_to_every_page(
    browser: Browser, pages: ServedPages, request: pytest.FixtureRequest
) -> None:
    REACHED.update(found_pages(browser, pages))

    missing = {one.path for one in ROUTES} - REACHED - ON_DEMAND.keys()
    if request.node.callspec.params["stage"] is desk_staged:  # the last one
        assert missing == set()


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_no_violation_and_no_sideways_scrolling(
    page: Page, pages: ServedPages, addresses: list[str], colours: str
) -> None:
    page.emulate_media(color_scheme=colours)
    faults = []
    for path in addresses:
        page.set_viewport_size({"width": WIDE, "height": 900})
        page.goto(pages.origin + path)
        for width in (WIDE, NARROW):
            page.set_viewport_size({"width": width, "height": 900})
            faults += [f"{path} at {width}: {one}" for one in axe_violations(page)]
            faults += [f"{path} at {width}: wider: {one}" for one in scrolls_sideways(page)]

    assert "\n".join(faults) == ""


def test_empty_pages(browser: Browser, empty: ServedPages) -> None:
    """Pages of an agency with nothing to show."""
    faults = []
    with tab(browser) as page:
        empty.sign_in(page)
        for entry in (entry for area in AREAS for entry in area.entries):
            answer = page.goto(empty.origin + entry.path)
            assert answer is not None
            assert answer.status == 200, entry.path
            for width in (WIDE, NARROW):
                page.set_viewport_size({"width": width, "height": 900})
                faults += [f"{entry.path} at {width}: {one}" for one in axe_violations(page)]
                faults += [f"{entry.path} at {width}: {one}" for one in scrolls_sideways(page)]

    assert "\n".join(faults) == ""


def test_pages_of_a_refusal(browser: Browser, pages: ServedPages) -> None:
    """No session, no permission, a link that was used."""
    faults = []
    with tab(browser) as page:
        for path in ("/help", "/link/used"):
            page.goto(pages.origin + path)
            faults += [f"{path}: {one}" for one in axe_violations(page) + scrolls_sideways(page)]
        pages.sign_in(page, Role.CASEWORKER)
        for path in ("/board", "/agreements"):
            answer = page.goto(pages.origin + path)
            assert answer is not None
            assert answer.status == 403
            faults += [f"{path}: {one}" for one in axe_violations(page) + scrolls_sideways(page)]

    assert "\n".join(faults) == ""


def test_keyboard_alone(page: Page, pages: ServedPages, addresses: list[str]) -> None:
    """Every link and field has the focus once in turn, and one sees where it is."""
    faults = []
    for path in addresses:
        page.goto(pages.origin + path)
        wanted, had, hidden = walk_by_keyboard(page)
        if had < wanted:
            faults.append(f"{path}: {had} of {wanted}")
        faults += [f"{path}: {one}" for one in hidden]

    assert "\n".join(faults) == ""


def test_forced_colours(page: Page, pages: ServedPages, addresses: list[str]) -> None:
    """Colours of the reader (high contrast); axe-core cannot compute those of the system."""
    page.emulate_media(forced_colors="active")
    faults = []
    for path in addresses:
        page.goto(pages.origin + path)
        found = axe_violations(page, leave_out=["color-contrast"])
        faults += [f"{path}: {one}" for one in found]

    assert "\n".join(faults) == ""


def test_without_scripts(browser: Browser, pages: ServedPages, addresses: list[str]) -> None:
    """The same headings, links and buttons."""
    differ = []
    with tab(browser) as with_scripts, tab(browser, java_script_enabled=False) as without:
        for one in (with_scripts, without):
            pages.sign_in(one)
        for path in addresses:
            shown = []
            for one in (with_scripts, without):
                one.goto(pages.origin + path)
                parts = one.locator("h1, h2, main a, main button")
                shown.append(parts.all_inner_texts())
            if shown[0] != shown[1]:
                differ.append(path)

    assert "\n".join(differ) == ""


class Longer(gettext.NullTranslations):
    """A language whose texts are a third longer, in brackets."""

    def gettext(self, message: str) -> str:
        words = "xxxxx " * (len(message) // 18 + 1)
        return f"[{message} {words.strip()}]"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)


def test_a_language_with_longer_texts(
    browser: Browser, stage: Stage, addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.web.serving.texts_of", lambda _language: Longer())
    faults = []
    with served_pages(stage.folder, stage.clock) as longer, tab(browser) as page:
        longer.sign_in(page)
        for path in addresses:
            page.goto(longer.origin + path)
            for width in (WIDE, NARROW):
                page.set_viewport_size({"width": width, "height": 900})
                faults += [f"{path} at {width}: {one}" for one in scrolls_sideways(page)]

    assert "\n".join(faults) == ""
