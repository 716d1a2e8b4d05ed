"""Desk: server time of a list of referrals with 100,000 events in the state.

The state has 33,000 referrals with three events each, a third of them in the other list, half of
them closed. A list is read with its counts, as the page reads it: the first page of each
selection, a filtered one, and the last page of the closed ones.
"""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import time
import uuid
from pathlib import Path
from typing import Final

from bench import results
from broker.store.database import Store, open_store
from broker.store.desk_rows import (
    SELECTIONS,
    DeskReferralRow,
    NewDeskEventRow,
    ReferralFilter,
)
from broker.store.rows import ReferralRow
from contracts.durations import DAY_MS

REFERRALS: Final = 33_000
EVENTS_EACH: Final = 3
CONTENT_BYTES: Final = 1_000
NOW: Final = 1_772_452_800_000
ROWS: Final = 25
_RANDOM: Final = random.Random(1)


def run(*, quick: bool = False) -> None:
    """Measure and write out/desk.jsonl."""
    count = REFERRALS // 10 if quick else REFERRALS
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "state.db")
        _fill(store, count)
        lists = {each: ReferralFilter("fulfiller", each, NOW, NOW + DAY_MS) for each in SELECTIONS}
        filtered = ReferralFilter("fulfiller", "closed", NOW, NOW + DAY_MS, service="s3")
        rows = [_measured(store, name, asked, 0) for name, asked in lists.items()]
        rows.append(_measured(store, "closed, one service", filtered, 0))
        last = max(0, count // 3 - ROWS)
        rows.append(_measured(store, "closed, last page", lists["closed"], last))
        store.close()
    measured = [{"events": count * EVENTS_EACH, **row} for row in rows]
    results.save("desk", measured)
    results.show(measured)


def _measured(store: Store, name: str, asked: ReferralFilter, offset: int) -> dict[str, object]:
    """Return the median and the longest time of one list with its counts, in milliseconds."""
    found = []
    for _ in range(20):
        begun = time.perf_counter()
        with store.reading() as tx:
            tx.referral_lists.counts(asked)
            tx.referral_lists.count(asked)
            tx.referral_lists.page(asked, ROWS, offset)
        found.append((time.perf_counter() - begun) * 1000)
    return {
        "list": name,
        "median_ms": round(statistics.median(found), 1),
        "longest_ms": round(max(found), 1),
    }


def _fill(store: Store, count: int) -> None:
    referrals = [_referral(number) for number in range(count)]
    with store.transaction() as tx:
        tx.referrals.save_many(referrals)
        for number, row in enumerate(referrals):
            case = os.urandom(32)
            for place in range(EVENTS_EACH):
                tx.desk_events.add(
                    NewDeskEventRow(
                        source=row.counterparty,
                        event_id=str(uuid.UUID(int=_RANDOM.getrandbits(128))),
                        type="a.type",
                        case_key=case,
                        referral_id=row.referral_id.partition("/")[0],
                        critical=number % 500 == 0 and place == 1,
                        received_ms=NOW,
                        expires_ms=NOW + DAY_MS,
                        content=os.urandom(CONTENT_BYTES),
                    )
                )
            service = f"s{number % 7}"
            tx.desk_events.add_referral(
                DeskReferralRow(row.referral_id, case, service, "routine", critical=False)
            )


def _referral(number: int) -> ReferralRow:
    agency = f"agency-{number % 20}"
    closed = _RANDOM.random() < 0.5
    acknowledge, respond = (NOW + _RANDOM.randint(-20, 40) * DAY_MS // 2 for _ in range(2))
    return ReferralRow(
        referral_id=f"{uuid.UUID(int=_RANDOM.getrandbits(128))}/{agency}",
        case_id=str(uuid.UUID(int=_RANDOM.getrandbits(128))),
        role="fulfiller" if number % 3 else "referrer",
        counterparty=agency,
        status="new",
        business_status=None,
        version=1,
        made_ms=NOW - number,
        acknowledge_by_ms=None if closed else acknowledge,
        respond_by_ms=None if closed else respond,
        updated_ms=NOW - number,
        closed=closed,
        event_source=agency,
        event_id=str(uuid.UUID(int=_RANDOM.getrandbits(128))),
    )
