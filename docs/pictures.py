"""Take the pictures of the web application in docs/pictures: python docs/pictures.py.

A partnership is founded in a temporary folder, with the person and the agencies of the demo. Its
people make referrals and propose the next version of the agreement. Chromium then shows the pages.
Nothing remains but the pictures.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from playwright.sync_api import Browser, Page

from adapters.demo.sample_listings import place_listings, publish_listings
from adapters.demo.samples.year import last_full_year, sample_year
from adapters.demo.year_in_state import record_year
from adapters.web.people import PROVIDER, Person, Role
from broker.agency.participant import load_participant
from broker.clock import now_ms
from broker.figures.counting import last_quarters
from broker.operations.bundles import add_bundles
from broker.operations.figures import release_figures
from contracts.durations import HOUR_MS
from tests.support.browser import running_browser
from tests.support.next_version import propose
from tests.support.referrals_at_work import (
    AUTHOR,
    CAST,
    CENTRE,
    COUNCIL,
    POLICE,
    SERVICE,
    ReferralsAtWork,
    write_draft,
)

FOLDER: Final = Path(__file__).with_name("pictures")
WIDTH, HEIGHT = 1_100, 880
"""Of each picture, in pixels."""
MARGIN: Final = 16
MOST_BYTES: Final = 150_000
LATER_MS: Final = 2 * HOUR_MS + HOUR_MS // 3
"""Time between the referrals and the look at them."""
NEXT_VERSION: Final = {
    "event_types.referral.made.retention.recipient_years": "7",
    "event_types.referral.made.service_levels.acknowledge_within": "PT24H",
    "event_types.case.updated.retention.recipient_years": "5",
}
DIRECTOR: Final = "Morgan Hale, Director"
WHY: Final = "Referrals are acknowledged within a day, and kept for a year longer."

Show = Callable[[Page, str, ReferralsAtWork], None]
"""Goes to what is shown, from the address of the agency's pages."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture.

    Attributes:
        name: of its file, without the suffix.
        agency: whose pages it shows.
        name_of_person, role: the person who looks.
        show: goes to what is shown.
        top: selector of the element with which the picture begins.
        later_ms: how far the pages' clock is ahead.
    """

    name: str
    agency: str
    name_of_person: str
    role: Role
    show: Show
    top: str = "body"
    later_ms: int = 0


def inbox(page: Page, origin: str, _: ReferralsAtWork) -> None:
    """Show the inbox."""
    page.goto(f"{origin}/inbox")


def referral(page: Page, origin: str, at_work: ReferralsAtWork) -> None:
    """Show what was shared of a referral, and what was not."""
    held = at_work.sent_by(POLICE, SERVICE, "safeguarding")
    page.goto(f"{origin}/referrals/{held.referral_id}/{POLICE}")


def recipients_see(page: Page, origin: str, at_work: ReferralsAtWork) -> None:
    """Show the preview of a draft."""
    with at_work.desk(CENTRE) as desk:
        draft = write_draft(desk, (POLICE, COUNCIL, SERVICE), "safeguarding")
    page.goto(f"{origin}/drafts/{draft.id}/check")


def changes(page: Page, origin: str, at_work: ReferralsAtWork) -> None:
    """Show what changes with the version that the council proposes."""
    proposed = at_work.root / "next.yaml"
    propose(at_work.root / COUNCIL, proposed, NEXT_VERSION, now_ms(), DIRECTOR, WHY)
    add_bundles(at_work.root / POLICE, [proposed], now_ms())
    page.goto(f"{origin}/agreements")
    page.get_by_role("row").filter(has_text="Version 2.0.0").get_by_role("link").first.click()
    pages = page.get_by_role("navigation", name="Pages of this agreement")
    pages.get_by_role("link", name="What changes").click()


def who_received(page: Page, origin: str, at_work: ReferralsAtWork) -> None:
    """Show the recipients of each field of a case."""
    page.goto(f"{origin}/who-received")
    case = at_work.sent_by(POLICE, SERVICE, "safeguarding").row.case_id
    page.get_by_label("Case", exact=True).fill(case)
    page.get_by_label("Why you are looking").fill("access request 2026/17")
    page.get_by_role("button", name="Show").click()


def figures(page: Page, origin: str, at_work: ReferralsAtWork) -> None:
    """Show the figures of a quarter of the sample year."""
    folder, now = at_work.root / POLICE, now_ms()
    record_year(load_participant(folder, now), sample_year(last_full_year(now)), now)
    quarter = last_quarters(now, 2)[1].name
    release_figures(folder, quarter, ("strand", "channel"), now, incomplete=True)
    page.goto(f"{origin}/figures")
    page.locator("#releases").get_by_role("link").first.click()


def services(page: Page, origin: str, at_work: ReferralsAtWork) -> None:
    """Show the services for a need, once the listings of the partners have come."""
    place_listings(at_work.root, CAST)
    publish_listings(at_work.root, CAST, now_ms())
    for _ in range(240):
        page.goto(f"{origin}/services?need=emotional_support&area=E09000007")
        if page.locator("[data-service]").count() >= 2:
            return
        page.wait_for_timeout(500)
    raise AssertionError("no listing has come")


def board(page: Page, origin: str, _: ReferralsAtWork) -> None:
    """Show the board."""
    page.goto(f"{origin}/board")


PICTURES: Final[Sequence[Picture]] = (
    Picture("board", SERVICE, "Iris Fielding", Role.OPERATOR, board),
    Picture("inbox", SERVICE, "Sam Ashworth", Role.CASEWORKER, inbox, later_ms=LATER_MS),
    Picture("referral", SERVICE, "Sam Ashworth", Role.CASEWORKER, referral, later_ms=LATER_MS),
    Picture(
        "what-each-recipient-sees", CENTRE, "Rosa Marlow", Role.CASEWORKER, recipients_see, "#will"
    ),
    Picture("who-received-what", POLICE, "Ada Brennan", Role.OFFICER, who_received),
    Picture("figures", POLICE, "Ada Brennan", Role.OFFICER, figures, ".head"),
    Picture("find-a-service", POLICE, "Sam Ashworth", Role.CASEWORKER, services),
    Picture("what-changes", POLICE, "Ada Brennan", Role.OFFICER, changes, ".head"),
)


def take(browser: Browser, at_work: ReferralsAtWork, picture: Picture) -> None:
    """Write one picture.

    Raises:
        AssertionError: it is too large.
    """
    agency = at_work.town[picture.agency]
    agency.ahead_ms = picture.later_ms
    context = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT},
        color_scheme="light",
        reduced_motion="reduce",
        locale="en-GB",
    )
    page = context.new_page()
    account = str(AUTHOR.acting_for)
    person = Person(account, picture.name_of_person, frozenset({picture.role}), PROVIDER)
    page.goto(agency.pages.server.new_link(person))
    picture.show(page, agency.pages.origin, at_work)
    file = FOLDER / f"{picture.name}.png"
    box = page.locator(picture.top).first.bounding_box()
    assert box is not None
    below = {"x": 0, "y": max(box["y"] - MARGIN, 0), "width": WIDTH, "height": HEIGHT}
    page.screenshot(path=file, full_page=True, clip=below)
    context.close()
    size = file.stat().st_size
    print(f"{file.name} {size / 1000:.0f} kB")
    assert size < MOST_BYTES, f"{file} is too large"


def main() -> None:
    """Take every picture."""
    FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="concordant-pictures-") as folder:
        at_work = ReferralsAtWork(Path(folder) / "partnership")
        try:
            at_work.refer()
            with running_browser() as browser:
                for picture in PICTURES:
                    take(browser, at_work, picture)
        finally:
            at_work.close()


if __name__ == "__main__":
    main()
