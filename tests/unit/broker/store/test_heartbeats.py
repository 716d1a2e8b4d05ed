"""Heartbeats kept as evidence: found by what they cover, forgotten with their last head."""

from __future__ import annotations

import pytest

from broker.errors import StoreError
from broker.store.database import Store
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import GenerationPlace

CSU, KEY = "csu-camden", b"key1"
LOG = GenerationPlace(CSU, "topic", 4, "0000019a-aa")
OTHER = GenerationPlace(CSU, "topic", 5, "0000019a-bb")


def keep(tx: Transaction, time_ms: int, *heads: tuple[GenerationPlace, int]) -> None:
    tx.heartbeats.keep(CSU, time_ms, b"note %d" % time_ms, KEY, heads)


def sizes(store: Store, log: GenerationPlace = LOG, index: int = -1) -> list[int]:
    with store.reading() as tx:
        return [row.size for row in tx.heartbeats.covering(log, index)]


def test_heads_are_found_by_what_they_cover(store: Store) -> None:
    with store.transaction() as tx:
        assert tx.heartbeats.newest_size(LOG, KEY) == 0
        keep(tx, 1, (LOG, 3), (OTHER, 9))
        keep(tx, 2, (LOG, 5))
    assert sizes(store) == [3, 5]
    assert sizes(store, index=2) == [3, 5]
    assert sizes(store, index=3) == [5]
    assert sizes(store, index=5) == []
    with store.reading() as tx:
        assert tx.heartbeats.newest_size(LOG, KEY) == 5
        assert tx.heartbeats.newest_size(LOG._replace(agency="cps-london"), KEY) == 0
        first, second = tx.heartbeats.covering(LOG, 0)
        assert (first.time_ms, first.key_id) == (1, KEY)
        assert tx.heartbeats.note(second.heartbeat_id) == b"note 2"


def test_a_note_goes_with_its_last_head(store: Store) -> None:
    with store.transaction() as tx:
        keep(tx, 1, (LOG, 3), (OTHER, 9))
        tx.heartbeats.drop_heads(LOG, KEY, 2)
        tx.heartbeats.drop_heads(LOG, b"key2", 0)
    assert sizes(store) == [3]
    with store.transaction() as tx:
        tx.heartbeats.drop_heads(LOG, KEY, 1)
        assert tx.heartbeats.count() == 1
        tx.heartbeats.drop_heads(OTHER, KEY, 1)
        assert tx.heartbeats.count() == 0
    assert sizes(store) == sizes(store, OTHER) == []


def test_a_note_that_is_gone_is_damage(store: Store) -> None:
    with pytest.raises(StoreError) as caught, store.reading() as tx:
        tx.heartbeats.note(7)
    assert caught.value.code == "store_corrupt"


def test_thinning_leaves_the_last_of_each_log(store: Store) -> None:
    with store.transaction() as tx:
        keep(tx, 1, (LOG, 3), (OTHER, 9))
        keep(tx, 2, (LOG, 5))
        keep(tx, 3, (LOG, 7))
        tx.heartbeats.thin(3)
        assert tx.heartbeats.count() == 2
    assert (sizes(store), sizes(store, OTHER)) == ([7], [9])
    with store.transaction() as tx:
        tx.heartbeats.drop_before(3)
        assert tx.heartbeats.count() == 1
    assert (sizes(store), sizes(store, OTHER)) == ([7], [])
