"""Navigation of people with one area and with several."""

from __future__ import annotations

from adapters.web.navigation import Link, Navigation
from adapters.web.pages import NavigationEntry, PageArea
from adapters.web.people import EVERY_ROLE, Role

CASES = frozenset({Role.CASEWORKER})
MACHINE = frozenset({Role.OPERATOR})
NAVIGATION = Navigation(
    (
        PageArea(
            "Desk",
            (),
            (NavigationEntry("/inbox", "Inbox", CASES), NavigationEntry("/sent", "Sent", CASES)),
        ),
        PageArea("Operation", (), (NavigationEntry("/board", "Board", MACHINE),)),
    )
)


def test_one_area_has_no_row_of_areas() -> None:
    links = NAVIGATION.links(CASES, "/inbox/7")

    assert links.areas == ()
    assert list(links.entries) == [Link("/inbox", "Inbox", True), Link("/sent", "Sent", False)]


def test_several_areas_and_the_pages_of_the_present_one() -> None:
    links = NAVIGATION.links(EVERY_ROLE, "/board")

    assert list(links.areas) == [
        Link("/inbox", "Desk", False),
        Link("/board", "Operation", True),
    ]
    assert list(links.entries) == [Link("/board", "Board", True)]


def test_a_page_outside_the_areas() -> None:
    assert NAVIGATION.links(EVERY_ROLE, "/help").entries == ()
    assert NAVIGATION.links(CASES, "/inboxes").entries[0].here is False
    assert NAVIGATION.links(frozenset({Role.AUDITOR}), "/help").areas == ()
