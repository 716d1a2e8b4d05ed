"""Items and links at the agency's own boundary, referrals, receipts, heads, the process lock."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from broker.errors import StoreError
from broker.store.database import Store
from broker.store.exclusion import exclusive
from broker.store.reader_rows import HeadsRow
from broker.store.rows import ReferralRow


def test_an_item_is_published_once(store: Store) -> None:
    with store.transaction() as tx:
        assert tx.items.find(b"key") is None
        tx.items.add(b"key", "id-1", "published", None, 1)
        found = tx.items.find(b"key")
        assert found is not None
        assert (found.event_id, found.outcome) == ("id-1", "published")
    with pytest.raises(StoreError) as caught, store.transaction() as tx:
        tx.items.add(b"key", "id-2", "published", None, 2)
    assert caught.value.code == "item_published"


def test_a_refused_item_may_be_offered_again(store: Store) -> None:
    with store.transaction() as tx:
        tx.items.add(b"key", None, "refused", "code_unknown", 1)
        found = tx.items.find(b"key")
        assert found is not None
        assert (found.event_id, found.outcome, found.code) == (None, "refused", "code_unknown")
        tx.items.add(b"key", "id-1", "published", None, 2)
        found = tx.items.find(b"key")
        assert found is not None
        assert (found.event_id, found.outcome, found.code) == ("id-1", "published", None)


def test_a_link_is_unique_both_ways(store: Store) -> None:
    with store.transaction() as tx:
        tx.links.add("case", "OWN/1", "shared-1")
        tx.links.add("case", "OWN/1", "shared-1")
        tx.links.add("referral", "OWN/1", "shared-1")
        assert tx.links.case_for("OWN/1") == "shared-1"
        assert tx.links.own_for("shared-1") == "OWN/1"
        assert tx.links.case_for("OWN/2") is None
        assert tx.links.own_for("shared-1", "other") is None
    for own, shared in (("OWN/1", "shared-2"), ("OWN/2", "shared-1")):
        with pytest.raises(StoreError) as caught, store.transaction() as tx:
            tx.links.add("case", own, shared)
        assert caught.value.code == "link_conflict"
        assert own not in caught.value.diagnostics()  # an own reference may identify a person


REFERRAL = ReferralRow(
    referral_id="r1",
    case_id="c1",
    role="referrer",
    counterparty="council",
    status="requested",
    business_status=None,
    version=1,
    made_ms=100,
    acknowledge_by_ms=200,
    respond_by_ms=900,
    updated_ms=100,
    closed=False,
    event_source="csu",
    event_id="e1",
)


def test_a_referral_is_overdue_by_the_clocks_that_were_not_met(store: Store) -> None:
    with store.transaction() as tx:
        assert tx.referrals.get("r1") is None
        tx.referrals.save(REFERRAL)
        assert tx.referrals.get("r1") == REFERRAL
        assert tx.referrals.overdue(200) == []
        assert tx.referrals.overdue(201) == [REFERRAL]
        acknowledged = replace(REFERRAL, acknowledge_by_ms=None, status="accepted", version=2)
        tx.referrals.save(acknowledged)
        assert tx.referrals.overdue(201) == []
        assert tx.referrals.overdue(901) == [acknowledged]
        closed = replace(acknowledged, closed=True, updated_ms=950)
        tx.referrals.save(closed)
        assert tx.referrals.get("r1") == closed
        assert tx.referrals.overdue(10**15) == []
        assert tx.referrals.open() == []
        assert tx.referrals.for_case("c1") == [closed]


def test_open_referrals_come_by_the_time_they_were_made(store: Store) -> None:
    with store.transaction() as tx:
        for number, made in ((1, 300), (2, 100), (3, 200)):
            tx.referrals.save(replace(REFERRAL, referral_id=f"r{number}", made_ms=made))
        assert [row.referral_id for row in tx.referrals.open()] == ["r2", "r3", "r1"]


def test_referrals_are_counted_by_partner_progress_and_end(store: Store) -> None:
    with store.transaction() as tx:
        for number, (status, progress, closed) in enumerate(
            [
                ("requested", None, False),
                ("accepted", "cancellation-requested", False),
                ("revoked", None, True),
                ("completed", None, True),
            ]
        ):
            tx.referrals.save(
                replace(
                    REFERRAL,
                    referral_id=f"r{number}",
                    status=status,
                    business_status=progress,
                    closed=closed,
                )
            )
        tx.referrals.save(replace(REFERRAL, referral_id="other", counterparty="cps"))
        one = (REFERRAL.role, REFERRAL.counterparty)
        assert tx.referrals.open_counts() == {one: 2, (REFERRAL.role, "cps"): 1}
        assert tx.referrals.open_with_progress({"cancellation-requested"}) == 1
        assert tx.referrals.closed_with_status({"revoked", "requested"}) == 1
        assert tx.referrals.closed_with_status(()) == 0


def test_receipts_are_kept_once_and_found_by_what_they_cover(store: Store) -> None:
    with store.transaction() as tx:
        tx.receipts.add("o", 8, b"8" * 32, "cps", 100, b"first")
        tx.receipts.add("o", 8, b"8" * 32, "cps", 200, b"again")
        tx.receipts.add("o", 16, b"6" * 32, "cps", 300, b"later")
        tx.receipts.add("o", 8, b"8" * 32, "council", 100, b"other")
        tx.receipts.add("o", 8, b"x" * 32, "council", 100, b"contradicts")
        best = tx.receipts.best("o", "cps")
        assert best is not None
        assert (best.size, best.text) == (16, b"later")
        assert tx.receipts.best("o", "nobody") is None
        assert [row.text for row in tx.receipts.covering("o", 8, b"8" * 32)] == [
            b"first",
            b"other",
        ]
        assert [row.size for row in tx.receipts.from_size("o", 9)] == [16]


def test_the_last_heads_of_each_agency_are_kept(store: Store) -> None:
    with store.transaction() as tx:
        assert tx.heads.get("cps") is None
        tx.heads.save(HeadsRow("cps", 1, 0, b""))
        tx.heads.save(HeadsRow("cps", 2, 5, b"r"))
        tx.heads.save(HeadsRow("council", 2, 0, b""))
        assert tx.heads.get("cps") == HeadsRow("cps", 2, 5, b"r")
        assert [row.agency for row in tx.heads.all()] == ["council", "cps"]


HOLDER = """
import sys
from pathlib import Path
from broker.store.exclusion import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_told_that_one_runs_and_gets_the_lock_when_it_dies(
    tmp_path: Path,
) -> None:
    lock = tmp_path / "state" / "adapter.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[4],
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(StoreError) as caught, exclusive(lock):
        pass
    assert caught.value.code == "already_running"
    assert str(holder.pid) in caught.value.detail
    holder.kill()
    holder.wait()
    with exclusive(lock):
        assert lock.stat().st_mode & 0o777 == 0o600


def test_the_lock_is_free_again_after_the_block(tmp_path: Path) -> None:
    with exclusive(tmp_path / "lock"):
        pass
    with exclusive(tmp_path / "lock"), pytest.raises(StoreError), exclusive(tmp_path / "lock"):
        pass


def test_a_lock_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as caught, exclusive(tmp_path / "file" / "lock"):
        pass
    assert caught.value.code == "store_unusable"
