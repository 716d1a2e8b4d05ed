"""Two people at one referral, a double click, a session that ends, an adapter or Kafka down."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from adapters.web.people import Role
from adapters.web.sessions import IDLE_MS
from tests.browser.caseworker import (
    begin,
    listed,
    new_person,
    open_received,
    send,
    sign_in,
    write,
)
from tests.browser.keyboard import enter, follow, press
from tests.browser.working_town import CHARITY, POLICE, PartnershipAtWork
from tests.support.browser import tab

pytestmark = pytest.mark.slow


def test_the_second_of_two_people_is_told_and_sends_nothing(
    browser: Browser, town: PartnershipAtWork, page: Page
) -> None:
    sign_in(page, town, CHARITY)
    reference = send(page, "Police investigation", [POLICE], new_person())
    with tab(browser) as first, tab(browser) as second:
        for one in (first, second):
            sign_in(one, town, POLICE)
            open_received(one, reference)
        follow(first, "Accept")
        follow(second, "Acknowledge")
        press(first, "Send")
        expect(first.get_by_role("status")).to_contain_text("Sent")
        press(second, "Send")
        expect(second.get_by_role("alert", name="Another person was faster")).to_be_visible()
        expect(second.get_by_role("button", name="Send", exact=True)).to_have_count(0)
        follow(second, "Open the referral again")
        expect(second.get_by_text("accepted the referral.")).to_have_count(1)


def test_a_double_click_sends_once(town: PartnershipAtWork, page: Page) -> None:
    sign_in(page, town, CHARITY)
    begin(page, [POLICE])
    write(page, "Police investigation", new_person())
    page.get_by_role("button", name="Send to 1 agency").dblclick()
    page.wait_for_url(re.compile("reference="))
    reference = page.url.rpartition("reference=")[2]
    expect(listed(page, reference)).to_have_count(1)
    enter(page, listed(page, reference).get_by_role("link"))
    expect(page.locator("li[data-type='referral.made']")).to_have_count(1)


def test_after_a_session_ends_the_draft_is_there(
    browser: Browser, town: PartnershipAtWork, page: Page
) -> None:
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
    charity.ahead_ms -= IDLE_MS
    sign_in(page, town, CHARITY)
    follow(page, "New referral")
    drafts = page.get_by_role("rowheader").get_by_role("link")
    drafts.filter(has_text=draft.rsplit("/", 2)[1][:8]).click()
    expect(page.get_by_role("cell", name=person)).to_be_visible()
    press(page, "Send to 1 agency")
    expect(page.get_by_role("status")).to_contain_text("Sent.")


def test_without_its_adapter_a_desk_keeps_what_is_sent(
    browser: Browser, town: PartnershipAtWork, page: Page
) -> None:
    sign_in(page, town, CHARITY)
    with town[CHARITY].adapter_down():
        follow(page, "Inbox")
        expect(page.get_by_role("region", name="Our adapter does not run")).to_be_visible()
        reference = send(page, "Police investigation", [POLICE], new_person())
        expect(page.locator("#adapter-down")).to_contain_text("1 message of ours is held here")
        with tab(browser) as operator:
            sign_in(operator, town, CHARITY, Role.OPERATOR)
            expect(operator.get_by_role("heading", name="What to do now")).to_be_visible()
    with tab(browser) as police:
        sign_in(police, town, POLICE)
        open_received(police, reference)


def test_without_kafka_the_pages_say_so_and_what_is_sent_goes_out_later(
    browser: Browser, town: PartnershipAtWork, page: Page
) -> None:
    sign_in(page, town, CHARITY)
    with town.kafka_down(), tab(browser) as operator:
        reference = send(page, "Police investigation", [POLICE], new_person())
        expect(listed(page, reference)).to_have_count(1)
        interrupted = page.locator("#kafka-down")
        expect(interrupted).to_contain_text("1 message of ours is held here", timeout=60_000)
        sign_in(operator, town, CHARITY, Role.OPERATOR)
        expect(operator.get_by_role("heading", level=1)).to_contain_text("Kafka")
    expect(interrupted).to_have_count(0, timeout=60_000)
    with tab(browser) as police:
        sign_in(police, town, POLICE)
        open_received(police, reference)
