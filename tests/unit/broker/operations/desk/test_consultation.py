"""An agreement that asks people of a role for a reason before they see data of an event."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.trial_agencies import london_agencies
from broker.audit.consultations import ReasonMissingError
from broker.operations.desk.critical_events import confirm_critical_event, open_critical_event
from broker.operations.desk.further_events import FurtherRequest, send_further
from broker.operations.desk.held_referral import find_referral
from broker.operations.desk.referral_view import open_referral
from broker.operations.disclosure_log import DisclosureLog
from broker.operations.log_answer import LogQuery
from contracts.loading import shipped_terms
from tests.support.desk_partnership import ROSA, DeskPartnership, desk_partnership
from tests.support.founded_partnership import (
    COUNCIL,
    POLICE,
    SUPPORT,
    FoundedPartnership,
    found_with,
)
from tests.support.founding import cheap_scrypt
from tests.unit.broker.operations.desk.written_referral import sent

CASE_WORK = replace(ROSA, reason_code="case_work")
OTHER = replace(ROSA, reason_code="other", reason="visit of the inspectorate")


@pytest.fixture(scope="module")
def asking_town() -> FoundedPartnership:
    plans = [plan for plan in london_agencies() if plan.id in (POLICE, COUNCIL, SUPPORT)]
    with cheap_scrypt():
        return found_with(plans, f"{shipped_terms()}\nreason_asked_of: [council]\n")


@pytest.fixture
def asking(asking_town: FoundedPartnership, tmp_path: Path) -> Iterator[DeskPartnership]:
    made = desk_partnership(asking_town, tmp_path)
    yield made
    made.close()


async def test_consultation_reason_required_until_a_reason_is_stated(
    asking: DeskPartnership,
) -> None:
    referral = sent(asking.desk(SUPPORT), (COUNCIL, POLICE))
    await asking.deliver()
    council = asking[COUNCIL]
    for actor in (ROSA, replace(ROSA, reason="because"), replace(ROSA, reason_code="other")):
        with pytest.raises(ReasonMissingError) as refused:
            open_referral(council.desk, actor, referral.referral_id, SUPPORT)
        assert (refused.value.code, refused.value.exit_code) == ("consultation_reason_required", 2)
    assert council.entries("consultation") == []
    for actor in (CASE_WORK, OTHER):
        open_referral(council.desk, actor, referral.referral_id, SUPPORT)
    logged = council.entries("consultation")
    assert [(one.reason, one.reason_text is not None) for one in logged] == [
        ("case_work", False),
        ("other", True),
    ]
    assert {one.case_key for one in logged} == {refused.value.case_key}


async def test_people_of_other_roles_are_not_asked_and_may_state_one(
    asking: DeskPartnership,
) -> None:
    referral = sent(asking.desk(SUPPORT), (COUNCIL, POLICE))
    await asking.deliver()
    for actor in (ROSA, CASE_WORK):
        open_referral(asking.desk(POLICE), actor, referral.referral_id, SUPPORT)
    assert [one.reason for one in asking[POLICE].entries("consultation")] == [None, "case_work"]


async def test_the_log_shows_code_and_words(asking: DeskPartnership) -> None:
    referral = sent(asking.desk(SUPPORT), (COUNCIL, POLICE))
    await asking.deliver()
    council = asking[COUNCIL]
    open_referral(council.desk, OTHER, referral.referral_id, SUPPORT)
    log = DisclosureLog(council.desk.participant, council.desk.store, asking.clock())
    answer = log.show(LogQuery(kinds=frozenset({"consultation"})), ROSA)
    (entry,) = answer.entries
    assert entry.stated == "other: visit of the inspectorate"
    assert {one.entry.stated_code for one in answer.received} == {"other"}


async def test_a_critical_event_is_neither_shown_nor_confirmed_without_a_reason(
    asking: DeskPartnership,
) -> None:
    support, council = asking.desk(SUPPORT), asking[COUNCIL]
    referral = sent(support)
    held = find_referral(support, referral.referral_id, COUNCIL)
    answers = {"declared_at": "2026-03-02T11:00:00.000Z", "reason": "community_confidence"}
    request = FurtherRequest("critical-incident.declared", answers, None, "form")
    send_further(support, ROSA, held, request)
    await asking.deliver()
    with council.desk.store.reading() as tx:
        (row,) = tx.desk_events.unconfirmed(9)
    for look in (open_critical_event, confirm_critical_event):
        with pytest.raises(ReasonMissingError):
            look(council.desk, ROSA, row.source, row.event_id)
    with council.desk.store.reading() as tx:
        assert len(tx.desk_events.unconfirmed(9)) == 1
    assert open_critical_event(council.desk, CASE_WORK, row.source, row.event_id)[1]
    assert confirm_critical_event(council.desk, CASE_WORK, row.source, row.event_id)
    assert [one.reason for one in council.entries("consultation")] == ["case_work", "case_work"]
