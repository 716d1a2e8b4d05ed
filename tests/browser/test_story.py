"""The demo's story by the hands of its people: referral, agreement, pause, repair, audit.

Each of them uses the keyboard alone.
"""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from adapters.web.people import Role
from broker.agency.participant import load_participant
from broker.clock import now_ms
from broker.operations.bundles import add_bundles
from broker.operations.uploaded_files import bundle_bytes
from tests.browser.caseworker import (
    ACCOUNT,
    ARRIVAL_MS,
    address,
    begin,
    listed,
    new_person,
    open_received,
    preview_of,
    reload_until,
    send,
    sent_reference,
    sign_in,
    take_step,
    write,
)
from tests.browser.keyboard import (
    choose_file,
    download,
    enter,
    enter_text,
    follow,
    press,
    select,
    tick,
)
from tests.browser.working_town import (
    CHARITY,
    COUNCIL,
    POLICE,
    SERVICE,
    PartnershipAtWork,
)
from tests.support.browser import tab
from tests.support.next_version import propose, sign

pytestmark = pytest.mark.slow


def test_a_report_becomes_two_referrals_that_are_answered(
    browser: Browser, town: PartnershipAtWork
) -> None:
    person = new_person()
    with tab(browser) as charity, tab(browser) as police, tab(browser) as council:
        sign_in(charity, town, CHARITY)
        sign_in(police, town, POLICE)
        sign_in(council, town, COUNCIL)

        begin(charity, [POLICE])
        write(charity, "Police investigation", person)
        assert preview_of(charity, "Victim's name") == ["Sees it"]
        press(charity, "Send to 1 agency")
        reported = sent_reference(charity)
        expect(listed(charity, reported)).to_have_count(1)

        open_received(police, reported)
        expect(police.get_by_text(person)).to_be_visible()
        take_step(police, "Accept")
        press(police, "Refer to another agency")
        address(police, [COUNCIL, SERVICE])
        write(police, "Housing", person)
        council_sees, service_sees = preview_of(police, "Account of the incident")
        assert council_sees.startswith("Not sent")
        assert service_sees == "Sees it"
        assert preview_of(police, "Victim's name") == ["Sees it", "Sees it"]
        press(police, "Send to 2 agencies")
        referred = sent_reference(police)
        expect(listed(police, referred)).to_have_count(2)

        open_received(council, referred)
        expect(council.get_by_text(person)).to_be_visible()
        expect(council.get_by_text(ACCOUNT)).to_have_count(0)
        take_step(council, "Accept")

        enter(police, listed(police, referred).filter(has_text="Camden").get_by_role("link"))
        reload_until(police, police.get_by_text("accepted the referral."))
        follow(charity, "Sent referrals")
        enter(charity, listed(charity, reported).get_by_role("link"))
        reload_until(charity, charity.get_by_text("accepted the referral."))


def test_an_officer_reads_what_changes_and_adds_the_signature(
    town: PartnershipAtWork, page: Page, tmp_path: Path
) -> None:
    """The signature is made on another machine, which holds the signing keys."""
    proposed = tmp_path / "council.bundle"
    proposed.write_bytes(bundle_bytes(proposal(town[COUNCIL].folder, tmp_path), now_ms()))
    sign_in(page, town, POLICE, Role.OFFICER)
    follow(page, "Files of the partnership")
    choose_file(page, page.get_by_label("File from another agency"), proposed)
    press(page, "Add the file")
    expect(page.get_by_role("status")).to_have_text("The file was added.")
    enter(page, page.get_by_role("row").filter(has_text="Version 1.1.0").get_by_role("link"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign version 1.1.0")
    enter(page, page_of_agreement(page, "What changes"))
    expect(page.get_by_role("heading", level=1)).to_have_text("What changes if we sign")
    follow(page, "Changes for all parties")
    change = page.get_by_role("article").filter(has_text="time to acknowledge it")
    expect(change.get_by_role("deletion")).to_have_text("2 days")
    expect(change.get_by_role("insertion")).to_have_text("1 day")
    follow(page, "Go on to sign")
    taken = download(page, "Download our file")
    signed = signed_elsewhere(town[POLICE].folder, taken, tmp_path)
    choose_file(page, page.get_by_label("Signed file"), signed)
    press(page, "Add our signature")
    expect(page.get_by_role("heading", level=1)).to_have_text("Who has signed version 1.1.0")
    expect(page.get_by_text("Inspector", exact=False).first).to_be_visible()


def page_of_agreement(page: Page, name: str) -> Locator:
    """Return the link to a page of the open agreement."""
    pages = page.get_by_role("navigation", name="Pages of this agreement")
    return pages.get_by_role("link", name=name)


def proposal(council: Path, into: Path) -> Path:
    """Return a copy of the council's folder with a signed version 1.1.0: answers come sooner."""
    folder = Path(shutil.copytree(council, into / "council-signing"))
    starts = load_participant(folder, now_ms()).contracts.trusted()[0].contract.starts
    values = {
        "event_types.referral.made.service_levels.acknowledge_within": "PT24H",
        "review_on": str(starts + timedelta(days=90)),
    }
    out = folder / "contracts" / "next.yaml"
    propose(folder, out, values, now_ms(), "Ada Okafor, Director")
    return folder


def signed_elsewhere(folder: Path, taken: Path, into: Path) -> Path:
    """Sign what was taken from the pages, in a copy of the folder; return the file to add."""
    machine = Path(shutil.copytree(folder, into / "police-signing"))
    add_bundles(machine, [taken], now_ms())
    (waiting,) = [
        one for one in (machine / "contracts").glob("*.yaml") if "version: 1.1.0" in one.read_text()
    ]
    sign(machine, waiting, now_ms(), "Ben Sampleworth, Inspector")
    result = into / "signed.bundle"
    result.write_bytes(bundle_bytes(machine, now_ms()))
    return result


def test_a_signatory_pauses_after_reading_what_stops_and_resumes(
    town: PartnershipAtWork, page: Page
) -> None:
    sign_in(page, town, SERVICE, Role.SIGNATORY)
    follow(page, "Agreements")
    in_force = page.get_by_role("row").filter(has_text="In force")
    enter(page, in_force.get_by_role("link", name="London hate crime"))
    enter(page, page_of_agreement(page, "Pause or leave"))
    expect(page.get_by_role("heading", name="What stops")).to_be_visible()
    follow(page, "Pause our part")
    choose_reason(page)
    press(page, "Pause our part now")
    expect(page.get_by_role("alert")).to_be_visible()
    tick(page, page.get_by_role("checkbox", name="I have telephoned"))
    tick(page, page.get_by_role("checkbox", name="I may decide this"))
    press(page, "Pause our part now")
    expect(page.get_by_role("heading", level=1)).to_have_text("Our part is paused")
    follow(page, "Resume our part")
    choose_reason(page)
    tick(page, page.get_by_role("checkbox", name="I may decide this"))
    press(page, "Resume our part now")
    expect(page.get_by_role("heading", level=1)).to_have_text("Pause or leave")


def choose_reason(page: Page) -> None:
    """Choose the first reason of the list."""
    reason = page.get_by_label("Why?")
    select(page, reason, reason.locator("option").nth(1).inner_text())


def test_an_operator_corrects_the_mapping_and_retries_an_event(
    browser: Browser, town: PartnershipAtWork, page: Page
) -> None:
    with tab(browser) as police:
        sign_in(police, town, POLICE)
        send(police, "Advocacy", [SERVICE], new_person())
    sign_in(page, town, SERVICE, Role.OPERATOR)
    follow(page, "Put aside")
    opened = page.get_by_role("row").get_by_role("link", name="Open")
    expect(opened).to_have_count(1, timeout=ARRIVAL_MS)
    enter(page, opened)
    expect(page.get_by_text("unknown_value", exact=True)).to_be_visible()
    expect(page.get_by_text("Exampleton")).to_have_count(0)
    press(page, "Retry")
    expect(page.get_by_role("status")).to_be_visible()
    follow(page, "Put aside")
    expect(opened).to_have_count(1, timeout=ARRIVAL_MS)
    follow(page, "Mapping")
    select(page, page.get_by_label("Table of the mapping file"), "requested_service")
    enter_text(page, page.get_by_label("Code of our system"), "Advocacy")
    enter_text(page, page.get_by_label("Code of the vocabulary"), "advocacy")
    press(page, "Add the code")
    expect(opened).to_have_count(1, timeout=ARRIVAL_MS)
    enter(page, opened)
    press(page, "Retry")
    follow(page, "Put aside")
    expect(page.get_by_role("heading", name="Nothing is put aside")).to_be_visible(
        timeout=ARRIVAL_MS
    )


def test_an_auditor_follows_a_field(town: PartnershipAtWork, page: Page) -> None:
    sign_in(page, town, CHARITY)
    send(page, "Police investigation", [POLICE], new_person())
    sign_in(page, town, CHARITY, Role.AUDITOR)
    follow(page, "Who received what")
    select(page, page.get_by_label("Field", exact=True), "The victim's name")
    press(page, "Show")
    expect(page.get_by_role("alert")).to_be_visible()
    enter_text(page, page.get_by_label("Why you are looking"), "access request 2026/17")
    press(page, "Show")
    expect(page.get_by_role("heading", level=1)).to_have_text("Who received: the victim's name")
    sent = page.get_by_role("region", name="Sent by us").get_by_role("row")
    expect(sent.filter(has_text="Community Safety Unit, Camden").first).to_be_visible()
    expect(page.get_by_text("Exampleton")).to_have_count(0)
    follow(page, "Our log")
    expect(page.get_by_text("access request 2026/17").first).to_be_visible()
