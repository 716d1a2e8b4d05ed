"""A session that ends midway."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from adapters.web.sessions import IDLE_MS
from tests.browser.caseworker import begin, follow, new_person, press, sign_in, write
from tests.browser.working_town import CHARITY, POLICE, PartnershipAtWork

pytestmark = pytest.mark.slow


def test_after_a_session_ends_the_draft_is_there(town: PartnershipAtWork, page: Page) -> None:
    charity = town[CHARITY]
    sign_in(page, town, CHARITY)
    person = new_person()
    begin(page, [POLICE])
    write(page, "Police investigation", person)
    draft = page.url
    charity.ahead_ms += IDLE_MS
    press(page, "Send to 1 agency")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in to go on")
    expect(page.get_by_text(person)).to_have_count(0)
    sign_in(page, town, CHARITY)
    follow(page, "New referral")
    drafts = page.get_by_role("table").get_by_role("link")
    drafts.filter(has_text=draft.rsplit("/", 2)[1][:8]).click()
    expect(page.get_by_role("cell", name=person)).to_be_visible()
    press(page, "Send to 1 agency")
    expect(page.get_by_role("status")).to_have_text("Sent.")
