"""Drafts at the pages: saved half-way, changed in two tabs, removed, sent, and looked for later."""

from __future__ import annotations

import re

import pytest

from adapters.web.people import EVERY_ROLE, Person
from broker.operations.desk.drafts import draft_of, drafts_of_person
from tests.support.desk_partnership import DeskPartnership
from tests.support.founded_partnership import COUNCIL, POLICE, SUPPORT
from tests.support.web_visitor import Visitor
from tests.unit.adapters.web.desk.conftest import Opened
from tests.unit.adapters.web.desk.test_story import hidden, submit, write_referral

ACTOR = Person("rosa", "Rosa Sampleworth", EVERY_ROLE, "provider").actor()


@pytest.fixture
def charity(opened: Opened) -> Visitor:
    return opened(SUPPORT)


def begun(visitor: Visitor, *recipients: str) -> str:
    """Begin a draft to some recipients; the address below which its pages are."""
    visitor.get("/drafts")
    at = visitor.post("/drafts").headers["location"]
    draft: str = at.rpartition("/")[0]
    if recipients:
        submit(visitor, at, recipients=list(recipients))
    return draft


def test_each_page_saves_half_of_an_answer_for_later(
    desks: DeskPartnership, charity: Visitor
) -> None:
    draft = begun(charity)
    for page, typed in (
        ("recipients", {"recipients": [COUNCIL]}),
        ("consent", {"consent__share_identity": "yes"}),
        ("part/1", {"urgency": "urgent"}),  # without the service, which is required
    ):
        left = submit(charity, f"{draft}/{page}", later="1", **typed)
        assert left.headers["location"] == "/drafts"
    (kept,) = drafts_of_person(desks.desk(SUPPORT), ACTOR)
    assert kept.recipients == (COUNCIL,)
    assert (kept.texts["consent.share_identity"], kept.texts["urgency"]) == (["yes"], ["urgent"])
    assert submit(charity, f"{draft}/recipients", later="1").headers["location"] == "/drafts"
    assert draft_of(desks.desk(SUPPORT), ACTOR, kept.id).recipients == (COUNCIL,)


def test_a_change_in_another_tab_loses_no_input(charity: Visitor) -> None:
    draft = begun(charity, COUNCIL)
    for page, first, second, shown in (
        ("recipients", {"recipients": [COUNCIL]}, {"recipients": [POLICE]}, f'{POLICE}" checked'),
        (
            "consent",
            {"consent.share_identity": "yes", "consent.statistics": "no"},
            {"consent.share_identity": "no"},
            'name="consent.share_identity" value="no" checked',
        ),
        (
            "part/2",
            {"victim.name": "First", "victim.phone": "07700 900911"},
            {"victim.name": "Second"},
            'value="Second"',
        ),
    ):
        stale = hidden(charity.get(f"{draft}/{page}"))
        charity.post(f"{draft}/{page}", {**stale, **first, "later": "1"})
        told = charity.post(f"{draft}/{page}", {**stale, **second, "later": "1"})
        assert told.status_code == 422, page
        assert re.search(shown.replace(".", r"\.").replace("[", r"\["), told.text), page
        assert "<title>Error:" in told.text
    assert 'href="#victim-name"' in told.text  # both tabs wrote it
    assert 'value="07700 900911"' in told.text  # only the other one did
    assert charity.post(f"{draft}/part/2", {**hidden(told), **second}).status_code == 303


def test_a_page_that_needs_recipients_asks_for_them_first(charity: Visitor) -> None:
    draft = begun(charity)
    for page in ("consent", "part/1", "check"):
        answer = charity.get(f"{draft}/{page}")
        assert (answer.status_code, answer.headers["location"]) == (303, f"{draft}/recipients")


def test_a_draft_is_removed_after_a_question(charity: Visitor) -> None:
    draft = begun(charity, COUNCIL)
    assert f'href="{draft}/discard"' in charity.get("/drafts").text
    submit(charity, f"{draft}/discard")
    gone = charity.get(f"{draft}/check")
    assert gone.status_code == 404
    assert 'href="/drafts"' in gone.text
    assert 'id="drafts"' not in charity.get("/drafts").text


def test_the_page_of_a_sent_draft_leads_to_the_referral(charity: Visitor) -> None:
    check = write_referral(charity, COUNCIL)
    sent = submit(charity, check).headers["location"]
    gone = charity.get(check)
    assert gone.status_code == 404
    assert f'href="{sent}"' in gone.text


def test_the_check_page_leads_to_every_question(charity: Visitor) -> None:
    check = write_referral(charity, COUNCIL, POLICE)
    draft = check.rpartition("/")[0]
    page = charity.get(check).text
    for name in ("recipients", "consent", "part/1", "part/2", "part/3"):
        assert f'href="{draft}/{name}"' in page
    assert "Housing" in charity.get("/drafts").text


@pytest.mark.parametrize(
    ("field", "typed", "kept"),
    [
        ("victim.postcode", "zz999zz", "ZZ99 9ZZ"),
        ("victim.postcode", "zz99 9zz", "ZZ99 9ZZ"),
        ("incident.crime_reference", "cr/90210/25", "cr/90210/25"),  # already in its form
    ],
)
def test_a_text_is_accepted_in_the_spelling_that_people_use(
    charity: Visitor, field: str, typed: str, kept: str
) -> None:
    check = write_referral(charity, POLICE)
    part = 2 if field.startswith("victim") else 3
    at = check.replace("check", f"part/{part}")
    submit(charity, at, **{field.replace(".", "__"): typed})
    assert kept in charity.get(check).text


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("victim.postcode", "call me"),
        ("victim.name", "x" * 301),
        ("victim.date_of_birth.day", "31"),
        ("victim.email", "noor"),
    ],
)
def test_a_wrong_text_is_named_and_kept(charity: Visitor, field: str, typed: str) -> None:
    check = write_referral(charity, POLICE)
    at = check.replace("check", "part/2")
    wrong = submit(charity, at, 422, **{field.replace(".", "__"): typed})
    assert "<title>Error:" in wrong.text
    assert f'value="{typed}"' in wrong.text
    assert f'href="{at}' not in wrong.text
    assert "part/2#" in charity.get(check).text


def test_a_language_is_chosen_by_its_name(charity: Visitor) -> None:
    check = write_referral(charity, POLICE)
    at = check.replace("check", "part/2")
    assert "British Sign Language" in charity.get(at).text
    submit(charity, at, victim__interpreter_language="ar")
    assert "Arabic" in charity.get(check).text
