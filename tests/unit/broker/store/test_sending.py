"""Lease, outbox and streams: the sender's side of the state."""

# ruff: noqa: PT012 - that a transaction fails as a whole takes more than one statement

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.errors import StoreError
from broker.record import KafkaPartition
from broker.store.database import Store
from broker.store.rows import GenerationRow, NewOutboxRow
from broker.tlog.checkpoint import GenerationPlace

G = "0000019a00000000-" + "a" * 32
H = "0000019a00000001-" + "b" * 32


def test_the_newest_holder_of_a_lease_wins_and_the_one_before_is_fenced(
    store: Store,
) -> None:
    with store.transaction() as tx:
        assert tx.lease.acquire("relay", "one", 1) == 1
        tx.lease.check("relay", 1)
        assert tx.lease.acquire("relay", "two", 2) == 2
        assert tx.lease.acquire("other", "one", 2) == 1
    with pytest.raises(StoreError) as caught, store.transaction() as tx:
        tx.meta.set("written by", b"a zombie")
        tx.lease.check("relay", 1)
    assert caught.value.code == "lease_lost"
    with store.reading() as tx:
        assert tx.meta.get("written by") is None
        tx.lease.check("relay", 2)


def test_a_lease_that_was_not_taken_cannot_be_checked(store: Store) -> None:
    with pytest.raises(StoreError) as caught, store.reading() as tx:
        tx.lease.check("relay", 1)
    assert caught.value.code == "lease_lost"


def test_the_token_rises_even_for_the_same_holder(store: Store) -> None:
    with store.transaction() as tx:
        assert [tx.lease.acquire("relay", "one", n) for n in range(4)] == [1, 2, 3, 4]


def test_an_event_goes_through_the_outbox(store: Store) -> None:
    with store.transaction() as tx:
        first = tx.outbox.add_many([NewOutboxRow("id-1", "t", 3, b"sealed", False)], 10)[0]
        (second,) = tx.outbox.add_many([NewOutboxRow("id-2", "t", 3, b"more", urgent=True)], 11)
        assert first < second
        assert tx.outbox.counts().oldest_pending_ms == 10
        waiting = tx.outbox.pending(10)
        assert [(row.seq, row.event_id, row.value, row.urgent) for row in waiting] == [
            (second, "id-2", b"more", True),
            (first, "id-1", b"sealed", False),
        ]
        assert waiting[0].generation is waiting[0].proof is waiting[0].kafka_offset is None
        tx.outbox.index(
            [(second, G, 0, b"l" * 32, b"proof 0"), (first, G, 1, b"m" * 32, b"proof 1")]
        )
        assert tx.outbox.pending(10) == []
        assert [(row.seq, row.index) for row in tx.outbox.unsent()] == [(second, 0), (first, 1)]
        assert tx.outbox.unsent_streams() == {("t", 3, G)}
        tx.outbox.mark_sent([(second, 100, 20)])
        assert [row.seq for row in tx.outbox.unsent()] == [first]
        counts = tx.outbox.counts()
        assert (counts.pending, counts.unsent, counts.sent) == (0, 1, 1)
        tx.outbox.mark_sent([(first, 101, 21)])
        assert tx.outbox.unsent_streams() == set()


def test_pending_takes_the_urgent_and_the_oldest_of_all_then_groups_them(
    store: Store,
) -> None:
    with store.transaction() as tx:
        for number in range(6):
            tx.outbox.add_many([NewOutboxRow(f"b{number}", "b", 0, b"v", False)], 1)
        tx.outbox.add_many([NewOutboxRow("quiet", "a", 1, b"v", False)], 1)
        tx.outbox.add_many([NewOutboxRow("urgent", "b", 0, b"v", True)], 1)
        assert [row.event_id for row in tx.outbox.pending(4)] == ["urgent", "b0", "b1", "b2"]
        assert [row.event_id for row in tx.outbox.pending(8)] == [
            "quiet",
            "urgent",
            *(f"b{number}" for number in range(6)),
        ]
        assert [row.event_id for row in tx.outbox.pending(2, {"b"})] == ["quiet"]
        assert tx.outbox.pending(2, {"a", "b"}) == []


def test_sequence_numbers_come_in_the_order_of_the_batch(store: Store) -> None:
    with store.transaction() as tx:
        seqs = tx.outbox.add_many([NewOutboxRow(f"{n:036}", "t", 0, b"v") for n in range(1000)], 1)
        assert tx.outbox.add_many([], 1) == []
        rows = {row.seq: row.event_id for row in tx.outbox.pending(1000)}
    assert seqs == sorted(seqs)
    assert [rows[seq] for seq in seqs] == [f"{n:036}" for n in range(1000)]


def test_a_row_gets_its_place_once(store: Store) -> None:
    with store.transaction() as tx:
        seq = tx.outbox.add_many([NewOutboxRow("id", "t", 0, b"v", False)], 1)[0]
        tx.outbox.index([(seq, G, 0, b"l" * 32, b"p")])
    for again in (seq, seq + 1):
        with pytest.raises(StoreError) as caught, store.transaction() as tx:
            tx.outbox.index([(again, G, 1, b"l" * 32, b"p")])
        assert caught.value.code == "outbox_indexed"


def test_no_two_rows_share_an_index_of_a_stream(store: Store) -> None:
    with pytest.raises(StoreError) as caught, store.transaction() as tx:
        one, two = tx.outbox.add_many([NewOutboxRow("a", "t", 0, b"v")] * 2, 1)
        tx.outbox.index([(one, G, 0, b"l" * 32, b"p"), (two, G, 0, b"l" * 32, b"p")])
    assert caught.value.code == "store_conflict"


def test_the_archive_gives_a_range_and_forgets_content_but_not_the_leaf(
    store: Store,
) -> None:
    with store.transaction() as tx:
        seqs = tx.outbox.add_many([NewOutboxRow(f"{n}", "t", 0, b"v%d" % n) for n in range(5)], 1)
        tx.outbox.index([(seq, G, n, bytes([n]) * 32, b"p") for n, seq in enumerate(seqs)])
        tx.outbox.mark_sent([(seq, n, 10 + n) for n, seq in enumerate(seqs[:4])])
    with store.transaction() as tx:
        assert tx.outbox.forget_content(12) == 2
        assert tx.outbox.forget_content(12) == 0
        archived = tx.outbox.archived(GenerationPlace("us", "t", 0, G), 1, 3)
        assert [(row.index, row.value) for row in archived] == [(1, None), (2, b"v2"), (3, b"v3")]
        assert archived[0].leaf == b"\x01" * 32
        assert archived[0].proof == b"p"
        assert tx.outbox.archived(GenerationPlace("us", "t", 1, G), 0, 9) == []
        # What Kafka may not have is never forgotten, whatever its age.
        tx.outbox.forget_content(10**15)
        assert [row.value for row in tx.outbox.unsent()] == [b"v4"]


def row(name: str = G, **changes: object) -> GenerationRow:
    made = GenerationRow(
        topic="t",
        partition=0,
        name=name,
        predecessor="",
        predecessor_size=0,
        predecessor_root=b"r" * 32,
        extra=b"extra",
        size=0,
        frontier=bytes(8),
        root=b"e" * 32,
        log_time_s=0,
        opened_ms=5,
        trial=False,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_the_current_generation_is_the_newest_by_name(store: Store) -> None:
    with store.transaction() as tx:
        assert tx.streams.current(KafkaPartition("t", 0)) is None
        tx.streams.save(row(H))
        tx.streams.save(row(G, size=3))
        tx.streams.save(row(H, partition=1))
        assert tx.streams.current(KafkaPartition("t", 0)) == row(H)
        assert tx.streams.last_with_records(KafkaPartition("t", 0)) == row(G, size=3)
        assert tx.streams.last_with_records(KafkaPartition("t", 1)) is None


def test_saving_moves_the_head_and_nothing_else(store: Store) -> None:
    with store.transaction() as tx:
        tx.streams.save(row())
        moved = row(size=2, frontier=b"f", root=b"n" * 32, log_time_s=9)
        tx.streams.save(moved)
        assert tx.streams.current(KafkaPartition("t", 0)) == moved
        tx.streams.save(replace(moved, predecessor="other", opened_ms=99))
        assert tx.streams.current(KafkaPartition("t", 0)) == moved


def test_heads_are_the_newest_with_a_record_and_trial_streams_apart(store: Store) -> None:
    first, empty = replace(row(G), size=3), row(H)
    newest, other = replace(row(H, partition=2), size=1), replace(row(G, partition=2), size=9)
    trial = replace(row(G, topic="t.trial", trial=True), size=1)
    with store.transaction() as tx:
        for made in (first, empty, newest, other, trial, row(G, topic="u")):
            tx.streams.save(made)
        assert tx.streams.heads() == [first, newest]
        assert tx.streams.heads(trial=True) == [trial]
