"""Pages that a person meets when a request is refused, and the page that ends other sessions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from adapters.web import app, request_limits
from adapters.web.people import Role
from adapters.web.sessions import RECENT_MS
from tests.browser.keyboard import follow, press
from tests.browser.stage import staged
from tests.browser.test_pages import Measured, measured_here
from tests.support.browser import ServedPages, served_pages, tab
from tests.support.founded_partnership import COUNCIL, HOUR, NOW
from tests.unit.adapters.web.conftest import Clock

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An agency that has neither sent nor received anything."""
    return staged(tmp_path_factory.mktemp("refused"), used=False).folder


@pytest.fixture
def time() -> Clock:
    return Clock(NOW + HOUR)


@pytest.fixture
def served(folder: Path, time: Clock) -> Iterator[ServedPages]:
    with served_pages(folder, time) as running:
        yield running


def faults(seen: Measured) -> list[str]:
    return seen.violations + seen.sideways + seen.forced


def test_a_person_ends_their_other_session(browser: Browser, served: ServedPages) -> None:
    with tab(browser) as here, tab(browser) as there:
        for one in (there, here):
            served.sign_in(one, Role.OFFICER)
        follow(here, "Where you are signed in")
        expect(here.get_by_role("table")).to_contain_text("this session")
        press(here, "End all other sessions")
        expect(here.get_by_role("status")).to_have_text("The session has ended.")
        there.reload()
        expect(there.get_by_role("heading", level=1)).to_have_text("Sign in to go on")


def test_a_step_without_return_asks_to_sign_in_again(
    page: Page, served: ServedPages, time: Clock
) -> None:
    served.sign_in(page, Role.OFFICER)
    page.goto(f"{served.origin}/partners/{COUNCIL}")
    time.now += RECENT_MS
    page.get_by_role("main").get_by_role("button").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in again for this step")
    assert faults(measured_here(page)) == []
    follow(page, "Go back to the page")
    assert page.url.endswith(f"/partners/{COUNCIL}")


def test_too_many_requests(
    page: Page, folder: Path, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "REQUESTS_A_MINUTE", 2)
    with served_pages(folder, time) as served:
        served.sign_in(page)
        address = f"{served.origin}/help"
        while (answer := page.goto(address)) is not None and answer.status != 429:
            pass
        assert faults(measured_here(page)) == []
        expect(page.get_by_role("heading", level=1)).to_have_text("Please wait a minute")


def test_a_form_that_comes_too_slowly(
    page: Page, served: ServedPages, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.sign_in(page, Role.OFFICER)
    page.goto(f"{served.origin}/bundles")
    monkeypatch.setattr(request_limits, "BODY_S", -1.0)
    monkeypatch.setattr(request_limits, "BODY_RATE", 10**9)
    several_pieces = {"name": "x", "mimeType": "application/zip", "buffer": bytes(400_000)}
    page.get_by_label("File from another agency").set_input_files(several_pieces)
    page.get_by_role("button", name="Add the file").click()
    assert faults(measured_here(page)) == []
    expect(page.get_by_role("heading", level=1)).to_have_text("The form came too slowly")
