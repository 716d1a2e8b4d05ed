"""Steps: the same events as an adapter's, once each, and from the status that a person saw."""

from __future__ import annotations

import orjson
import pytest

from broker.operations.desk.drafts import send_draft
from broker.operations.desk.further_events import FurtherRequest, send_further
from broker.operations.desk.held_referral import find_referral
from broker.operations.event_acceptance import KeyReusedError
from contracts.errors import EventError
from tests.support.desk_partnership import ROSA, SAM, DeskPartnership
from tests.support.founded_partnership import COUNCIL, SUPPORT
from tests.unit.broker.operations.desk.written_referral import sent, step, written


async def referred(desks: DeskPartnership) -> str:
    referral = sent(desks.desk(SUPPORT))
    await desks.deliver()
    return referral.referral_id


def status(desks: DeskPartnership, agency: str, referral_id: str, other: str) -> tuple[str, int]:
    row = find_referral(desks.desk(agency), referral_id, other).row
    return row.status, row.version


async def test_a_step_reaches_the_other_side(desks: DeskPartnership) -> None:
    referral_id = await referred(desks)
    step(desks.desk(COUNCIL), referral_id, SUPPORT, "accepted")
    assert status(desks, COUNCIL, referral_id, SUPPORT) == ("accepted", 2)
    assert status(desks, SUPPORT, referral_id, COUNCIL) == ("requested", 1)
    await desks.deliver()
    assert status(desks, SUPPORT, referral_id, COUNCIL) == ("accepted", 2)
    step(desks.desk(COUNCIL), referral_id, SUPPORT, "completed")
    await desks.deliver()
    row = find_referral(desks.desk(SUPPORT), referral_id, COUNCIL).row
    assert (row.status, row.closed) == ("completed", True)
    (disclosed, *_) = desks[COUNCIL].entries("disclosure")
    assert disclosed.operator == "rosa.sampleworth"


async def test_the_second_of_two_people_is_told_and_nothing_is_sent_twice(
    desks: DeskPartnership,
) -> None:
    referral_id = await referred(desks)
    council = desks.desk(COUNCIL)
    seen = status(desks, COUNCIL, referral_id, SUPPORT)
    step(council, referral_id, SUPPORT, "accepted", seen=seen)
    with pytest.raises(EventError) as refusal:
        step(council, referral_id, SUPPORT, "rejected", seen=seen, actor=SAM, reason="no_capacity")
    assert refusal.value.code == "version_conflict"
    assert status(desks, COUNCIL, referral_id, SUPPORT) == ("accepted", 2)
    assert len(desks[COUNCIL].outbox()) == 1
    (refused,) = desks[COUNCIL].entries("refusal")
    assert (refused.operator, refused.reason) == ("sam.exampleton", "version_conflict")


async def test_a_form_that_is_sent_twice_is_one_event(desks: DeskPartnership) -> None:
    referral_id = await referred(desks)
    council = desks.desk(COUNCIL)
    seen = status(desks, COUNCIL, referral_id, SUPPORT)
    first = step(council, referral_id, SUPPORT, "accepted", key="form", seen=seen)
    again = step(council, referral_id, SUPPORT, "accepted", key="form", seen=seen)
    assert (first.new, again.new, first.answer) == (True, False, again.answer)
    assert desks[COUNCIL].outbox() == [orjson.loads(first.answer)["id"]]
    with pytest.raises(KeyReusedError):
        step(council, referral_id, SUPPORT, "received", key="form", seen=seen)


@pytest.mark.parametrize(
    ("wanted", "answers", "code", "where"),
    [
        ("completed", {}, "transition_not_allowed", "status"),
        ("rejected", {}, "reason_required", "reason"),
        ("rejected", {"reason": "other"}, "condition_unmet", None),
        ("rejected", {"reason": "not a code"}, "event_invalid", None),
        ("not a status", {}, "event_invalid", None),
        ("accepted", {"note": "x" * 301}, "event_invalid", None),
        ("accepted", {"unknown_field": "x"}, "event_invalid", None),
    ],
)
async def test_a_refused_step_names_why_and_changes_nothing(
    desks: DeskPartnership, wanted: str, answers: dict[str, str], code: str, where: str | None
) -> None:
    referral_id = await referred(desks)
    with pytest.raises(EventError) as refusal:
        step(desks.desk(COUNCIL), referral_id, SUPPORT, wanted, **answers)
    assert refusal.value.code == code
    assert where is None or refusal.value.where == where
    assert status(desks, COUNCIL, referral_id, SUPPORT) == ("requested", 1)
    assert desks[COUNCIL].outbox() == []


async def test_a_corrected_form_may_keep_its_key(desks: DeskPartnership) -> None:
    referral_id = await referred(desks)
    council = desks.desk(COUNCIL)
    with pytest.raises(EventError):
        step(council, referral_id, SUPPORT, "rejected", key="form")
    accepted = step(council, referral_id, SUPPORT, "rejected", key="form", reason="no_capacity")
    assert accepted.new


async def test_the_referrer_takes_back_what_it_entered_in_error(desks: DeskPartnership) -> None:
    referral_id = await referred(desks)
    with pytest.raises(EventError) as refusal:
        step(desks.desk(SUPPORT), referral_id, COUNCIL, "accepted")
    assert refusal.value.code == "transition_not_allowed"
    step(desks.desk(SUPPORT), referral_id, COUNCIL, "entered-in-error")
    await desks.deliver()
    assert status(desks, COUNCIL, referral_id, SUPPORT) == ("entered-in-error", 2)


async def test_a_critical_event_goes_to_the_other_side_and_marks_the_case(
    desks: DeskPartnership,
) -> None:
    referral_id = await referred(desks)
    support = desks.desk(SUPPORT)
    held = find_referral(support, referral_id, COUNCIL)
    answers = {
        "declared_at": "2026-03-02T11:00:00.000Z",
        "reason": "community_confidence",
    }
    request = FurtherRequest("critical-incident.declared", answers, None, "form")
    send_further(support, ROSA, held, request)
    assert not send_further(support, ROSA, held, request).new
    await desks.deliver()
    for desk, other in ((support, COUNCIL), (desks.desk(COUNCIL), SUPPORT)):
        facts = find_referral(desk, referral_id, other).facts
        assert facts is not None
        assert facts.critical


async def test_the_adapter_goes_on_beside_the_desk(desks: DeskPartnership) -> None:
    """The adapter holds caches; what the desk writes beside it must not contradict them."""
    referral_id = await referred(desks)
    adapter, council = desks[COUNCIL].member, desks.desk(COUNCIL)
    step(council, referral_id, SUPPORT, "accepted")
    await desks.deliver()
    event = adapter.event("case.updated", (SUPPORT,))
    assert adapter.publish(event) is not None
    step(council, referral_id, SUPPORT, "in-progress")
    draft = written(desks.desk(SUPPORT), (COUNCIL,))
    send_draft(desks.desk(SUPPORT), ROSA, draft.id, draft.version)
    assert await desks.deliver() == 3
    assert status(desks, SUPPORT, referral_id, COUNCIL) == ("in-progress", 3)
    assert all(one.member.verify_log() for one in (desks[COUNCIL], desks[SUPPORT]))
