"""Board of partners: one line each, the most pressing state."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from broker.agency.participant import load_participant
from broker.operations.agency_status import ContractLine, OtherStream, report
from broker.operations.partner_board import PartnerLine, partner_board
from contracts.durations import MINUTE_MS
from tests.support.founded_partnership import COUNCIL, NOW, POLICE, PROSECUTION, SUPPORT, founded
from tests.support.operator_state import SENDER, hear, opened_state, refuse_record


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return founded().directory(COUNCIL, tmp_path)


def lines(folder: Path, **changes: object) -> dict[str, PartnerLine]:
    participant = load_participant(folder, NOW)
    status = replace(report(folder, NOW), **changes)
    store = opened_state(folder)
    with store.reading() as tx:
        found = partner_board(participant, tx, status)
    store.close()
    return {one.agency: one for one in found}


def test_each_partner_has_a_line_and_we_have_none(folder: Path) -> None:
    store = opened_state(folder)
    hear(store, POLICE, NOW - 1000)
    hear(store, SUPPORT, NOW - 60 * MINUTE_MS)
    hear(store, SENDER, NOW - 1000)
    refuse_record(store, NOW)
    store.close()
    found = lines(folder)
    assert set(found) == {POLICE, PROSECUTION, SUPPORT}
    assert (found[POLICE].state, found[POLICE].heard_ms) == ("up_to_date", NOW - 1000)
    assert found[SUPPORT].state == "silent"
    assert (found[SENDER].state, found[SENDER].put_aside) == ("put_aside", 1)


def test_missing_records_are_counted_with_those_without_content(folder: Path) -> None:
    store = opened_state(folder)
    hear(store, POLICE, NOW)
    store.close()
    stream = OtherStream(POLICE, "a", 0, "g", 9, NOW, False, (("g", 3, 4),), (("g", 5),))
    found = lines(folder, received=(stream,))
    assert (found[POLICE].state, found[POLICE].missing) == ("missing", 7)
    stopped = lines(folder, received=(replace(stream, stopped=True),))
    assert stopped[POLICE].state == "stopped"


@pytest.mark.parametrize("state", ["left", "suspended"])
def test_a_departed_partner(folder: Path, state: str) -> None:
    opened_state(folder).close()
    contract = ContractLine("terms", "1.0", "in_force", {POLICE: state}, NOW)
    assert lines(folder, contracts=(contract,))[POLICE].state == state
    assert lines(folder)[POLICE].state == "never_heard"
