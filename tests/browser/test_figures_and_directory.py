"""An analyst publishes the figures of a quarter; a caseworker finds a service and refers to it.

Both use the keyboard alone.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from adapters.web.people import Role
from tests.browser.keyboard import download, enter, follow, press, select, tick
from tests.browser.stage import with_listings
from tests.support.browser import ServedPages, served_pages
from tests.support.founded_partnership import DAY, NOW, POLICE, SUPPORT, founded
from tests.support.recorded_cases import RecordedCases, record_cases

pytestmark = pytest.mark.slow
QUARTER = "January to March 2026"


@pytest.fixture(scope="module")
def police(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedPages]:
    """The police with cases of a quarter, and with the listing of the charity."""
    root = tmp_path_factory.mktemp("police")
    folder = founded().directory(POLICE, root)
    cases = (
        RecordedCases(30, "E09000007", ["race"]),
        RecordedCases(14, "E09000022", ["religion"]),
        RecordedCases(2, "E09000001", ["race"]),
    )
    record_cases(folder, cases, NOW)
    with_listings(folder, root)
    with served_pages(folder, lambda: NOW + 45 * DAY) as running:
        yield running


def test_an_analyst_makes_the_table_of_a_quarter_and_downloads_it(
    page: Page, police: ServedPages
) -> None:
    police.sign_in(page, Role.OFFICER)
    follow(page, "Figures")
    select(page, page.get_by_label("Quarter in which the cases were recorded"), QUARTER)
    tick(page, page.get_by_label("Borough of the scene"))
    press(page, "Continue")
    expect(page.get_by_role("heading", level=1)).to_have_text("Check before you publish this table")
    press(page, "Make and publish the table")

    expect(page).to_have_url(re.compile(r"/figures/\d+$"), timeout=60_000)
    table = page.locator("#figures-table")
    row = table.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Camden"))
    expect(row.get_by_role("cell")).to_have_text("30")
    expect(table).to_contain_text("protects people")
    expect(page.get_by_role("status")).to_contain_text("counts as published")
    file = io.StringIO(download(page, "Download CSV").read_text())
    numbers = {one["borough"]: one["cases"] for one in csv.DictReader(file)}
    assert (numbers["E09000007"], numbers["E09000001"]) == ("30", "")


def test_a_caseworker_finds_a_service_and_starts_a_referral_to_it(
    page: Page, police: ServedPages
) -> None:
    police.sign_in(page, Role.CASEWORKER)
    follow(page, "Find a service")
    select(page, page.get_by_label("Need"), "Advocacy")
    select(page, page.get_by_label("Area"), "Camden")
    press(page, "Search")
    card = page.locator(f"[data-service='{SUPPORT}/emotional-support']")
    expect(card).to_contain_text("Has capacity now")
    expect(page.locator("[data-known]")).to_contain_text("Known, not connected")
    enter(page, card.get_by_role("button"))

    expect(page.get_by_role("heading", level=1)).to_have_text("Who should help?")
    expect(page.locator(f"input[value='{SUPPORT}']")).to_be_checked()
    expect(page.locator("#proposed")).to_contain_text("1 agency")
    press(page, "Continue")
    expect(page.get_by_role("heading", level=1)).to_have_text("What did the person agree to?")
