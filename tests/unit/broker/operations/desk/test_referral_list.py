"""Lists of referrals: clocks, filters, pages and counts, and nothing that identifies a person."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from broker.operations.desk.notices import notice_candidates
from broker.operations.desk.referral_list import (
    PAGE_ROWS,
    ReferralQuery,
    day_end,
    referral_list,
)
from broker.store.rows import ReferralRow
from contracts.durations import HOUR_MS
from tests.support.desk_partnership import DeskPartnership
from tests.support.founded_partnership import COUNCIL, POLICE, SUPPORT
from tests.unit.broker.operations.desk.written_referral import TYPED, sent, step

RECEIVED, SENT = ReferralQuery("fulfiller"), ReferralQuery("referrer")


async def test_a_referral_is_in_the_list_of_both_sides(desks: DeskPartnership) -> None:
    referral = sent(desks.desk(SUPPORT), (COUNCIL, POLICE))
    (council, police) = referral_list(desks.desk(SUPPORT), SENT).lines
    assert {council.agency, police.agency} == {COUNCIL, POLICE}
    assert {council.service, police.service} == {"Housing"}
    assert referral_list(desks.desk(COUNCIL), RECEIVED).lines == ()
    await desks.deliver()
    (line,) = referral_list(desks.desk(COUNCIL), RECEIVED).lines
    assert (line.referral_id, line.agency, line.service) == (
        referral.referral_id,
        SUPPORT,
        "Housing",
    )
    assert (line.urgent, line.critical, line.status, line.due) == (
        True,
        False,
        "Requested",
        "acknowledge",
    )
    assert line.due_ms == line.made_ms + 4 * HOUR_MS
    assert "Exampleton" not in repr(line)


async def test_the_clock_moves_a_referral_from_list_to_list(desks: DeskPartnership) -> None:
    referral = sent(desks.desk(SUPPORT))
    await desks.deliver()
    council = desks.desk(COUNCIL)

    def counts() -> dict[str, int]:
        found = referral_list(council, RECEIVED).counts
        return {name: count for name, count in found.items() if count}

    assert counts() == {"open": 1, "today": 1}
    desks.clock.pass_(5 * HOUR_MS)
    assert counts() == {"open": 1, "overdue": 1}
    assert referral_list(council, RECEIVED).lines[0].overdue(desks.clock.now)
    step(council, referral.referral_id, SUPPORT, "received")
    assert counts() == {"open": 1}
    line = referral_list(council, RECEIVED).lines[0]
    assert (line.due, line.due_ms) == ("respond", line.made_ms + 48 * HOUR_MS)
    step(council, referral.referral_id, SUPPORT, "accepted")
    line = referral_list(council, RECEIVED).lines[0]
    assert (line.due, line.due_ms, line.status) == (None, None, "Accepted")
    step(council, referral.referral_id, SUPPORT, "completed")
    assert counts() == {"closed": 1}


async def test_filters_and_their_choices(desks: DeskPartnership) -> None:
    first = sent(desks.desk(SUPPORT))
    sent(desks.desk(POLICE), (COUNCIL,), {**TYPED, "requested_service": ["safeguarding"]})
    await desks.deliver()
    council = desks.desk(COUNCIL)
    page = referral_list(council, RECEIVED)
    assert page.agencies.keys() == {POLICE, SUPPORT}
    assert page.services["housing"] == "Housing"
    for query, services in (
        (ReferralQuery("fulfiller", agency=POLICE), ["Safeguarding"]),
        (ReferralQuery("fulfiller", service="housing"), ["Housing"]),
        (ReferralQuery("fulfiller", reference=f" {first.referral_id[:8].upper()} "), ["Housing"]),
        (ReferralQuery("fulfiller", service="housing", agency=POLICE), []),
        (ReferralQuery("fulfiller", service="not a code"), []),
    ):
        found = referral_list(council, query)
        assert [line.service for line in found.lines] == services
        assert found.total == len(services)
        assert found.counts == page.counts


def test_a_list_has_pages(desks: DeskPartnership) -> None:
    council = desks.desk(COUNCIL)
    with council.store.transaction() as tx:
        tx.referrals.save_many(
            ReferralRow(
                f"r{number:03}/{SUPPORT}", "case", "fulfiller", SUPPORT, "requested", None, 1,
                number, number, None, number, False, SUPPORT, f"e{number}",
            )
            for number in range(PAGE_ROWS + 3)
        )  # fmt: skip
    seen = []
    for number in (1, 2):
        page = referral_list(council, ReferralQuery("fulfiller", page=number))
        assert (page.page, page.pages, page.total) == (number, 2, PAGE_ROWS + 3)
        seen += [line.referral_id for line in page.lines]
    assert seen == sorted(seen)
    assert len(seen) == PAGE_ROWS + 3
    assert referral_list(council, ReferralQuery("fulfiller", page=99)).page == 2
    assert referral_list(council, ReferralQuery("fulfiller", page=0)).page == 1
    assert page.lines[0].service is None  # the desk did not keep the event that made it


@pytest.mark.parametrize(
    ("now", "end"),
    [
        (datetime(2026, 3, 2, 23, 59, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)),
        (datetime(2026, 7, 2, 23, 30, tzinfo=UTC), datetime(2026, 7, 3, 23, tzinfo=UTC)),
        (datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 3, 29, 23, tzinfo=UTC)),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 26, tzinfo=UTC)),
    ],
)
def test_a_day_ends_at_midnight_in_the_united_kingdom(now: datetime, end: datetime) -> None:
    assert day_end(int(now.timestamp()) * 1000) == int(end.timestamp()) * 1000


async def test_notices_name_causes_and_no_person(desks: DeskPartnership) -> None:
    urgent = sent(desks.desk(SUPPORT))
    routine = sent(desks.desk(SUPPORT), texts={**TYPED, "urgency": ["routine"]})
    await desks.deliver()
    council, support = desks.desk(COUNCIL), desks.desk(SUPPORT)
    found = {(one.cause, one.referral_id) for one in notice_candidates(council)}
    assert found == {("urgent", urgent.referral_id), ("new", routine.referral_id)}
    assert list(notice_candidates(support)) == []
    keys = {one.key for one in notice_candidates(council)}
    desks.clock.pass_(5 * HOUR_MS)
    later = list(notice_candidates(council))
    assert [(one.cause, one.referral_id) for one in later if one.key not in keys] == [
        ("overdue", urgent.referral_id)
    ]
    assert [(one.cause, one.role) for one in notice_candidates(support)] == [
        ("overdue", "referrer")
    ]
    step(council, urgent.referral_id, SUPPORT, "accepted")
    assert {one.referral_id for one in notice_candidates(council)} == {routine.referral_id}
    assert "Exampleton" not in repr(later)


async def test_notices_go_on_after_the_first_page_of_referrals(
    desks: DeskPartnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.operations.desk.notices.PAGE_ROWS", 1)
    made = {sent(desks.desk(SUPPORT)).referral_id for _ in range(3)}
    await desks.deliver()
    assert {one.referral_id for one in notice_candidates(desks.desk(COUNCIL))} == made
