"""Inventory of held items: each one, and counted in groups."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from broker.agency.participant import load_participant
from broker.held.inventory import groups_by_kind, held_folders, held_groups, held_items
from broker.held.items import KINDS
from tests.support.founded_partnership import NOW, POLICE, founded
from tests.support.operator_state import hold_event, hold_file, opened_state, refuse_record


def test_the_groups_count_the_same_items(tmp_path: Path) -> None:
    folder = founded().directory(POLICE, tmp_path)
    store = opened_state(folder)
    for number, code in enumerate(("consent_missing", "consent_missing", "type_not_permitted")):
        refuse_record(store, NOW - number, code, number)
    hold_event(store, NOW - 7)
    hold_file(folder)
    with store.transaction() as tx:
        tx.refused_rows.hold("row 1", "unknown_value", "victim.phone", "no such code", NOW - 9)
    folders = held_folders(load_participant(folder, NOW))
    with store.reading() as tx:
        items, groups = held_items(tx, folders, NOW), held_groups(tx, folders, NOW)
    store.close()
    assert len(items) == 6
    assert {(one.kind, one.code, one.agency): one.count for one in groups} == Counter(
        (one.kind, one.code, one.agency) for one in items
    )
    for kind, found in groups_by_kind(groups).items():
        of_kind = [one.since_ms for one in items if one.kind == kind]
        assert (found.count, found.oldest_ms) == (len(of_kind), min(of_kind, default=None))


def test_one_item_is_named_in_the_singular() -> None:
    for kind in KINDS.values():
        assert kind.single != kind.title
