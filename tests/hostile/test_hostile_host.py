"""Attacks of Kafka's host on one record, and what an operator sees of each.

The machine (``test_hostile_kafka.py``) explores; these say what it comes to for the operator.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.audit.actor import Actor
from broker.control.missing_content import FIRST_ASKED_MS
from broker.judging.partition_state import PartitionState
from broker.operations.retry import RecordRetry
from broker.record import KafkaPartition
from tests.hostile.alterations import ALTERATIONS, HONEST, Alteration
from tests.hostile.witness import Witness, goes_on, honest
from tests.support.forged_events import draft_event
from tests.support.founded_partnership import CHANGED, COUNCIL, DAY, MADE, POLICE
from tests.support.record_parts import as_leaf
from tests.support.sent_records import Log


@pytest.fixture
def council(tmp_path: Path) -> Iterator[Witness]:
    witness = Witness(COUNCIL, tmp_path / "parties")
    yield witness
    witness.close()


@pytest.fixture
def log() -> Log:
    return Log()


def state_of(reader: Witness, log: Log) -> PartitionState:
    state = reader.state(log.agency, KafkaPartition(log.topic, log.partition))
    assert state is not None
    return state


@pytest.mark.parametrize("alteration", ALTERATIONS, ids=lambda one: one.name)
def test_no_alteration_takes_the_place_of_the_record(
    council: Witness, log: Log, alteration: Alteration
) -> None:
    """Served in its place it is refused as it must be; the true record is taken after it."""
    first, second, third = (log.send_one(honest()) for _ in range(3))
    altered = alteration.alter(second, first, 1)
    batch = council.take(first, altered)
    if alteration.expected is HONEST:
        assert len(batch.opened) == 2
    elif (altered.value, altered.headers) != (second.value, second.headers):
        codes = {f"{step} {code}" for _, _, step, code in batch.refused}
        codes |= {f"waits {code}" for _, code in batch.deferred}
        assert len(codes) == 1
        assert codes <= alteration.expected
        assert len(batch.opened) == 1
    council.take(second, third)
    assert council.inbox() == 3
    assert council.quarantined() == []
    goes_on(council, log)


def test_a_leaf_that_the_host_made_of_a_replay_is_an_alarm(council: Witness, log: Log) -> None:
    """Anybody can make a leaf of a record: the gap closes, and its content is asked for again."""
    records = [log.send_one(honest()) for _ in range(4)]
    assert council.take(records[0], records[3]).alarms == [(POLICE, "gap")]
    batch = council.take(as_leaf(records[1]), as_leaf(records[2]))
    assert (batch.leaves, batch.alarms) == (2, [(POLICE, "content_missing")])
    assert [line["code"] for line in council.lines("alarm")] == ["gap", "content_missing"]
    assert all(not held.gaps for held in state_of(council, log).generations.values())
    assert council.look().ask_again == []
    council.clock.pass_(FIRST_ASKED_MS)
    assert [asked[1:] for asked in council.look().ask_again] == [(1, 2)]
    council.take(as_leaf(records[1]), as_leaf(records[2]), now=council.clock.now)  # and again
    council.clock.pass_(2 * FIRST_ASKED_MS)
    assert [asked[1:] for asked in council.look().ask_again] == [(1, 2)]
    now = council.clock.now
    assert len(council.take(*records, now=now).opened) == 2  # the host lets them through
    assert council.take(*records, now=now).repeats == 4
    assert council.inbox() == 4
    council.clock.pass_(DAY)
    assert council.look().ask_again == []
    goes_on(council, log)


def test_a_change_shown_before_its_referral_waits_in_quarantine(council: Witness, log: Log) -> None:
    """Kafka shows the second record first: nothing is lost, and a retry takes it in its turn."""
    referral = "0000beef-0000-4000-8000-000000000000"
    start = log.send_one(honest())
    made = log.send_one(draft_event(MADE, to=(COUNCIL,), referral_id=referral).value())
    withdrawn = draft_event(
        CHANGED,
        without=["reason", "business_status"],
        to=(COUNCIL,),
        referral_id=referral,
        status="entered-in-error",
        previous_status="requested",
        version=2,
    )
    changed = log.send_one(withdrawn.value())
    batch = council.take(start, changed)
    ((_, index, step, code),) = batch.refused
    assert (index, step, code) == (2, 11, "referral_unknown")
    assert len(council.take(made).opened) == 1
    with council.store.reading() as tx:
        (row,) = tx.quarantine.list("held")
    retries = RecordRetry(council.participant, council.store, Actor("a clerk"))
    outcome = retries.retry(row.id, council.clock.now)
    assert outcome.settled, outcome
    assert (council.inbox(), council.quarantined()) == (3, [])
