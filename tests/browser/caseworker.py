"""Steps of a caseworker at the desk with the keyboard alone, by the labels that the pages show."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from playwright.sync_api import Locator, Page, expect

from adapters.web.people import Role
from tests.browser.keyboard import enter, enter_text, follow, pick, press, select, tick
from tests.browser.working_town import PartnershipAtWork

ACCOUNT = "Words were written on my door."
ARRIVAL_MS = 60_000
"""Longest wait for something that another agency sent."""


def sign_in(page: Page, town: PartnershipAtWork, agency: str, *roles: Role) -> None:
    """Sign in at an agency's pages."""
    town[agency].pages.sign_in(page, *(roles or (Role.CASEWORKER,)))


def new_person() -> str:
    """Return an invented name that no other referral has."""
    return f"Noor Exampleton {uuid4().hex[:8]}"


def begin(page: Page, recipients: Sequence[str]) -> None:
    """Begin a referral, choose its recipients and note consent to everything."""
    follow(page, "New referral")
    press(page, "Start a new referral")
    address(page, recipients)


def address(page: Page, recipients: Sequence[str]) -> None:
    """Choose the recipients, and note consent to everything."""
    for one in recipients:
        tick(page, page.locator(f"input[type=checkbox][value='{one}']"))
    press(page, "Continue")
    expect(page.get_by_role("heading", level=1)).to_have_text("What did the person agree to?")
    for question in page.locator("fieldset").all():
        pick(page, question, "Yes")
    press(page, "Continue")


def write(page: Page, service: str, name: str) -> None:
    """Answer the question pages up to the preview."""
    select(page, page.get_by_label("Service that is asked for"), service)
    press(page, "Save and continue")
    enter_text(page, page.get_by_label("Victim's name"), name)
    press(page, "Save and continue")
    tick(page, page.get_by_role("checkbox", name="Race", exact=True))
    enter_text(page, page.get_by_label("Account of the incident"), ACCOUNT)
    press(page, "Save and continue")
    while "/part/" in page.url:
        press(page, "Save and continue")
    expect(page.get_by_role("heading", level=1)).to_have_text("Check before you send")


def preview_of(page: Page, field: str) -> list[str]:
    """Return what the preview says of a field, a text for each recipient."""
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=field, exact=True))
    return row.get_by_role("cell").all_inner_texts()[1:]


def send(page: Page, service: str, recipients: Sequence[str], name: str) -> str:
    """Write and send a referral; return its reference."""
    begin(page, recipients)
    write(page, service, name)
    press(page, f"Send to {len(recipients)} agenc{'y' if len(recipients) == 1 else 'ies'}")
    return sent_reference(page)


def sent_reference(page: Page) -> str:
    """Return the reference that the page after sending has."""
    expect(page.get_by_role("status")).to_contain_text("Sent.")
    return page.url.rpartition("reference=")[2]


def open_received(page: Page, reference: str) -> None:
    """Wait until the inbox shows a referral by itself, and open it."""
    follow(page, "Inbox")
    row = listed(page, reference)
    expect(row).to_have_count(1, timeout=ARRIVAL_MS)
    enter(page, row.get_by_role("link"))
    expect(page.get_by_role("heading", name="What was shared with us", exact=True)).to_be_visible()


def listed(page: Page, reference: str) -> Locator:
    """Return the rows of a list that have a reference."""
    return page.get_by_role("row").filter(has_text=reference[:8])


def take_step(page: Page, step: str) -> None:
    """Take a step with the open referral."""
    follow(page, step)
    press(page, "Send")
    expect(page.get_by_role("status")).to_contain_text("Sent")


def reload_until(page: Page, found: Locator) -> None:
    """Load a page again until it shows something that another agency sent."""
    for _ in range(ARRIVAL_MS // 500):
        if found.count():
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(found.first).to_be_visible()
