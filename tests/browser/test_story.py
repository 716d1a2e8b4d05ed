"""The demo's story by the hands of its people: referral, agreement, pause, repair, audit."""

from __future__ import annotations

import re
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from adapters.web.people import Role
from broker.agency.participant import load_participant
from broker.clock import now_ms
from broker.operations import contract_signing
from broker.operations.bundles import add_bundles
from broker.operations.contract_revision import revise_contract
from broker.operations.signatories import parse_signatory
from broker.operations.uploaded_files import bundle_bytes
from tests.browser.caseworker import (
    address,
    begin,
    follow,
    listed,
    new_person,
    open_received,
    press,
    preview_of,
    reload_until,
    send,
    sent_reference,
    sign_in,
    take_step,
    write,
)
from tests.browser.working_town import (
    CHARITY,
    COUNCIL,
    POLICE,
    SERVICE,
    PartnershipAtWork,
)
from tests.support.browser import tab

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
        charity.get_by_role("button", name="Send to 1 agency").dblclick()
        reported = reference_of_twice_pressed(charity)
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
        expect(council.get_by_text("Words were written on my door.")).to_have_count(0)
        take_step(council, "Accept")

        listed(police, referred).filter(has_text="Camden").get_by_role("link").click()
        reload_until(police, police.get_by_text("accepted the referral."))
        follow(charity, "Sent referrals")
        listed(charity, reported).get_by_role("link").click()
        reload_until(charity, charity.get_by_text("accepted the referral."))


def reference_of_twice_pressed(page: Page) -> str:
    """Return the reference after a double click, of which either click may have been first."""
    expect(page.get_by_role("status")).to_have_text(re.compile("Sent|It was sent before"))
    return page.url.rpartition("reference=")[2]


def test_an_officer_reads_what_changes_and_adds_the_signature(
    town: PartnershipAtWork, page: Page, tmp_path: Path
) -> None:
    """The signature is made on another machine, which holds the signing keys."""
    proposed = tmp_path / "council.bundle"
    proposed.write_bytes(bundle_bytes(proposal(town[COUNCIL].folder, tmp_path), now_ms()))
    sign_in(page, town, POLICE, Role.OFFICER)
    follow(page, "Files of the partnership")
    page.get_by_label("File from another agency").set_input_files(proposed)
    press(page, "Add the file")
    expect(page.get_by_role("status")).to_have_text("The file was added.")
    page.get_by_role("row").filter(has_text="Version 2.0.0").get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign version 2.0.0")
    page.get_by_role("navigation", name="Pages of this agreement").get_by_role(
        "link", name="What changes"
    ).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What changes if we sign")
    follow(page, "Changes for all parties")
    expect(page.get_by_text("Widens: more is shared").first).to_be_visible()
    follow(page, "Go on to sign")
    with page.expect_download() as taken:
        follow(page, "Download our file")
    signed = signed_elsewhere(town[POLICE].folder, Path(taken.value.path()), tmp_path)
    page.get_by_label("Signed file").set_input_files(signed)
    press(page, "Add our signature")
    expect(page.get_by_role("heading", level=1)).to_have_text("Who has signed version 2.0.0")
    expect(page.get_by_text("Inspector", exact=False).first).to_be_visible()


def proposal(council: Path, into: Path) -> Path:
    """Return a copy of the council's folder with a signed version 2.0.0, which widens."""
    folder = Path(shutil.copytree(council, into / "council-signing"))
    held = next((folder / "contracts").glob("*.yaml"))
    starts = load_participant(folder, now_ms()).contracts.trusted()[0].contract.starts
    out = folder / "contracts" / "next.yaml"
    values = {
        "event_types.referral.made.retention.recipient_years": "9",
        "review_on": str(starts + timedelta(days=90)),
    }
    revise_contract(held, add=(), remove=(), values=values, out=out, now=now_ms())
    sign(folder, out, "Ada Okafor, Director")
    return folder


def signed_elsewhere(folder: Path, taken: Path, into: Path) -> Path:
    """Sign what was taken from the pages, in a copy of the folder; return the file to add."""
    machine = Path(shutil.copytree(folder, into / "police-signing"))
    add_bundles(machine, [taken], now_ms())
    (waiting,) = [
        one for one in (machine / "contracts").glob("*.yaml") if "version: 2.0.0" in one.read_text()
    ]
    sign(machine, waiting, "Ben Sampleworth, Inspector")
    result = into / "signed.bundle"
    result.write_bytes(bundle_bytes(machine, now_ms()))
    return result


def sign(folder: Path, text: Path, signatory: str) -> None:
    """Sign an agreement with all warnings accepted."""
    reviewed = contract_signing.review(folder, text, (), now_ms())
    accepted = {one.rule for one in reviewed.findings if one.severity == "warning"}
    contract_signing.sign(
        reviewed, accepted, now=now_ms(), signatory=parse_signatory(signatory), shown="shown"
    )


def test_an_officer_pauses_after_reading_what_stops_and_resumes(
    town: PartnershipAtWork, page: Page
) -> None:
    sign_in(page, town, SERVICE, Role.SIGNATORY)
    follow(page, "Agreements")
    in_force = page.get_by_role("row").filter(has_text="In force")
    in_force.get_by_role("link", name="London hate crime").click()
    page.get_by_role("navigation", name="Pages of this agreement").get_by_role(
        "link", name="Pause or leave"
    ).click()
    expect(page.get_by_role("heading", name="What stops")).to_be_visible()
    page.get_by_role("link", name="Pause our part").click()
    page.get_by_label("Why?").select_option(index=1)
    press(page, "Pause our part now")
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_role("checkbox", name="I have telephoned").check()
    page.get_by_role("checkbox", name="I may decide this").check()
    press(page, "Pause our part now")
    expect(page.get_by_role("heading", level=1)).to_have_text("Our part is paused")
    page.get_by_role("link", name="Resume our part").click()
    page.get_by_label("Why?").select_option(index=1)
    page.get_by_role("checkbox", name="I may decide this").check()
    press(page, "Resume our part now")
    expect(page.get_by_role("heading", level=1)).to_have_text("Pause or leave")


def test_an_operator_corrects_the_mapping_and_retries_an_event(
    browser: Browser, town: PartnershipAtWork, page: Page
) -> None:
    with tab(browser) as police:
        sign_in(police, town, POLICE)
        send(police, "Advocacy", [SERVICE], new_person())
    sign_in(page, town, SERVICE, Role.OPERATOR)
    follow(page, "Put aside")
    opened = page.get_by_role("row").get_by_role("link", name="Open")
    opened.click(timeout=60_000)
    expect(page.get_by_text("Exampleton")).to_have_count(0)
    press(page, "Retry")
    expect(page.get_by_role("status")).to_be_visible()
    follow(page, "Mapping")
    page.get_by_label("Table of the mapping file").select_option("requested_service")
    page.get_by_label("Code of our system").fill("Advocacy")
    page.get_by_label("Code of the vocabulary").fill("advocacy")
    press(page, "Add the code")
    opened.click(timeout=60_000)
    press(page, "Retry")
    follow(page, "Put aside")
    expect(page.get_by_role("heading", name="Nothing is put aside")).to_be_visible(timeout=60_000)


def test_an_auditor_follows_a_field(town: PartnershipAtWork, page: Page) -> None:
    sign_in(page, town, CHARITY)
    send(page, "Police investigation", [POLICE], new_person())
    sign_in(page, town, CHARITY, Role.AUDITOR)
    follow(page, "Who received what")
    page.get_by_label("Field", exact=True).select_option(label="the victim's name")
    press(page, "Show")
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Why you are looking").fill("access request 2026/17")
    press(page, "Show")
    expect(page.get_by_role("heading", level=1)).to_have_text("Who received: the victim's name")
    sent = page.get_by_role("region", name="Sent by us").get_by_role("row")
    expect(sent.filter(has_text="Community Safety Unit, Camden").first).to_be_visible()
    expect(page.get_by_text("Exampleton")).to_have_count(0)
    follow(page, "Our log")
    expect(page.get_by_text("access request 2026/17").first).to_be_visible()
