"""The desk asks once for a case why a person looks at it, where the agreement asks for a reason."""

from __future__ import annotations

import asyncio
from base64 import b64encode

import httpx
import pytest

from adapters.trial_agencies import london_agencies
from adapters.web.people import Role
from adapters.web.stated_reasons import REASON_MS
from contracts.loading import shipped_terms
from tests.support.desk_partnership import DeskPartnership
from tests.support.founded_partnership import (
    COUNCIL,
    POLICE,
    SUPPORT,
    FoundedPartnership,
    found_with,
)
from tests.support.web_visitor import Visitor
from tests.unit.adapters.web.desk.conftest import Opened
from tests.unit.adapters.web.desk.test_story import deliver, hidden, only
from tests.unit.broker.operations.desk.written_referral import sent

MINUTES_20 = 20 * 60 * 1000


@pytest.fixture(scope="module")
def town() -> FoundedPartnership:
    """Agencies under an agreement that asks people of the council for a reason."""
    plans = [plan for plan in london_agencies() if plan.id in (POLICE, COUNCIL, SUPPORT)]
    return found_with(plans, f"{shipped_terms()}\nreason_asked_of: [council]\n")


def asked(page: httpx.Response) -> bool:
    """Return whether the page asks for a reason, and shows nothing else."""
    return page.status_code == 403 and 'id="reason"' in page.text and "Exampleton" not in page.text


def answer(visitor: Visitor, page: httpx.Response, **typed: str) -> httpx.Response:
    """Send the question's form."""
    return visitor.post("/reason", {**hidden(page), **typed})


def reasons(desks: DeskPartnership, agency: str) -> list[str | None]:
    return [one.reason for one in desks[agency].entries("consultation") if one.about is None]


def test_a_reason_is_asked_once_for_a_case_and_stands_in_each_entry(
    desks: DeskPartnership, opened: Opened
) -> None:
    referral = sent(desks.desk(SUPPORT))
    deliver(desks)
    council, at = opened(COUNCIL), only(desks, COUNCIL, "fulfiller")
    page = council.get(at)
    assert asked(page)
    assert reasons(desks, COUNCIL) == []
    onward = answer(council, page, code="case_work")
    assert (onward.status_code, onward.headers["location"]) == (303, at)
    for path in (at, f"{at}/send/case.updated", at):
        assert council.get(path).status_code == 200
    found = reasons(desks, COUNCIL)
    assert set(found) == {"case_work"}
    assert len(found) >= 2
    another = sent(desks.desk(SUPPORT))
    deliver(desks)
    assert asked(council.get(f"/referrals/{another.referral_id}/{SUPPORT}"))
    assert asked(opened(COUNCIL).get(f"/referrals/{referral.referral_id}/{SUPPORT}"))


def test_the_page_to_go_on_to_keeps_its_query(desks: DeskPartnership, opened: Opened) -> None:
    referral = sent(desks.desk(SUPPORT))
    deliver(desks)
    council, at = opened(COUNCIL), only(desks, COUNCIL, "fulfiller")
    path = f"{at}/send/case.updated?about={SUPPORT}/{referral.event_id}"
    page = council.get(path)
    assert asked(page)
    assert answer(council, page, code="audit").headers["location"] == path


def test_an_answer_counts_for_an_hour(desks: DeskPartnership, opened: Opened) -> None:
    sent(desks.desk(SUPPORT))
    deliver(desks)
    council, at = opened(COUNCIL), only(desks, COUNCIL, "fulfiller")
    answer(council, council.get(at), code="supervision")
    for _ in range(REASON_MS // MINUTES_20 - 1):
        desks.clock.pass_(MINUTES_20)
        assert council.get(at).status_code == 200
    desks.clock.pass_(MINUTES_20)
    assert asked(council.get(at))


def test_an_answer_that_is_none_is_asked_again(desks: DeskPartnership, opened: Opened) -> None:
    sent(desks.desk(SUPPORT))
    deliver(desks)
    council, at = opened(COUNCIL), only(desks, COUNCIL, "fulfiller")
    page = council.get(at)
    for typed in (
        {},
        {"code": "curiosity"},
        {"code": "other"},
        {"code": "audit", "words": "x" * 201},
    ):
        again = answer(council, page, **typed)
        assert again.status_code == 422
        assert hidden(again)["back"] == at
    assert asked(council.get(at))
    assert answer(council, page, code="other", words="A visit").status_code == 303
    assert council.get(at).status_code == 200
    (entry,) = desks[COUNCIL].entries("consultation")
    assert (entry.reason, entry.reason_text is not None) == ("other", True)


def test_the_question_leads_to_no_other_site_and_takes_names_of_cases_only(
    desks: DeskPartnership, opened: Opened
) -> None:
    council = opened(COUNCIL)
    case = b64encode(bytes(32)).decode()
    away = {"case": case, "back": "https://elsewhere.example/", "code": "audit"}
    assert council.post("/reason", away).headers["location"] == "/"
    assert council.post("/reason", {**away, "case": "x"}).status_code == 404
    assert opened(COUNCIL, Role.OFFICER).post("/reason", away).status_code == 403


def test_people_of_another_role_are_not_asked(desks: DeskPartnership, opened: Opened) -> None:
    sent(desks.desk(SUPPORT), (COUNCIL, POLICE))
    deliver(desks)
    at = only(desks, POLICE, "fulfiller")
    assert opened(POLICE).get(at).status_code == 200
    assert reasons(desks, POLICE) == [None]


def test_officers_and_auditors_read_the_reason(desks: DeskPartnership, opened: Opened) -> None:
    sent(desks.desk(SUPPORT))
    deliver(desks)
    council, at = opened(COUNCIL), only(desks, COUNCIL, "fulfiller")
    answer(council, council.get(at), code="complaint", words="complaint 2026/17")
    council.get(at)
    asyncio.run(desks.deliver())
    page = opened(COUNCIL, Role.AUDITOR).get("/log?kind=consultation").text
    assert "A complaint" in page
    assert "complaint 2026/17" in page
    officer = opened(COUNCIL, Role.OFFICER)
    (agreement,) = desks.desk(COUNCIL).participant.contracts.trusted()
    assert 'id="reason-asked"' in officer.get(f"/agreements/{agreement.hash.hex()}").text
