"""List of what is put aside: positions and advice, and no name of our own."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from broker.agency.participant import load_participant
from broker.held.items import KINDS
from broker.operations.put_aside import NAMELESS, one_put_aside, put_aside
from contracts.durations import MINUTE_MS
from tests.support.founded_partnership import COUNCIL, NOW, founded
from tests.support.operator_state import (
    SECRET_NAME,
    SENDER,
    hold_event,
    hold_file,
    opened_state,
    refuse_record,
)


def test_items_have_code_position_and_advice_oldest_first(tmp_path: Path) -> None:
    folder = founded().directory(COUNCIL, tmp_path)
    participant, store = load_participant(folder, NOW), opened_state(folder)
    event = hold_event(store, NOW - MINUTE_MS)
    record = refuse_record(store, NOW - 2 * MINUTE_MS)
    hold_file(folder)
    with store.reading() as tx:
        found = put_aside(participant, tx, NOW)
        assert [one.id for one in found.items][:2] == [record, event]
        assert found.by_kind == {"record": 1, "event": 1, "file": 1}
        first, second, file = found.items
        assert (first.agency, first.code, first.discarded) == (SENDER, "consent_missing", True)
        assert "position 1201" in first.place
        assert first.helps
        assert second.accepted
        assert file.agency is None
        assert SECRET_NAME.split()[1] not in str([asdict(one) for one in found.items])
        part = put_aside(participant, tx, NOW, kind="event", first=0, most=1)
        assert (part.total, [one.id for one in part.items]) == (1, [event])
        assert put_aside(participant, tx, NOW, first=3).items == []
        assert one_put_aside(participant, tx, event, NOW) == second
        assert one_put_aside(participant, tx, "event-99", NOW) is None
    store.close()


def test_kinds_that_the_agency_names_itself_are_nameless() -> None:
    assert KINDS.keys() - NAMELESS == {
        "record",
        "unconfirmed",
        "deferred",
        "stopped",
        "event",
        "outbox",
    }
