"""Pages of corrections, and of a question that the other side asks."""

from __future__ import annotations

import re

import pytest

from broker.operations.desk.held_referral import find_referral
from broker.operations.desk.referral_list import ReferralQuery, referral_list
from tests.support.desk_partnership import DeskPartnership
from tests.support.founded_partnership import COUNCIL, POLICE, SUPPORT
from tests.unit.adapters.web.desk.conftest import Opened
from tests.unit.adapters.web.desk.test_story import deliver, hidden, only, only_to, submit
from tests.unit.broker.operations.desk.written_referral import sent

CORRECTION = "/send/correction.made"


def row(text: str, path: str) -> str:
    found = re.search(rf'<div data-field="{re.escape(path)}">.*?</div>', text, re.DOTALL)
    assert found is not None, path
    return found[0]


@pytest.fixture
def referral(desks: DeskPartnership) -> str:
    """A referral that arrived; its page at the charity."""
    sent(desks.desk(SUPPORT))
    deliver(desks)
    return only_to(desks, COUNCIL)


def test_a_value_is_corrected_and_another_is_withdrawn(
    desks: DeskPartnership, opened: Opened, referral: str
) -> None:
    charity = opened(SUPPORT)
    page = charity.get(referral + CORRECTION).text  # one message only: it is chosen already
    assert re.search(r'name="consent.share_identity" value="yes" checked', page)
    given = dict.fromkeys(("consent__pass_to_police", "consent__share_identity"), "yes")
    submit(
        charity, referral + CORRECTION,
        reason="wrong_value", victim__name="Noor Testname", retracted=["victim.phone"], **given,
    )  # fmt: skip
    deliver(desks)
    shown = opened(COUNCIL).get(only(desks, COUNCIL, "fulfiller")).text
    assert "<ins>Noor Testname</ins>" in row(shown, "victim.name")
    assert "<del>Noor Exampleton</del>" in row(shown, "victim.name")
    assert "<del>07700 900911</del>" in row(shown, "victim.phone")
    assert "<ins>" not in row(shown, "victim.phone")


def test_a_form_that_comes_back_is_the_same_look(
    desks: DeskPartnership, opened: Opened, referral: str
) -> None:
    charity, colleague = opened(SUPPORT), opened(SUPPORT)

    def looks() -> int:
        return len(desks[SUPPORT].entries("consultation"))

    submit(charity, referral + CORRECTION, 422, reason="wrong_value")
    assert looks() == 1
    charity.post(referral + CORRECTION, {"reason": "wrong_value"})
    assert looks() == 1
    colleague.post(referral + CORRECTION, {"reason": "wrong_value"})  # this session opened no form
    assert looks() == 2
    submit(opened(COUNCIL), only(desks, COUNCIL, "fulfiller") + "/step/accepted")
    deliver(desks)
    before = looks()
    charity.post(referral + CORRECTION, {"reason": "wrong_value"})  # with an event that is new
    assert looks() == before + 1


@pytest.mark.parametrize(
    ("typed", "at"),
    [
        ({"reason": "wrong_value"}, "retracted"),
        ({"reason": "wrong_value", "victim__name": "Noor T."}, "victim-name"),  # without consent
        (
            {"reason": "wrong_value", "victim__tenure": "other", "retracted": ["victim.tenure"]},
            "retracted",
        ),
        ({"retracted": ["victim.phone"]}, "reason"),
    ],
)
def test_a_correction_that_says_nothing_or_cannot_arrive_is_not_sent(
    desks: DeskPartnership, opened: Opened, referral: str, typed: dict[str, str], at: str
) -> None:
    refused = submit(opened(SUPPORT), referral + CORRECTION, 422, **typed)
    assert f'href="#{at}"' in refused.text
    assert desks[SUPPORT].outbox() == []


def test_a_field_is_corrected_or_withdrawn_and_not_both(
    desks: DeskPartnership, opened: Opened, referral: str
) -> None:
    typed = {"incident__previous_incidents": "3", "retracted": ["incident.previous_incidents"]}
    refused = submit(opened(SUPPORT), referral + CORRECTION, 422, reason="wrong_value", **typed)
    assert 'href="#incident-previous_incidents"' in refused.text
    assert desks[SUPPORT].outbox() == []


def test_the_message_is_chosen_first_if_there_are_several(
    desks: DeskPartnership, opened: Opened, referral: str
) -> None:
    charity = opened(SUPPORT)
    submit(charity, referral + CORRECTION, reason="wrong_value", incident__damage="arson")
    at = referral + CORRECTION
    page = charity.get(at).text
    choices = re.findall(r'name="about" value="([^"]+/[^"]+)"', page)
    assert len(choices) == 2
    assert charity.get(f"{at}?about=").status_code == 422
    assert charity.get(f"{at}?about=other/unknown").status_code == 422
    assert hidden(charity.get(f"{at}?about={choices[1]}"))["about"] == choices[1]


def test_a_question_says_what_can_be_done(
    desks: DeskPartnership, opened: Opened, referral: str
) -> None:
    """The agreement gives a charity no message with an answer in words; it gives one to police."""
    council, at = opened(COUNCIL), only(desks, COUNCIL, "fulfiller")
    unasked = submit(council, f"{at}/step/requested/awaiting-information", 422)
    assert 'href="#note"' in unasked.text
    submit(council, f"{at}/step/requested/awaiting-information", note="Which floor?")
    deliver(desks)
    page = opened(SUPPORT).get(referral).text
    assert 'id="no-answer"' in page
    assert "Which floor?" in page
    assert f'href="{referral}{CORRECTION}"' in page
    assert 'id="question"' not in council.get(at).text

    sent(desks.desk(POLICE))
    deliver(desks)
    asked = f"{only_from(desks, POLICE)}/step/requested/awaiting-information"
    submit(council, asked, note="Which door?")
    deliver(desks)
    police = opened(POLICE)
    page = police.get(only(desks, POLICE, "referrer")).text
    answer = re.search(r'href="([^"]+/send/case.updated\?about=[^"]+)"', page)
    assert answer is not None
    assert 'id="no-answer"' not in page
    chosen = re.search(r'name="about" value="(council[^"]+)" checked', police.get(answer[1]).text)
    assert chosen is not None
    submit(police, answer[1], 422, about=chosen[1])  # an answer without content
    submit(police, answer[1], case_status="under-investigation", about=chosen[1])
    deliver(desks)
    assert "Under investigation" in council.get(only_from(desks, POLICE)).text


def only_from(desks: DeskPartnership, agency: str) -> str:
    (line,) = referral_list(desks.desk(COUNCIL), ReferralQuery("fulfiller", agency=agency)).lines
    return f"/referrals/{line.referral_id}/{agency}"


def test_the_main_button_never_ends_a_referral_without_success(
    desks: DeskPartnership, opened: Opened, referral: str
) -> None:
    council, at = opened(COUNCIL), only(desks, COUNCIL, "fulfiller")
    main = re.compile(r'class="button" data-step="([^"]+)"')
    for step in ("received", "accepted", "in-progress", "completed"):
        assert main.findall(council.get(at).text) == [step]
        submit(council, f"{at}/step/{step}")
    assert main.findall(opened(SUPPORT).get(referral).text) == []
    held = find_referral(desks.desk(COUNCIL), referral.split("/")[2], SUPPORT)
    assert held.row.status == "completed"


def test_the_navigation_marks_the_list_of_a_referral(
    desks: DeskPartnership, opened: Opened, referral: str
) -> None:
    marked = re.compile(r'href="([^"]+)" aria-current="page"')
    council, at = opened(COUNCIL), only(desks, COUNCIL, "fulfiller")
    for visitor, path, entry in (
        (council, at, "/inbox"),
        (council, f"{at}/step/accepted", "/inbox"),
        (opened(SUPPORT), referral + CORRECTION, "/sent"),
    ):
        assert marked.findall(visitor.get(path).text) == [entry]


def test_a_step_forward_asks_for_no_reason(opened: Opened, desks: DeskPartnership) -> None:
    sent(desks.desk(SUPPORT))
    deliver(desks)
    council, at = opened(COUNCIL), only(desks, COUNCIL, "fulfiller")
    assert 'name="reason"' not in council.get(f"{at}/step/accepted").text
    assert 'name="reason"' in council.get(f"{at}/step/rejected").text
