"""The main job at the pages: a referral from the first question to its end, by three agencies."""

from __future__ import annotations

import asyncio
import re
from html import unescape
from typing import Any

import httpx
import pytest

from adapters.web.people import Role
from broker.operations.desk.referral_list import ReferralQuery, referral_list
from tests.support.desk_partnership import DeskPartnership
from tests.support.founded_partnership import COUNCIL, POLICE, SUPPORT
from tests.support.web_visitor import Visitor
from tests.unit.adapters.web.desk.conftest import Opened
from tests.unit.broker.operations.desk.written_referral import sent

HOSTILE = "\"><script>alert(1)</script>'{{7*7}}"


def hidden(response: httpx.Response) -> dict[str, str]:
    """Return the hidden inputs of the last form of a page."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', response.text)
    return {name: unescape(value) for name, value in found}


def submit(visitor: Visitor, path: str, expected: int = 303, **typed: Any) -> httpx.Response:
    """Open a form and send it, with its hidden inputs."""
    page = visitor.get(path)
    assert page.status_code == 200, (path, page.status_code, page.text[-1500:])
    form = {name.replace("__", "."): value for name, value in typed.items()}
    response = visitor.post(path, {**hidden(page), **form})
    assert response.status_code == expected, (path, response.status_code, response.text[-3000:])
    return response


def write_referral(visitor: Visitor, *recipients: str, name: str = "Noor Exampleton") -> str:
    """Answer every question of a new referral; the address of its check page."""
    visitor.get("/drafts")
    begun = visitor.post("/drafts")
    assert begun.status_code == 303
    at = begun.headers["location"]
    at = submit(visitor, at, recipients=list(recipients)).headers["location"]
    assert at.endswith("/consent")
    scopes = ("pass_to_police", "support_contact", "share_identity", "statistics")
    at = submit(visitor, at, **{f"consent__{one}": "yes" for one in scopes}).headers["location"]
    typed = {
        "requested_service": "housing",
        "urgency": "urgent",
        "victim__name": name,
        "victim__date_of_birth__day": "14",
        "victim__date_of_birth__month": "3",
        "victim__date_of_birth__year": "1991",
        "incident__strands": ["race", "religion"],
        "incident__narrative": "Words on my door.",
        "alleged_perpetrators__0__name": name,
    }
    while "/part/" in at:
        at = submit(visitor, at, **typed).headers["location"]
    assert at.endswith("/check")
    return at


def deliver(desks: DeskPartnership) -> None:
    """Send what waits, and keep it at each desk."""
    asyncio.run(desks.deliver())


def only(desks: DeskPartnership, agency: str, role: str) -> str:
    """Return the address of the only referral of an agency."""
    (line,) = referral_list(desks.desk(agency), ReferralQuery(role)).lines  # type: ignore[arg-type]  # a side
    return f"/referrals/{line.referral_id}/{line.agency}"


def test_a_referral_from_the_first_question_to_its_end(
    desks: DeskPartnership, opened: Opened
) -> None:
    charity, council = opened(SUPPORT), opened(COUNCIL)
    check = write_referral(charity, COUNCIL, POLICE)
    page = charity.get(check).text
    row = re.search(r'data-field="incident.narrative".*?</tr>', page, re.DOTALL)
    assert row is not None
    assert row[0].count("sees--yes") == 1
    assert "4.1.36" in row[0]
    done = submit(charity, check)
    assert desks[SUPPORT].outbox()
    assert charity.get(done.headers["location"]).text.count("data-referral=") == 2
    deliver(desks)

    inbox = council.get("/inbox").text
    assert "Exampleton" not in inbox
    assert 'data-referral="' in inbox
    at = only(desks, COUNCIL, "fulfiller")
    shown = council.get(at).text
    assert "Noor Exampleton" in shown
    assert '<tr data-field="incident.narrative">' in shown
    asked = submit(council, f"{at}/step/requested/awaiting-information", note="Which floor?")
    assert asked.headers["location"] == at
    deliver(desks)
    assert "Which floor?" in charity.get(only_to(desks, COUNCIL)).text
    for status in ("accepted", "in-progress", "completed"):
        submit(council, f"{at}/step/{status}")
        deliver(desks)
    assert "data-step" not in council.get(at).text
    closed = charity.get("/sent?show=closed").text
    assert closed.count("data-referral=") == 1


def only_to(desks: DeskPartnership, agency: str) -> str:
    (line,) = referral_list(desks.desk(SUPPORT), ReferralQuery("referrer", agency=agency)).lines
    return f"/referrals/{line.referral_id}/{agency}"


def test_a_rejection_needs_its_reason_and_keeps_what_was_typed(
    desks: DeskPartnership, opened: Opened
) -> None:
    sent(desks.desk(SUPPORT))
    deliver(desks)
    council, at = opened(COUNCIL), only(desks, COUNCIL, "fulfiller")
    refused = submit(council, f"{at}/step/rejected", 422, note="We are full & sorry")
    assert "<title>Error:" in refused.text
    assert 'href="#reason"' in refused.text
    assert "We are full &amp; sorry" in refused.text
    refused = submit(council, f"{at}/step/rejected", 422, reason="other")
    assert 'href="#note"' in refused.text
    submit(council, f"{at}/step/rejected", reason="no_capacity")
    assert len(desks[COUNCIL].outbox()) == 1


def test_two_browsers_at_one_referral(desks: DeskPartnership, opened: Opened) -> None:
    sent(desks.desk(SUPPORT))
    deliver(desks)
    first, second = opened(COUNCIL), opened(COUNCIL)
    at = only(desks, COUNCIL, "fulfiller")
    forms = [hidden(one.get(f"{at}/step/{step}")) for one, step in (
        (first, "accepted"), (second, "rejected"),
    )]  # fmt: skip
    assert first.post(f"{at}/step/accepted", forms[0]).status_code == 303
    assert first.post(f"{at}/step/accepted", forms[0]).status_code == 303  # a double click
    told = second.post(f"{at}/step/rejected", {**forms[1], "reason": "no_capacity"})
    assert told.status_code == 422
    assert 'id="conflict"' in told.text
    assert len(desks[COUNCIL].outbox()) == 1


def test_a_draft_sent_twice_is_one_referral(desks: DeskPartnership, opened: Opened) -> None:
    charity = opened(SUPPORT)
    check = write_referral(charity, COUNCIL)
    form = hidden(charity.get(check))
    assert charity.post(check, form).status_code == 303
    assert charity.post(check, form).status_code == 303
    assert len(desks[SUPPORT].outbox()) == 1


def test_a_draft_that_cannot_be_sent_names_the_field_and_is_kept(
    desks: DeskPartnership, opened: Opened
) -> None:
    charity = opened(SUPPORT)
    at = "/drafts"
    charity.get(at)
    at = charity.post(at).headers["location"]
    draft = at.rpartition("/")[0]
    refused = submit(charity, at, 422)
    assert "<title>Error:" in refused.text
    submit(charity, at, recipients=[COUNCIL])
    refused = submit(charity, f"{draft}/consent", 422, consent__share_identity="yes")
    assert refused.text.count('<p class="error"') == 3
    scopes = ("pass_to_police", "support_contact", "share_identity", "statistics")
    submit(charity, f"{draft}/consent", **{f"consent__{one}": "yes" for one in scopes})
    wrong = submit(charity, f"{draft}/part/1", 422, requested_service="")
    assert 'href="#requested_service"' in wrong.text
    check = charity.get(f"{draft}/check")
    assert "part/1#requested_service" in check.text
    assert charity.post(f"{draft}/check", {"version": "4"}).status_code in (303, 422)
    assert desks[SUPPORT].outbox() == []
    assert charity.get(f"{draft}/check").status_code == 200


def test_a_draft_that_was_changed_elsewhere_keeps_what_was_typed(
    desks: DeskPartnership, opened: Opened
) -> None:
    charity = opened(SUPPORT)
    draft = write_referral(charity, COUNCIL).rpartition("/")[0]
    stale = hidden(charity.get(f"{draft}/part/2"))
    submit(charity, f"{draft}/part/2", victim__name="Noor E.")
    refused = charity.post(f"{draft}/part/2", {**stale, "victim.name": "N. Exampleton"})
    assert refused.status_code == 422
    assert "N. Exampleton" in refused.text


@pytest.mark.parametrize("role", [Role.OFFICER, Role.SIGNATORY, Role.OPERATOR, Role.AUDITOR])
def test_other_roles_see_no_personal_data(
    desks: DeskPartnership, opened: Opened, role: Role
) -> None:
    sent(desks.desk(SUPPORT))
    deliver(desks)
    at = only(desks, COUNCIL, "fulfiller")
    visitor = opened(COUNCIL, role)
    for path in ("/inbox", "/sent", "/drafts", at, f"{at}/step/accepted"):
        assert visitor.get(path).status_code == 403, path
    assert desks[COUNCIL].entries("consultation") == []


def test_a_referral_of_others_does_not_exist(desks: DeskPartnership, opened: Opened) -> None:
    sent(desks.desk(SUPPORT))
    deliver(desks)
    at = only(desks, COUNCIL, "fulfiller")
    police = opened(POLICE)
    unknown = police.get("/referrals/0f0e0d0c-0b0a-4908-8706-050403020100/haven-support")
    for path in (at, f"{at}/step/accepted", f"{at}/send/correction.made"):
        answer = police.get(path)
        assert answer.status_code == 404
        assert answer.text == unknown.text
    charity, other = opened(SUPPORT), opened(SUPPORT)
    draft = write_referral(charity, COUNCIL)
    assert other.get(draft).status_code == 200  # the same person in another browser
    assert opened(COUNCIL).get(draft).status_code == 404


def test_hostile_texts_are_shown_as_text(desks: DeskPartnership, opened: Opened) -> None:
    charity, council = opened(SUPPORT), opened(COUNCIL)
    check = write_referral(charity, COUNCIL, name=HOSTILE)
    pages = [charity.get(check).text, charity.get(check.replace("check", "part/2")).text]
    submit(charity, check)
    deliver(desks)
    at = only(desks, COUNCIL, "fulfiller")
    submit(council, f"{at}/step/received", note=HOSTILE)
    deliver(desks)
    pages += [council.get(at).text, charity.get(only_to(desks, COUNCIL)).text]
    pages.append(council.get(f"/inbox?reference={HOSTILE[:20]}&service={HOSTILE}").text)
    for text in pages:
        assert "<script>alert" not in text
        assert "49" not in re.sub(r"[^'{}]*", "", text)
    assert sum("&lt;script&gt;alert(1)" in text for text in pages) >= 4


def test_a_critical_incident_is_confirmed_once(desks: DeskPartnership, opened: Opened) -> None:
    sent(desks.desk(SUPPORT))
    deliver(desks)
    charity, council = opened(SUPPORT), opened(COUNCIL)
    at = only_to(desks, COUNCIL)
    submit(
        charity, f"{at}/send/critical-incident.declared",
        declared_at__day="2", declared_at__month="3", declared_at__year="2026",
        declared_at__time="11:30", reason="community_confidence",
    )  # fmt: skip
    deliver(desks)
    inbox = council.get("/inbox").text
    found = re.search(r'href="(/critical/[^"]+)"', inbox)
    assert found is not None
    assert 'class="tag tag--critical"' in inbox
    for _ in range(2):
        submit(council, found[1])
    assert "/critical/" not in council.get("/inbox").text
    assert council.get("/critical/haven-support/unknown").status_code == 404


def test_the_empty_inbox_says_so(desks: DeskPartnership, opened: Opened) -> None:
    page = opened(COUNCIL).get("/inbox")
    assert page.status_code == 200
    assert 'id="empty"' in page.text
    assert 'id="adapter-down"' in page.text  # no adapter runs beside this test


def test_a_wrong_query_is_no_fault(desks: DeskPartnership, opened: Opened) -> None:
    council = opened(COUNCIL)
    for query in ("show=x", "page=99999999", "page=-1", "page=x", "agency=%00", "service=x"):
        assert council.get(f"/inbox?{query}").status_code == 200, query
