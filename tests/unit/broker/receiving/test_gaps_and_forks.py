"""Gaps that are told and healed, leaves that close them, and forks, which stop a partition."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.tlog.checkpoint import GenerationPlace
from tests.support.forged_events import draft_event
from tests.support.founded_partnership import (
    COUNCIL,
    MADE,
    MINUTE,
    POLICE,
    SUPPORT,
)
from tests.support.memory_agency import MemoryAgency, at_offsets, ids
from tests.support.record_parts import as_leaf
from tests.support.sealed_referrals import values
from tests.support.sent_records import Log


def test_a_gap_is_told_filled_and_healed(council: MemoryAgency, log: Log) -> None:
    records = at_offsets(log.send(*values(5)))
    council.take(records[:1])
    batch = council.take(records[3:])
    assert [(first, last) for _, first, last in batch.gaps] == [(1, 2)]
    assert batch.alarms == [(POLICE, "gap")]
    assert len(batch.opened) == 2
    replayed = at_offsets(records[1:3], 5)
    batch = council.take(replayed)
    assert [event.id for event in batch.opened] == ids(replayed)
    state = council.state(POLICE, records[0])
    assert state is not None
    assert all(not held.gaps for held in state.generations.values())


def test_leaves_close_a_gap_without_content_and_the_full_record_is_still_opened(
    council: MemoryAgency, log: Log
) -> None:
    records = at_offsets(log.send(*values(4)))
    council.take([records[0], records[3]])
    batch = council.take(at_offsets([as_leaf(records[1]), as_leaf(records[2])], 4))
    assert (batch.leaves, batch.opened) == (2, [])
    state = council.state(POLICE, records[0])
    assert state is not None
    held = state.generations[state.newest]
    assert held.gaps == ()
    with council.store.reading() as tx:
        place = GenerationPlace(POLICE, log.topic, 0, held.name)
        assert tx.reader_logs.missing_content(place, 0, 9) == [1, 2]
    batch = council.take(at_offsets([records[2], as_leaf(records[2])], 6))
    assert (len(batch.opened), batch.repeats) == (1, 1)
    with council.store.reading() as tx:
        assert tx.reader_logs.missing_content(place, 0, 9) == [1]


def test_a_leaf_of_a_batch_does_not_hold_back_its_record(council: MemoryAgency, log: Log) -> None:
    records = log.send(*values(3))
    mixed = [records[0], records[2], as_leaf(records[1]), records[1], as_leaf(records[1])]
    batch = council.take(at_offsets(mixed))
    assert (len(batch.opened), batch.leaves, batch.repeats) == (3, 1, 1)


def test_a_sender_that_still_writes_to_an_old_history_is_alarmed_once_a_batch(
    council: MemoryAgency, log: Log
) -> None:
    log.send(*values(1))
    old = log.copy()
    log.restart()
    assert len(council.take(at_offsets(log.send(*values(1)))).opened) == 1
    late = old.send(*values(2), at=log.now + MINUTE)
    batch = council.take(at_offsets(late, 1))
    assert (batch.before_start, batch.opened) == (2, [])
    assert batch.alarms == [(POLICE, "before_start_late")]


@pytest.mark.parametrize("together", [True, False])
def test_a_fork_stops_its_partition_only_and_both_texts_are_kept(
    council: MemoryAgency, log: Log, together: bool
) -> None:
    first = log.send(*values(1))
    fork = log.copy()
    honest, forged = log.send(*values(1)), fork.send(*values(1))
    after = log.send(*values(1))
    theirs = Log(SUPPORT).send(draft_event(MADE, SUPPORT, to=(COUNCIL,)).value())
    records = at_offsets([*first, *honest, *forged, *after, *theirs])
    batches = [records] if together else [[one] for one in records]
    taken = [council.take(batch) for batch in batches]
    opened = [event.source for batch in taken for event in batch.opened]
    assert opened == [POLICE, POLICE, SUPPORT]
    assert [a for batch in taken for a in batch.alarms] == [(POLICE, "equivocation")]
    with council.store.reading() as tx:
        (evidence,) = tx.evidence.list()
        for kept, one in ((evidence.text_a, honest[0]), (evidence.text_b, forged[0])):
            proof = dict(one.headers)[b"proof"]
            assert proof is not None
            assert kept
            assert proof.endswith(kept)
    assert council.position(records[0]) == 2  # held where it happened
    elsewhere = Log(partition=1).send(*values(1))
    assert len(council.take(at_offsets(elsewhere)).opened) == 1


def test_a_fork_that_a_link_shows_keeps_both_texts(council: MemoryAgency) -> None:
    log = Log()
    first = log.send(*values(2))
    fork = log.copy()
    fork.newest, fork.last = None, None
    fork.send(*values(2))
    assert fork.newest is not None
    assert log.newest is not None
    fork.last = replace(log.newest, root=fork.newest.root)
    fork.newest = None
    fork.now += MINUTE
    fork.restart()
    linked = fork.send(*values(1))
    council.take(at_offsets(first))
    batch = council.take(at_offsets(linked, 2))
    assert batch.alarms == [(POLICE, "equivocation")]
    with council.store.reading() as tx:
        (evidence,) = tx.evidence.list()
    assert b"\n2\n" in evidence.text_a
    assert evidence.text_b
