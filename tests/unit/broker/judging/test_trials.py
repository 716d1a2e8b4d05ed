"""Records under a revoked key that are tried apart from continuity: what is kept of whom."""

from __future__ import annotations

import pytest

from broker.judging.trials import MAX_RUNS, Trials

MINE = "pan-london/csu-camden/pan-london.hate-crime.a/0/{:016x}-0"
THEIRS = "pan-london/haven-support/pan-london.hate-crime.a/0/{:016x}-0"


def test_a_sender_that_makes_a_reader_try_much_displaces_only_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("broker.judging.trials.MAX_TRIED", 10)
    trials = Trials()
    honest = trials.add(MINE.format(0), 0, bytes(32), ())
    for at in range(1, 4):
        assert trials.add(MINE.format(0), at, bytes([at]) * 32, honest.head.hashes) is honest
    for at in range(50):
        trials.add(THEIRS.format(at), 0, b"m" * 32, ())
    assert trials.runs[MINE.format(0)] == [honest]
    assert len(honest.leaves) == 4
    kept = [name for name in trials.runs if "haven" in name]
    assert kept == [THEIRS.format(at) for at in range(44, 50)]
    assert trials.tried.total() == 10


def test_covered_records_are_proved_again_when_other_receipts_count() -> None:
    """A revocation that is dated earlier, or of a receipt key, takes receipts away."""
    trials = Trials()
    run = trials.add(MINE.format(0), 0, bytes(32), ())
    trials.meet(MINE.format(0), run.head)
    assert trials.findings() == (True, [])
    assert trials.covers(MINE.format(0), 0, bytes(32))
    trials.prove_again()
    assert not trials.covers(MINE.format(0), 0, bytes(32))
    assert trials.add(MINE.format(0), 0, bytes(32), ()) is run
    trials.meet(MINE.format(0), run.head)
    assert trials.findings() == (True, [])
    assert trials.covers(MINE.format(0), 0, bytes(32))


def test_a_thief_that_interleaves_displaces_runs_of_its_own_generation_only() -> None:
    """Nothing tells a thief's run from the owner's before one is proved: both have the key."""
    trials = Trials()
    owner = trials.add(MINE.format(0), 0, bytes(32), ())
    elsewhere = trials.add(MINE.format(1), 0, bytes(32), ())
    for at in range(MAX_RUNS):
        trials.add(MINE.format(0), 0, bytes([at + 1]) * 32, ())
    assert owner not in trials.runs[MINE.format(0)]
    assert len(trials.runs[MINE.format(0)]) == MAX_RUNS
    assert trials.runs[MINE.format(1)] == [elsewhere]


def test_a_run_that_grows_stays_while_fewer_than_eight_others_begin() -> None:
    trials = Trials()
    run = trials.add(MINE.format(0), 0, bytes(32), ())
    for at in range(1, 20):
        for other in range(MAX_RUNS - 1):
            trials.add(MINE.format(0), 0, bytes([at, other]) + bytes(30), ())
        assert trials.add(MINE.format(0), at, bytes([at]) * 32, run.head.hashes) is run
    assert len(run.leaves) == 20
