"""A refused row leaves no link between an own reference and a shared id."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.base import MappingError
from adapters.links import PendingLinks, StoreLinks
from broker.store.database import open_store

ONE, TWO = "5d0d8f8a-54a7-4f7a-9a51-3f4f1f6f8b01", "0c9e2f57-8a3b-4a55-8d0e-27b9a0f4c302"


def test_links_are_written_only_when_the_row_is_accepted(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state.db")
    with store.transaction() as tx:
        stored = StoreLinks(tx)
        refused = PendingLinks(stored)
        refused.link("case", "A-1", ONE)
        assert refused.find_shared("case", "A-1") == ONE
        assert stored.find_shared("case", "A-1") is None
        accepted = PendingLinks(stored)
        accepted.link("case", "A-1", TWO)
        minted = accepted.shared("referral", "R-1")
        accepted.write()
        assert stored.find_shared("case", "A-1") == TWO
        assert stored.own("referral", minted) == "R-1"
    store.close()


def test_a_conflict_is_found_before_anything_is_written(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state.db")
    with store.transaction() as tx:
        stored = StoreLinks(tx)
        stored.link("case", "A-1", ONE)
        pending = PendingLinks(stored)
        for own, shared in (("A-1", TWO), ("A-2", ONE)):
            with pytest.raises(MappingError) as refusal:
                pending.link("case", own, shared)
            assert refusal.value.code == "unknown_case"
    store.close()
