"""The page that asks why a person looks at a case: axe, widths, colours, and the keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Page, expect

from adapters.web.people import Role
from tests.browser.keyboard import enter_text, pick, press
from tests.browser.stage import asking_staged
from tests.browser.test_pages import measured
from tests.support.browser import ServedPages, served_pages

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedPages]:
    with ThreadPoolExecutor(1) as thread:  # Playwright has an event loop in this one
        stage = thread.submit(asking_staged, tmp_path_factory.mktemp("asking")).result()
    with served_pages(stage.folder, stage.clock) as running:
        yield running


def test_a_reason_is_asked_once_and_with_the_keyboard_alone(
    page: Page, asking: ServedPages
) -> None:
    asking.sign_in(page, Role.CASEWORKER)
    page.goto(f"{asking.origin}/inbox")
    (address,) = page.locator("a[href^='/referrals/']").evaluate_all(
        "links => [...new Set(links.map(link => link.href))]"
    )
    seen = measured(page, address)
    assert seen.violations + seen.sideways + seen.forced == []
    page.goto(address)
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Why are you looking at this case?")
    expect(page.get_by_text("Exampleton")).to_have_count(0)

    pick(page, page.get_by_role("group", name="Reason"), "Another reason")
    press(page, "Continue")
    expect(page.get_by_role("alert")).to_contain_text("Say in words")
    enter_text(page, page.get_by_label("In words"), "Visit of the inspectorate")
    press(page, "Continue")
    expect(page.get_by_text("Noor Exampleton").first).to_be_visible()
    page.goto(address)
    expect(page.get_by_text("Noor Exampleton").first).to_be_visible()
