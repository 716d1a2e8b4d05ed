"""Receiving: inbox, stream state, position and log in one transaction, whatever comes again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.errors import StoreError
from broker.judging.reader_context import WRAPS_PER_PARTY_AND_MINUTE
from broker.judging.store_context import StoreContext
from broker.judging.verification_cache import VerificationCache
from broker.receiving import persistence
from broker.receiving.quarantining import kept_size, restored
from broker.receiving.receiving import Receiving
from broker.record import Record
from broker.store.reader_rows import StateChange
from broker.store.rows import HeldSize
from broker.tlog.checkpoint import Place
from tests.support.forged_events import draft_event
from tests.support.founded_partnership import (
    COUNCIL,
    MADE,
    MINUTE,
    POLICE,
    PROSECUTION,
    SUPPORT,
)
from tests.support.memory_agency import Clock, Make, MemoryAgency, at_offsets, ids
from tests.support.sealed_referrals import value, values
from tests.support.sent_records import Log


def test_a_batch_is_taken_in_one_transaction(council: MemoryAgency, log: Log) -> None:
    records = at_offsets(log.send(*values(3)), 40)
    batch = council.take(records)
    assert [event.id for event in batch.opened] == council.inbox() == ids(records)
    assert council.position(records[0]) == 43
    assert council.verify_log() == 3
    assert batch.changed == {(POLICE, log.topic, 0)}


def test_the_same_batch_again_changes_nothing(council: MemoryAgency, log: Log) -> None:
    records = at_offsets(log.send(*values(3)))
    council.take(records)
    again = council.take(records)
    assert (again.opened, again.repeats) == ([], 3)
    assert (len(council.inbox()), council.verify_log()) == (3, 3)


def test_overlapping_batches_after_a_rebalance_are_taken_once(
    council: MemoryAgency, log: Log
) -> None:
    records = at_offsets(log.send(*values(6)))
    council.take(records[:4])
    another = Receiving(  # another process: nothing is remembered
        council.store, council.trust_store, council.secret
    )
    batch = another.take(records[0].kafka_partition, records[2:], council.clock.now)
    assert (len(batch.opened), batch.repeats, batch.gaps) == (2, 2, [])
    assert council.inbox() == ids(records)


def test_a_batch_that_fails_leaves_nothing_behind(
    council: MemoryAgency, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = at_offsets(log.send(*values(3)))

    def broken(*_arguments: object) -> None:
        raise StoreError("no room", code="store_full")

    monkeypatch.setattr(persistence, "append_entries", broken)
    with pytest.raises(StoreError):
        council.take(records)
    monkeypatch.undo()
    assert council.inbox() == []
    assert council.position(records[0]) is None
    assert council.state(POLICE, records[0]) is None
    assert len(council.take(records).opened) == 3


def test_a_stream_that_another_process_moved_fails_the_batch(
    council: MemoryAgency, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = at_offsets(log.send(*values(2)))
    council.take(records[:1])
    real = StoreContext.flush

    def moved(context: StoreContext) -> None:
        """A rebalance: the other member saved first."""
        place = Place(POLICE, records[0].topic, 0)
        stored = context._tx.reader.state(place)
        assert stored is not None
        change = StateChange(stored[1][0], 0, 0, [], [])
        context._tx.reader.save_state(place, change, stored[0])
        real(context)

    monkeypatch.setattr(StoreContext, "flush", moved)
    with pytest.raises(StoreError) as changed:
        council.take(records[1:])
    assert changed.value.code == "state_changed"
    monkeypatch.undo()
    assert council.position(records[0]) == 1
    assert len(council.take(records[1:]).opened) == 1


def test_an_event_sealed_again_is_in_the_inbox_once(council: MemoryAgency, log: Log) -> None:
    same = draft_event(MADE, to=(COUNCIL,))
    records = log.send(same.value(), same.value())
    batch = council.take(at_offsets(records))
    assert (len(batch.opened), batch.repeats) == (1, 1)
    later = council.take(at_offsets(log.send(same.value()), 2))
    assert (len(later.opened), later.repeats) == (0, 1)


def test_the_stored_rest_of_a_delivered_event_tells_another_from_a_repeat(
    council: MemoryAgency, log: Log
) -> None:
    one = draft_event(MADE, to=(COUNCIL,))
    council.take(at_offsets(log.send(one.value())))
    with council.store.transaction() as tx:
        (row,) = tx.inbox.undelivered(10)
        tx.inbox.mark_delivered(row.seq, council.clock.now, "out/1.json")
    other = draft_event(MADE, to=(COUNCIL,), urgency="routine")
    other.event_id = one.event_id
    batch = council.take(at_offsets(log.send(one.value(), other.value()), 1))
    assert batch.repeats == 1
    assert [(step, code) for _, _, step, code in batch.refused] == [(10, "id_reused")]


def test_a_record_that_fails_before_its_place_is_unauthenticated_and_moves_nothing(
    council: MemoryAgency, log: Log
) -> None:
    (record,) = at_offsets(log.send(*values(1)))
    altered = replace(record, value=b"altered")
    batch = council.take([altered])
    assert [(o, i, s, c) for o, i, s, c in batch.refused] == [(None, -1, 3, "not_included")]
    with council.store.reading() as tx:
        (noise,) = tx.quarantine.unauthenticated()
        assert (noise.code, noise.offset) == ("not_included", 0)
        assert tx.quarantine.count() == 0
    assert council.state(POLICE, record) is None
    assert council.position(record) == 1


def test_a_record_that_fails_later_is_quarantined_in_its_place_and_the_stream_continues(
    council: MemoryAgency, log: Log
) -> None:
    records = at_offsets(log.send(value(), value(urgency="whenever"), value()))
    batch = council.take(records)
    assert (len(batch.opened), batch.gaps) == (2, [])
    assert [(index, step, code) for _, index, step, code in batch.refused] == [
        (1, 10, "event_invalid")
    ]
    with council.store.reading() as tx:
        (listed,) = tx.quarantine.list("held")
        held = tx.quarantine.get(listed.id)
        assert held is not None
        assert held.value == records[1].value
        assert (held.code, held.step, held.index, held.offset) == ("event_invalid", 10, 1, 1)
        assert b'"proof"' in held.headers_json.encode()
    assert council.verify_log() == 3


def test_the_record_of_an_outsider_belongs_to_no_sender(council: MemoryAgency, log: Log) -> None:
    record = Record(log.topic, 0, (), b"", 0)
    headers = [((b"proof", proof),) for proof in (None, b"", b"\n\nx", b"\n\nx/\xff/y", b"\n\n/")]
    odd = [replace(record, headers=one, offset=2 + n) for n, one in enumerate(headers)]
    batch = council.take([record, replace(record, value=None, offset=1), *odd])
    codes = [code for _, _, _, code in batch.refused]
    assert codes == ["headers_wrong", "value_missing", *["headers_wrong"] * 5]
    assert council.position(record) == 7


def test_a_full_quarantine_pauses_its_sender_and_drops_nothing(
    council: MemoryAgency, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(persistence, "QUARANTINE_QUOTA", 2)
    bad = [value(urgency="whenever") for _ in range(3)]
    other = Log(SUPPORT)
    records = at_offsets(
        [*log.send(*bad, value()), *other.send(draft_event(MADE, SUPPORT, to=(COUNCIL,)).value())]
    )
    batch = council.take(records)
    assert batch.deferred == [(POLICE, "quarantine_full")]
    assert [event.source for event in batch.opened] == [SUPPORT]  # nobody else waits
    assert council.position(records[0]) == 2
    for _ in range(3):  # looked at again and again, and still there
        again = council.take(records[2:])
        assert (again.opened, again.refused) == ([], [])
        assert council.position(records[0]) == 2
    with council.store.transaction() as tx:
        first = tx.quarantine.list("held")[0]
        tx.quarantine.end(first.id, "discarded", council.clock.now)
    batch = council.take(records[2:])
    assert [code for _, _, _, code in batch.refused] == ["event_invalid"]
    assert [event.source for event in batch.opened] == [POLICE]
    assert batch.gaps == []
    assert council.position(records[0]) == 5


def test_a_quarantine_is_limited_in_bytes_too(
    council: MemoryAgency, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = at_offsets(log.send(*[value(urgency="whenever") for _ in range(3)], value()))
    size = kept_size(records[0])
    monkeypatch.setattr(persistence, "QUARANTINE_BYTES", 2 * size + size // 2)
    batch = council.take(records)
    assert batch.deferred == [(POLICE, "quarantine_full")]
    assert council.position(records[0]) == 2
    with council.store.transaction() as tx:
        assert tx.quarantine.size_of(POLICE) == HeldSize(2, sum(map(kept_size, records[:2])))
        first = tx.quarantine.list("held")[0]
        assert tx.quarantine.end(first.id, "discarded", council.clock.now)
        assert not tx.quarantine.end(first.id, "retried", council.clock.now)
        assert tx.quarantine.size_of(POLICE) == HeldSize(1, kept_size(records[1]))
    batch = council.take(records[2:])
    assert [code for _, _, _, code in batch.refused] == ["event_invalid"]
    assert len(batch.opened) == 1
    assert council.position(records[0]) == 4


def test_a_destroyed_key_loses_nothing_silently(council: MemoryAgency, log: Log) -> None:
    council.destroyed = frozenset([council.world.exchange_key(COUNCIL).kid])
    council.believe(council.contracts, council.manifests)
    batch = council.take(at_offsets(log.send(*values(1))))
    assert [(s, c) for _, _, s, c in batch.refused] == [(5, "key_missing")]
    with council.store.reading() as tx:
        assert tx.quarantine.count(POLICE) == 1


def test_records_for_other_agencies_are_counted_and_not_stored(open_member: Make, log: Log) -> None:
    prosecution = open_member(PROSECUTION)
    batch = prosecution.take(at_offsets(log.send(*values(3))))
    assert (batch.not_addressed, batch.opened, batch.refused) == (3, [], [])
    assert prosecution.verify_log() == 0
    place = prosecution.state(POLICE, Record(log.topic, 0, (), None))
    assert place is not None


def test_the_budget_of_wraps_is_of_one_minute_and_one_sender() -> None:
    cache, most = VerificationCache(), WRAPS_PER_PARTY_AND_MINUTE * 4
    budget = cache.budget(POLICE, 4, 60_000)
    assert budget.left == most
    assert budget.after(most + 1).left == 0
    assert budget.left == most  # a value
    cache.budgets[POLICE] = budget.after(most)
    assert cache.budget(POLICE, 4, 119_999).left == 0
    assert cache.budget(SUPPORT, 4, 119_999).left == most
    assert cache.budget(POLICE, 4, 120_000).left == most


def test_a_sender_with_too_many_new_wraps_waits_for_the_next_minute(
    council: MemoryAgency, log: Log, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.judging.verification_cache.WRAPS_PER_PARTY_AND_MINUTE", 1)
    records = at_offsets(log.send(*values(6)))  # every one has wraps of its own
    batch = council.take(records)
    assert len(batch.opened) == 4
    assert batch.deferred == [(POLICE, "wrap_budget")]
    assert council.position(records[0]) == 4
    clock.pass_(MINUTE)
    assert len(council.take(records[4:]).opened) == 2
    assert council.position(records[0]) == 6


def test_headers_that_are_not_ours_are_not_kept(council: MemoryAgency, log: Log) -> None:
    (record,) = at_offsets(log.send(value(urgency="whenever")))
    more = replace(record, headers=(*record.headers, (b"x" * 1000, bytes(1000))))
    assert council.take([more]).refused
    with council.store.reading() as tx:
        (row,) = tx.quarantine.list()
    assert restored(row).headers == record.headers
