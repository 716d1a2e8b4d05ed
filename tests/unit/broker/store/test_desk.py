"""The desk's areas: kept events, drafts, and lists of referrals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.errors import StoreError
from broker.store.database import Store
from broker.store.desk_rows import (
    SELECTIONS,
    DeskReferralRow,
    DraftRow,
    NewDeskEventRow,
    ReferralFilter,
    ReferralSelection,
)
from broker.store.rows import ReferralRow
from contracts.durations import DAY_MS

NOW, DAY_END = 10 * DAY_MS + 1000, 11 * DAY_MS
CASE, OTHER_CASE = b"c" * 32, b"d" * 32
EVENT = NewDeskEventRow("csu", "id", "a.type", CASE, "r", False, NOW, NOW + 5, b"sealed")


def referral(name: str, **changes: object) -> ReferralRow:
    row = ReferralRow(
        f"{name}/csu", "case", "fulfiller", "csu", "new", None, 1, NOW, None, None, NOW, False,
        "csu", name,
    )  # fmt: skip
    return replace(row, **changes)  # type: ignore[arg-type]  # of a test


@pytest.fixture
def listed(store: Store) -> Store:
    rows = [
        referral("late", acknowledge_by_ms=NOW - 1, respond_by_ms=NOW + 9 * DAY_MS),
        referral("later", respond_by_ms=NOW - 2),
        referral("today", acknowledge_by_ms=NOW),
        referral("tomorrow", acknowledge_by_ms=DAY_END),
        referral("undated"),
        referral("done", closed=True, updated_ms=NOW - 1),
        referral("done-last", closed=True, updated_ms=NOW),
        referral("ours", role="referrer"),
        replace(referral("council"), referral_id="council/lbc", counterparty="lbc"),
    ]
    with store.transaction() as tx:
        tx.referrals.save_many(rows)
        tx.desk_events.add_referral(DeskReferralRow("late/csu", CASE, "help", "urgent", False))
        tx.desk_events.add_referral(DeskReferralRow("undated/csu", CASE, "advice", None, False))
        tx.desk_events.add_referral(DeskReferralRow("done/csu", CASE, "help", None, False))
    return store


def names(store: Store, selection: ReferralSelection, **asked: str) -> list[str]:
    wanted = replace(ReferralFilter("fulfiller", selection, NOW, DAY_END), **asked)  # type: ignore[arg-type]  # of a test
    with store.reading() as tx:
        rows = tx.referral_lists.page(wanted, 100, 0)
        assert tx.referral_lists.count(wanted) == len(rows)
        halves = tx.referral_lists.page(wanted, 2, 0) + tx.referral_lists.page(wanted, 98, 2)
    assert halves == rows
    return [row.referral.referral_id.partition("/")[0] for row in rows]


def test_a_list_begins_with_the_most_pressing(listed: Store) -> None:
    assert names(listed, "open") == ["later", "late", "today", "tomorrow", "council", "undated"]
    assert names(listed, "overdue") == ["later", "late"]
    assert names(listed, "today") == ["today"]
    assert names(listed, "closed") == ["done-last", "done"]
    assert names(listed, "open", role="referrer") == ["ours"]


def test_filters_narrow_every_list(listed: Store) -> None:
    assert names(listed, "open", counterparty="lbc") == ["council"]
    assert names(listed, "open", service="help") == ["late"]
    assert names(listed, "closed", service="help") == ["done"]
    assert names(listed, "open", reference="to") == ["today", "tomorrow"]
    assert names(listed, "open", reference="late", counterparty="csu") == ["later", "late"]


def test_the_counts_are_those_of_the_lists(listed: Store) -> None:
    with listed.reading() as tx:
        counts = tx.referral_lists.counts(ReferralFilter("fulfiller", "open", NOW, DAY_END))
    assert counts == {each: len(names(listed, each)) for each in SELECTIONS}


def test_a_deadline_that_was_met_leaves_the_list_of_overdue_ones(listed: Store) -> None:
    with listed.transaction() as tx:
        tx.referrals.save(referral("later", respond_by_ms=None))
    assert names(listed, "overdue") == ["late"]


def test_a_critical_event_marks_each_referral_of_its_case(listed: Store) -> None:
    assert names(listed, "critical") == []
    with listed.transaction() as tx:
        tx.desk_events.add(replace(EVENT, critical=True))
    assert names(listed, "critical") == ["late", "undated"]  # those of the case that are open
    with listed.transaction() as tx:  # and one that comes afterwards
        tx.desk_events.add_referral(DeskReferralRow("today/csu", CASE, None, None, False))
        tx.desk_events.add_referral(DeskReferralRow("tomorrow/csu", OTHER_CASE, None, None, False))
    assert names(listed, "critical") == ["late", "today", "undated"]


def test_an_event_is_kept_once(store: Store) -> None:
    with store.transaction() as tx:
        tx.desk_events.add(EVENT)
    with pytest.raises(StoreError) as refusal, store.transaction() as tx:
        tx.desk_events.add(EVENT)
    assert refusal.value.code == "store_conflict"


def test_a_critical_event_waits_until_a_person_confirms_it(store: Store) -> None:
    with store.transaction() as tx:
        tx.desk_events.add(replace(EVENT, critical=True))
        tx.desk_events.add(replace(EVENT, event_id="plain"))
        tx.desk_events.add(replace(EVENT, source="", critical=True))
        assert [row.event_id for row in tx.desk_events.unconfirmed(9)] == ["id"]
        assert tx.desk_events.confirm("csu", "id", NOW)
        assert not tx.desk_events.confirm("csu", "id", NOW + 1)
        assert not tx.desk_events.confirm("csu", "plain", NOW)
        assert tx.desk_events.unconfirmed(9) == []
        row = tx.desk_events.find("csu", "id")
    assert row is not None
    assert row.confirmed_ms == NOW


def test_content_is_removed_by_case_and_by_age(store: Store) -> None:
    with store.transaction() as tx:
        tx.desk_events.add(EVENT)
        tx.desk_events.add(replace(EVENT, event_id="2", case_key=OTHER_CASE, expires_ms=NOW))
        tx.desk_events.add(replace(EVENT, event_id="3", case_key=OTHER_CASE))
        assert tx.desk_events.count() == 3
        assert tx.desk_events.forget_expired(NOW) == 1
        assert tx.desk_events.forget_expired(NOW) == 0
        assert tx.desk_events.forget_case(CASE) == 1
        found = [row.content for row in tx.desk_events.of_case(OTHER_CASE)]
        assert tx.desk_events.count() == 1
    assert found == [None, b"sealed"]


def test_a_draft_changes_only_from_the_version_that_was_read(store: Store) -> None:
    draft = DraftRow("d", "one", 1, CASE, NOW, NOW, b"a")
    with store.transaction() as tx:
        tx.drafts.add(draft)
        tx.drafts.add(replace(draft, draft_id="e", changed_ms=NOW + 1))
        tx.drafts.add(replace(draft, draft_id="f", owner="another", case_key=OTHER_CASE))
        assert [row.draft_id for row in tx.drafts.of_owner("one", 9)] == ["e", "d"]
        assert tx.drafts.change("d", 1, b"b", NOW + 2)
        assert not tx.drafts.change("d", 1, b"c", NOW + 3)
        assert tx.drafts.get("d") == replace(draft, version=2, changed_ms=NOW + 2, content=b"b")
        assert tx.drafts.forget_unchanged_since(NOW + 1) == 2
        assert tx.drafts.forget_case(OTHER_CASE) == 0
        assert tx.drafts.forget_case(CASE) == 1
        assert not tx.drafts.remove("d")
