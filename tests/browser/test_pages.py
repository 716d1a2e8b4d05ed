"""Every page in a real Chromium: axe, widths, colours, keyboard, without scripts, other languages.

Each page is opened once for all that can be measured side by side.

The pages are found by following links from the first page of each role. A route that no link leads
to fails the first test, so that a new page cannot be forgotten.
"""

from __future__ import annotations

import gettext
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import pytest
from playwright.sync_api import Browser, Page
from starlette.routing import compile_path

from adapters.web.areas import AREAS, OWN
from adapters.web.figures import work
from adapters.web.figures.work import WantedTable
from adapters.web.people import Role
from broker.errors import WrongInputError
from tests.browser.stage import Stage, desk_staged
from tests.support.browser import (
    COLOUR_RULES,
    HEIGHT,
    LAYOUT_RULES,
    NARROW,
    WIDE,
    ServedPages,
    axe_violations,
    linked_paths,
    lost_in_forced_colours,
    scrolls_sideways,
    served_pages,
    tab,
    walk_by_keyboard,
)

pytestmark = pytest.mark.slow

ROUTES = [page for area in (*AREAS, OWN) for page in area.pages if page.method == "GET"]
ON_DEMAND: Mapping[str, str] = {
    "/put-aside/item": "/put-aside/item?kind=quarantine&reference=1",
    "/figures/new": "/figures/new?period=2026-Q1&by=borough&by=strand",
    "/figures/making": "/figures/making",
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


@dataclass(frozen=True, slots=True)
class Measured:
    """One visit to a page.

    Attributes:
        violations: of axe-core: every rule, then those that other colours or a width change.
        sideways: elements that make it wider than the window.
        forced: what is lost in the colours of the reader.
        scripted: headings, links and buttons that it has only with or only without scripts.
    """

    violations: list[str]
    sideways: list[str]
    forced: list[str]
    scripted: list[str]


def measured(page: Page, address: str, plain: Page | None = None) -> Measured:
    """Open a page once, and look at it in each width and with each colours.

    Args:
        page: a tab.
        address: of the page.
        plain: a tab of the same session, without scripts.
    """
    page.set_viewport_size({"width": WIDE, "height": HEIGHT})
    page.goto(address)
    scripted = [] if plain is None else different_parts(page, plain, address)
    return measured_here(page, scripted)


def measured_here(page: Page, scripted: Sequence[str] = ()) -> Measured:
    """Look at the open page in each width and with each colours.

    Args:
        page: a tab.
        scripted: what the page has only with or only without scripts.
    """
    page.set_viewport_size({"width": WIDE, "height": HEIGHT})
    violations = [f"light: {one}" for one in axe_violations(page)]
    sideways = [f"at {WIDE}: {one}" for one in scrolls_sideways(page)]
    page.emulate_media(color_scheme="dark")
    violations += [f"dark: {one}" for one in axe_violations(page, only=COLOUR_RULES)]
    page.emulate_media(color_scheme="light", forced_colors="active")
    forced = lost_in_forced_colours(page)
    page.emulate_media(color_scheme="light", forced_colors="none")
    page.set_viewport_size({"width": NARROW, "height": HEIGHT})
    violations += [f"at {NARROW}: {one}" for one in axe_violations(page, only=LAYOUT_RULES)]
    sideways += [f"at {NARROW}: {one}" for one in scrolls_sideways(page)]
    return Measured(violations, sideways, forced, list(scripted))


def different_parts(page: Page, plain: Page, address: str) -> list[str]:
    """Return the headings, links and buttons of which one tab shows more than the other."""
    plain.goto(address)
    with_scripts, without = (
        Counter(one.locator("h1, h2, main a, main button").all_inner_texts())
        for one in (page, plain)
    )
    return sorted((with_scripts - without) + (without - with_scripts))


@pytest.fixture(scope="module")
def visits(browser: Browser, pages: ServedPages, addresses: list[str]) -> Mapping[str, Measured]:
    """One visit to each page of the stage."""
    with tab(browser) as page:
        pages.sign_in(page)
        session = page.context.storage_state()
        with tab(browser, java_script_enabled=False, storage_state=session) as plain:
            return {path: measured(page, pages.origin + path, plain) for path in addresses}


def faults(visits: Mapping[str, Measured], of: Callable[[Measured], list[str]]) -> str:
    """Return what is wrong, a line for each fault, with the page."""
    return "\n".join(f"{path}: {one}" for path, visit in visits.items() for one in of(visit))


def test_no_violation(visits: Mapping[str, Measured]) -> None:
    assert faults(visits, lambda visit: visit.violations) == ""


def test_nothing_scrolls_sideways(visits: Mapping[str, Measured]) -> None:
    assert faults(visits, lambda visit: visit.sideways) == ""


def test_forced_colours(visits: Mapping[str, Measured]) -> None:
    """Buttons, tags and the focus show in the colours of the reader (high contrast)."""
    assert faults(visits, lambda visit: visit.forced) == ""


def test_without_scripts(visits: Mapping[str, Measured]) -> None:
    """The same headings, links and buttons."""
    assert faults(visits, lambda visit: visit.scripted) == ""


def test_empty_pages(browser: Browser, empty: ServedPages) -> None:
    """Pages of an agency with nothing to show."""
    entries = [entry for area in AREAS for entry in area.entries]
    with tab(browser) as page:
        empty.sign_in(page)
        for entry in entries:
            assert page.request.get(empty.origin + entry.path).status == 200, entry.path
        found = {entry.path: measured(page, empty.origin + entry.path) for entry in entries}

    assert faults(found, lambda visit: visit.violations + visit.sideways + visit.forced) == ""


def test_pages_of_a_refusal(browser: Browser, pages: ServedPages) -> None:
    """No session, a link that was used, no permission."""
    with tab(browser) as page:
        found = {path: measured(page, pages.origin + path) for path in ("/help", "/link/used")}
        pages.sign_in(page, Role.CASEWORKER)
        for path in ("/board", "/agreements"):
            assert page.request.get(pages.origin + path).status == 403
            found[path] = measured(page, pages.origin + path)

    assert faults(found, lambda visit: visit.violations + visit.sideways + visit.forced) == ""


def test_the_page_that_waits_for_a_table(
    browser: Browser, pages: ServedPages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page of a refusal follows, which the other tests then see."""
    go = threading.Event()

    def refused(*_: object, **__: object) -> None:
        assert go.wait(60)
        raise WrongInputError("It is not published.", code="figures_unprotected", fix="Ask less.")

    monkeypatch.setattr(work, "release_figures", refused)
    begun = pages.server._agency.figures.begin(WantedTable("any", "2026-Q1", ("borough",)))
    assert begun is not None
    with tab(browser) as page:
        page.route("**/live.js*", lambda route: route.abort())  # it would load the page again
        pages.sign_in(page)
        found = {"making": measured(page, f"{pages.origin}/figures/making")}
        assert page.locator("#making").is_visible()
    go.set()
    assert begun.wait(60)

    assert faults(found, lambda visit: visit.violations + visit.sideways + visit.forced) == ""


def test_keyboard_alone(page: Page, pages: ServedPages, addresses: list[str]) -> None:
    """Every link and field has the focus once in turn, and one sees where it is."""
    wrong = []
    for path in addresses:
        page.goto(pages.origin + path)
        wanted, had, hidden = walk_by_keyboard(page)
        if had < wanted:
            wrong.append(f"{path}: {had} of {wanted}")
        wrong += [f"{path}: {one}" for one in hidden]

    assert "\n".join(wrong) == ""


class Longer(gettext.NullTranslations):
    """A language whose texts are a third longer, in brackets.

    A text of places alone, such as that of a date, stays as it is: its values are longer.
    """

    def gettext(self, message: str) -> str:
        own = re.sub(r"%\(\w+\)[sd]", "", message)
        if not any(letter.isalpha() for letter in own):
            return message
        words = "xxxxx " * (len(own) // 18 + 1)
        return f"[{message} {words.strip()}]"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)


def test_a_language_with_longer_texts(
    browser: Browser, stage: Stage, addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.web.serving.texts_of", lambda _root, _language: Longer())
    wrong = []
    with served_pages(stage.folder, stage.clock) as longer, tab(browser) as page:
        longer.sign_in(page)
        for path in addresses:
            page.goto(longer.origin + path)
            for width in (WIDE, NARROW):
                page.set_viewport_size({"width": width, "height": 900})
                wrong += [f"{path} at {width}: {one}" for one in scrolls_sideways(page)]

    assert "\n".join(wrong) == ""
