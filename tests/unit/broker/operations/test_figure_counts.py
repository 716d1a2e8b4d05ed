"""Counts that a table of a quarter rests on, before it is made."""

from __future__ import annotations

from pathlib import Path

from broker.agency.participant import load_participant
from broker.figures.completeness import Shortfall
from broker.figures.counting import quarter_of
from broker.figures.counts_held import NotCounted
from broker.operations.figure_counts import quarter_counts
from broker.store.database import open_store
from tests.support.founded_partnership import CAST, NOW, SUPPORT, founded
from tests.support.recorded_cases import RecordedCases, record_cases


def test_it_names_whose_counts_are_here_and_why_the_others_are_not(tmp_path: Path) -> None:
    folder = founded().directory(SUPPORT, tmp_path)
    record_cases(folder, [RecordedCases(3, "E09000007", ["race"])], NOW)
    participant = load_participant(folder, NOW)
    contract = participant.contracts_in_force(NOW)[0].signed.contract
    period, empty = quarter_of(NOW), quarter_of(NOW, 1)
    store = open_store(folder / "state" / "concordant.db")
    found = quarter_counts(participant, store, contract, period)
    before = quarter_counts(participant, store, contract, empty)
    store.close()

    assert [one.agency for one in found.counted] == [SUPPORT]
    assert found.not_counted == dict.fromkeys(sorted(set(CAST) - {SUPPORT}), NotCounted.NOTHING)
    missing = Shortfall.MISSING
    assert found.shortfalls(period, "cases", NOW) == (Shortfall.RUNNING, missing)
    assert found.shortfalls(period, "cases", period.end_ms) == (missing,)
    assert before.shortfalls(empty, "cases", NOW) == (missing, Shortfall.EMPTY)
    assert before.shortfalls(empty, "referrals", NOW) == (missing, Shortfall.EMPTY)
