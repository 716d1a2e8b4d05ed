"""An analyst publishes the figures of a quarter; a caseworker finds a service and refers to it.

Both use the keyboard alone.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from adapters.web.people import Role
from broker.figures.counting import parse_period
from broker.operations.figure_signatures import check_release
from tests.browser.keyboard import download, enter, follow, press, select, tick
from tests.browser.stage import with_listings
from tests.support.browser import ServedPages, served_pages
from tests.support.founded_partnership import DAY, HOUR, NOW, POLICE, SUPPORT, founded
from tests.support.recorded_cases import RecordedCases, record_cases

pytestmark = pytest.mark.slow
QUARTER, LAST_DAY = "October to December 2025", parse_period("2025-Q4").end_ms - DAY
LATER = NOW + HOUR


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the police with cases of a quarter, and with the listing of the charity."""
    root = tmp_path_factory.mktemp("police")
    folder = founded().directory(POLICE, root)
    cases = (
        RecordedCases(30, "E09000007", ["race"]),
        RecordedCases(14, "E09000022", ["religion"]),
        RecordedCases(2, "E09000001", ["race"]),
    )
    record_cases(folder, cases, NOW, LAST_DAY)
    with_listings(folder, root)
    return folder


@pytest.fixture(scope="module")
def police(folder: Path) -> Iterator[ServedPages]:
    with served_pages(folder, lambda: LATER) as running:
        yield running


def test_an_analyst_makes_the_table_of_a_quarter_and_downloads_it(
    page: Page, police: ServedPages, folder: Path
) -> None:
    police.sign_in(page, Role.OFFICER)
    follow(page, "Figures")
    select(page, page.get_by_label("Quarter in which the cases were recorded"), QUARTER)
    tick(page, page.get_by_label("Borough of the scene"))
    press(page, "Continue")
    expect(page.get_by_role("heading", level=1)).to_have_text("Check before you publish this table")
    expect(page.locator("#missing")).to_contain_text("sent no counts")
    press(page, "Make and publish the table")
    expect(page.get_by_role("alert")).to_contain_text("Tick this box")
    tick(page, page.get_by_label("Publish the table although it is incomplete"))
    press(page, "Make and publish the table")

    expect(page).to_have_url(re.compile(r"/figures/\d+$"), timeout=60_000)
    table = page.locator("#figures-table")
    row = table.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Camden"))
    expect(row.get_by_role("cell")).to_have_text("30")
    expect(table).to_contain_text("protects people")
    expect(page.get_by_role("status")).to_contain_text("counts as published")
    content = download(page, "Download CSV").read_bytes()
    rows = csv.DictReader(io.StringIO(content.decode()))
    numbers = {one["borough"]: one["cases"] for one in rows}
    assert (numbers["E09000007"], numbers["E09000001"]) == ("30", "")
    note = download(page, "Signature : Table as CSV").read_bytes()
    checked = check_release(content, note, folder, LATER)
    assert checked.fault is None
    assert checked.statement is not None
    assert checked.statement.agency == POLICE


def test_an_analyst_makes_a_table_of_referrals(page: Page, police: ServedPages) -> None:
    police.sign_in(page, Role.OFFICER)
    follow(page, "Figures")
    select(page, page.get_by_label("What is counted", exact=True), "Referrals")
    press(page, "Show the choices")
    select(page, page.get_by_label("Quarter in which the referrals were sent"), QUARTER)
    tick(page, page.get_by_label("Time to answer", exact=True))
    press(page, "Continue")
    tick(page, page.get_by_label("Publish the table although it is incomplete"))
    press(page, "Make and publish the table")

    expect(page).to_have_url(re.compile(r"/figures/\d+$"), timeout=60_000)
    expect(page.locator("#figures-table")).to_contain_text("All referrals")


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
