"""Stored state of other senders' streams, the inbox, quarantine and evidence."""

# ruff: noqa: PT012 - that a transaction fails as a whole takes more than one statement

from __future__ import annotations

import pytest

from broker.errors import RefusedError, StoreError
from broker.record import KafkaPartition, Record
from broker.store import quarantine
from broker.store.database import Store
from broker.store.reader_rows import StateChange
from broker.store.rows import NewInboxRow
from broker.tlog.checkpoint import GenerationPlace, Origin, Place

S = Place("csu-camden", "topic", 4)
G = S.generation("0000019a-aa")


def head(text: bytes, size: int = 1) -> StateChange:
    return StateChange(text, size, 0, [], [])


def test_a_state_is_saved_only_over_the_version_that_was_read(store: Store) -> None:
    with store.transaction() as tx:
        assert tx.reader.state(S) is None
        assert tx.reader.save_state(S, head(b"one"), 0) == 1
        assert tx.reader.state(S) == (1, (b"one", []))
        assert tx.reader.save_state(S, head(b"two"), 1) == 2
        assert tx.reader.state_heads() == [(S, b"two")]
    for stale in (0, 1, 3):
        with pytest.raises(StoreError) as caught, store.transaction() as tx:
            tx.reader.save_position(KafkaPartition("topic", 4), 99)
            tx.reader.save_state(S, head(b"three"), stale)
        assert caught.value.code == "state_changed"
    with store.reading() as tx:
        assert tx.reader.state(S) == (2, (b"two", []))
        assert tx.reader.state_head(S) == b"two"
        assert tx.reader.state_version(S) == 2
        assert tx.reader.position(KafkaPartition("topic", 4)) is None


def test_a_state_that_was_never_saved_has_no_later_version(store: Store) -> None:
    with pytest.raises(StoreError) as caught, store.transaction() as tx:
        tx.reader.save_state(S, head(b"one"), 1)
    assert caught.value.code == "state_changed"


def test_gaps_are_rows_of_which_only_the_changed_ones_are_written(store: Store) -> None:
    rows = [("g1", 1, 2, b"a"), ("g1", 7, 9, b"b"), ("g2", 0, 4, b"c")]
    with store.transaction() as tx:
        tx.reader.save_state(S, StateChange(b"s", 700, 3, [], rows), 0)
        tx.reader.save_state(Place("csu-camden", "other", 0), head(b"o", 10), 0)
        tx.reader.save_state(Place("cps", "topic", 4), head(b"p", 5), 0)
        assert tx.reader.state_size("csu-camden") == (710, 3)
        assert tx.reader.state_size("nobody") == (0, 0)
        assert tx.reader.state_sizes() == [("cps", 5, 0, 0), ("csu-camden", 710, 3, 0)]
        assert tx.reader.places_of("csu-camden") == [
            Place("csu-camden", "other", 0),
            S,
        ]
        change = StateChange(b"t", 600, 2, [("g1", 7)], [("g1", 1, 1, b"d")])
        tx.reader.save_state(S, change, 1)
        assert tx.reader.state(S) == (2, (b"t", [("g1", 1, 1, b"d"), ("g2", 0, 4, b"c")]))
        g1, g2 = S.generation("g1"), S.generation("g2")
        assert tx.reader.gap_ranges("csu-camden", None, 1) == [(g1, 1, 1)]
        assert tx.reader.gap_ranges("csu-camden", (g1, 1), 9) == [(g2, 0, 4)]


def test_leaves_are_kept_by_generation_and_index(store: Store) -> None:
    with store.transaction() as tx:
        tx.reader_logs.save_leaves(G, [(0, b"a" * 32, "stored"), (1, b"b" * 32, "content_missing")])
        tx.reader_logs.save_leaves(G, [])
        tx.reader_logs.save_leaves(S.generation("0000019b-bb"), [(0, b"c" * 32, "refused")])
        assert tx.reader_logs.leaf(G, 1) == (b"b" * 32, "content_missing")
        assert tx.reader_logs.leaf(S.generation("0000019b-bb"), 0) == (b"c" * 32, "refused")
        assert tx.reader_logs.leaf(G, 2) is None
        assert tx.reader_logs.leaf(S.generation("unknown"), 0) is None
        assert tx.reader_logs.without_content() == [(G, 1)]
        assert tx.reader_logs.missing_content(G, 0, 9) == [1]
        tx.reader_logs.set_status(G, 1, "stored")
        assert tx.reader_logs.leaves(G, 0, 9) == [
            (0, b"a" * 32, "stored"),
            (1, b"b" * 32, "stored"),
        ]
        assert tx.reader_logs.without_content() == []
        assert tx.reader_logs.missing_content(G, 0, 9) == []


def test_leaves_without_content_are_found_in_order_from_an_index_on(store: Store) -> None:
    other = S.generation("0000019b-bb")
    with store.transaction() as tx:
        for index in (7, 2, 5):
            tx.reader_logs.save_leaves(G, [(index, b"a" * 32, "content_missing")])
        tx.reader_logs.save_leaves(other, [(3, b"c" * 32, "content_missing")])
        assert sorted(tx.reader_logs.without_content()) == [(G, 3), (other, 1)]
        assert tx.reader_logs.missing_content(G, 0, 2) == [2, 5]
        assert tx.reader_logs.missing_content(G, 5, 9) == [5, 7]
        assert tx.reader_logs.missing_content(other, 4, 9) == []


def test_a_known_index_is_never_overwritten(store: Store) -> None:
    with store.transaction() as tx:
        tx.reader_logs.save_leaves(G, [(0, b"a" * 32, "stored")])
    with pytest.raises(StoreError) as caught, store.transaction() as tx:
        tx.reader_logs.save_leaves(G, [(0, b"x" * 32, "stored")])
    assert caught.value.code == "store_conflict"


def test_checkpoints_are_found_at_above_and_below_a_size(store: Store) -> None:
    with store.transaction() as tx:
        assert tx.reader_logs.checkpoint_above(G, 0) is None
        tx.reader_logs.save_checkpoints(
            G, [(8, b"8" * 32, 100, 5, b"text 8"), (16, b"6" * 32, 101, 8, b"text 16")]
        )
        tx.reader_logs.save_checkpoints(G, [])

        def size(found: object) -> int | None:
            return getattr(found, "size", None)

        at, above, below = (
            tx.reader_logs.checkpoint_at,
            tx.reader_logs.checkpoint_above,
            tx.reader_logs.checkpoint_below,
        )
        assert [size(at(G, n)) for n in (7, 8, 16)] == [None, 8, 16]
        assert [size(above(G, n)) for n in (0, 7, 8, 15, 16)] == [8, 8, 16, 16, None]
        assert [size(below(G, n)) for n in (8, 9, 16, 99)] == [None, 8, 8, 16]
        found = at(G, 8)
        assert found is not None
        assert (found.root, found.time_s, found.text) == (b"8" * 32, 100, b"text 8")


def test_a_checkpoint_keeps_its_first_text_and_its_lowest_index(store: Store) -> None:
    with store.transaction() as tx:
        for lowest in (5, 3, 7):
            tx.reader_logs.save_checkpoints(G, [(8, b"8" * 32, 100, lowest, b"text %d" % lowest)])
        found = tx.reader_logs.checkpoint_at(G, 8)
    assert found is not None
    assert (found.lowest_index, found.text) == (3, b"text 5")


def test_another_root_for_a_kept_size_is_refused(store: Store) -> None:
    with store.transaction() as tx:
        tx.reader_logs.save_checkpoints(G, [(8, b"8" * 32, 100, 5, b"")])
    for given in (
        [(8, b"x" * 32, 100, 5, b"")],
        [(9, b"9" * 32, 100, 8, b""), (9, b"x" * 32, 100, 8, b"")],
    ):
        with pytest.raises(StoreError) as caught, store.transaction() as tx:
            tx.reader_logs.save_checkpoints(G, given)
        assert caught.value.code == "checkpoint_conflict"


def test_positions_are_kept_by_partition(store: Store) -> None:
    with store.transaction() as tx:
        assert tx.reader.position(KafkaPartition("t", 0)) is None
        tx.reader.save_position(KafkaPartition("t", 0), 5)
        tx.reader.save_position(KafkaPartition("t", 0), 9)
        tx.reader.save_position(KafkaPartition("t", 1), 1)
        assert (
            tx.reader.position(KafkaPartition("t", 0)),
            tx.reader.position(KafkaPartition("t", 1)),
        ) == (9, 1)


def test_the_earliest_deferred_position_of_a_sender_is_kept(store: Store) -> None:
    with store.transaction() as tx:
        tx.reader.defer(Place("cps", "t", 0), 7, "manifest_expired", 100)
        tx.reader.defer(Place("cps", "t", 0), 9, "too_early", 101)
        tx.reader.defer(Place("council", "t", 0), 3, "too_early", 99)
        tx.reader.defer(Place("cps", "t", 0), 5, "key_unknown", 102)
        assert [
            (row.agency, row.offset, row.reason, row.since_ms)
            for row in tx.reader.deferred(KafkaPartition("t", 0))
        ] == [
            ("council", 3, "too_early", 99),
            ("cps", 5, "key_unknown", 102),
        ]
        assert tx.reader.all_deferred() == tx.reader.deferred(KafkaPartition("t", 0))
        tx.reader.clear_deferred(Place("cps", "t", 0))
        assert [row.agency for row in tx.reader.deferred(KafkaPartition("t", 0))] == ["council"]
        assert tx.reader.deferred(KafkaPartition("t", 1)) == []


def event(number: int, *, urgent: bool = False) -> NewInboxRow:
    return NewInboxRow(
        "csu", f"id-{number}", "a", 10 + number, "t", 0, "g", number, b"p", b"d", b"c" * 32, urgent
    )


def test_the_inbox_gives_urgent_events_first(store: Store) -> None:
    with store.transaction() as tx:
        for number in range(3):
            tx.inbox.add(event(number))
        tx.inbox.add(event(3, urgent=True))
        assert [row.event_id for row in tx.inbox.undelivered(10)] == [
            "id-3",
            "id-0",
            "id-1",
            "id-2",
        ]
        assert len(tx.inbox.undelivered(2)) == 2
        assert tx.inbox.counts().oldest_undelivered_ms == 10


def test_delivery_clears_the_payload(store: Store) -> None:
    with store.transaction() as tx:
        one = tx.inbox.add(event(1))
        tx.inbox.mark_delivered(one, 50, "ref-1")
        found = tx.inbox.find("csu", "id-1")
        assert found is not None
        assert (found.seq, found.payload, found.digests) == (one, None, b"d")
        assert (found.delivered_ms, found.sink_reference) == (50, "ref-1")
        assert tx.inbox.undelivered(10) == []
        counts = tx.inbox.counts()
        assert (counts.undelivered, counts.delivered, counts.oldest_undelivered_ms) == (0, 1, None)


def test_an_event_enters_the_inbox_once(store: Store) -> None:
    with store.transaction() as tx:
        tx.inbox.add(event(1))
        assert tx.inbox.find("cps", "id-1") is None
        assert tx.inbox.get(99) is None
    with pytest.raises(StoreError) as caught, store.transaction() as tx:
        tx.inbox.add(event(1))
    assert caught.value.code == "store_conflict"


def quarantined(sender: str) -> tuple[Record, str, Origin, int, RefusedError, int]:
    refusal = RefusedError(9, "grouping_wrong", "a detail")
    return (
        Record("t", 0, (), b"value", 7),
        "[]",
        Origin("dep", sender, "t", 0, "g"),
        3,
        refusal,
        100,
    )


def test_quarantine_keeps_the_bytes_and_counts_by_sender(store: Store) -> None:
    with store.transaction() as tx:
        one = tx.quarantine.add(*quarantined("csu"))
        two = tx.quarantine.add(*quarantined("cps"))
        assert [row.id for row in tx.quarantine.list()] == [one, two]
        assert [row.id for row in tx.quarantine.list(limit=1)] == [two]
        kept = tx.quarantine.get(one)
        assert kept is not None
        assert (kept.origin, kept.step, kept.code, kept.value, kept.status) == (
            "dep/csu/t/0/g",
            9,
            "grouping_wrong",
            b"value",
            "held",
        )
        assert tx.quarantine.get(99) is None
        assert (tx.quarantine.count("csu"), tx.quarantine.count()) == (1, 2)
        tx.quarantine.end(one, "retried", 200)
        assert (tx.quarantine.count("csu"), tx.quarantine.count()) == (0, 1)
        assert [row.changed_ms for row in tx.quarantine.list("retried")] == [200]
        assert [row.id for row in tx.quarantine.list("held")] == [two]


def test_unauthenticated_records_are_bounded_and_hold_no_bytes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "UNAUTHENTICATED_ROWS", 5)
    with store.transaction() as tx:
        for offset in range(12):
            record = Record("t", 0, (), b"v", offset)
            tx.quarantine.add_unauthenticated(record, b"h" * 32, "proof_malformed", offset)
        assert [row.offset for row in tx.quarantine.unauthenticated()] == [11, 10, 9, 8, 7]
    assert quarantine.UNAUTHENTICATED_ROWS == 5


def test_evidence_is_kept_in_the_order_found(store: Store) -> None:
    with store.transaction() as tx:
        tx.evidence.add("root", "o", b"one", b"two", 1)
        tx.evidence.add("leaf", "o", b"three", b"four", 2)
        assert [(row.kind, row.text_a, row.text_b) for row in tx.evidence.list()] == [
            ("root", b"one", b"two"),
            ("leaf", b"three", b"four"),
        ]


def test_a_checkpoint_known_from_a_link_gets_its_time_and_text_from_the_first_record(
    store: Store,
) -> None:
    place = GenerationPlace("csu-camden", "topic", 0, "0001-a")
    with store.transaction() as tx:
        tx.reader_logs.save_checkpoints(place, [(8, bytes(32), 0, 8, b"")])
        tx.reader_logs.save_checkpoints(place, [(8, bytes(32), 77, 8, b"signed")])
        tx.reader_logs.save_checkpoints(place, [(8, bytes(32), 99, 5, b"later")])
        kept = tx.reader_logs.checkpoint_at(place, 8)
    assert kept is not None
    assert (kept.time_s, kept.lowest_index, kept.text) == (77, 5, b"signed")
