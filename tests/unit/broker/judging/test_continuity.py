"""Step 4 within one generation: each verdict, and each refusal that is no contradiction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.tlog.merkle import Frontier
from tests.support.stream_world import MemoryHistory, SenderLog, StreamReader, as_leaf
from tests.unit.broker.judging.stream_refusals import refused

# --- start, next, repeat -------------------------------------------------------------------------


def test_the_first_record_met_is_the_start_wherever_it_stands(
    sender: SenderLog, reader: StreamReader
) -> None:
    facts = sender.send(4)
    placement = reader.take(facts[2])
    assert (placement.verdict, placement.gap, placement.alarms) == ("start", None, ())
    assert placement.checkpoints[0][1].lowest == 2
    assert reader.take(facts[3]).verdict == "next"


def test_records_before_the_start_are_ignored(sender: SenderLog, reader: StreamReader) -> None:
    facts = sender.send(4)
    reader.take(facts[2])
    before = reader.state
    placement = reader.take(facts[1])
    assert (placement.verdict, placement.alarms, placement.checkpoints) == ("before_start", (), ())
    assert reader.state == before


def test_records_in_order_follow_each_other_without_alarm(
    sender: SenderLog, reader: StreamReader
) -> None:
    verdicts = reader.take_all([*sender.send(3), *sender.send(1), *sender.send(5)])
    assert verdicts == ["start"] + ["next"] * 8
    assert reader.gaps == reader.alarms == []
    assert sorted(reader.history.checkpoints[sender.newest.name]) == [3, 4, 9]


def test_the_frontier_of_the_reader_is_that_of_the_sender(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all([*sender.send(3), *sender.send(4)])
    held = reader.state.generations[sender.newest.name]
    assert held.frontier == Frontier.from_bytes(sender.newest.frontier)
    assert held.frontier.root() == sender.newest.root


def test_a_known_record_is_a_repeat_and_moves_nothing(
    sender: SenderLog, reader: StreamReader
) -> None:
    facts = sender.send(3) + sender.send(2)
    reader.take_all(facts)
    before = reader.state
    for position in facts:
        for again in (position, as_leaf(position)):
            placement = reader.take(again)
            assert (placement.verdict, placement.checkpoints, placement.alarms) == (
                "repeat",
                (),
                (),
            )
    assert reader.state == before


# --- jump and fill -------------------------------------------------------------------------------


def test_a_jump_records_the_gap_adopts_and_alarms(sender: SenderLog, reader: StreamReader) -> None:
    facts = sender.send(2) + sender.send(3)
    reader.take(facts[0])
    placement = reader.take(facts[3])
    name = sender.newest.name
    assert (placement.verdict, placement.gap, placement.alarms) == ("jump", (name, 1, 2), ("gap",))
    assert reader.take(facts[4]).verdict == "next"


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 1, 3), (2, 3, 1), (1, 3, 2)])
def test_fills_in_any_order_close_a_gap_without_news(
    sender: SenderLog, reader: StreamReader, order: tuple[int, ...]
) -> None:
    facts = sender.send(2) + sender.send(2) + sender.send(1)
    reader.take_all([facts[0], facts[4]])
    for at in order:
        placement = reader.take(facts[at])
        assert (placement.verdict, placement.gap, placement.alarms) == ("fill", None, ())
    assert reader.open_gaps == []
    assert reader.take(facts[2]).verdict == "repeat"
    assert reader.take(sender.send()[0]).verdict == "next"


def test_a_fill_splits_its_gap_at_known_frontiers(sender: SenderLog, reader: StreamReader) -> None:
    facts = sender.send(9)
    reader.take_all([facts[0], facts[8]])
    reader.take(facts[4])
    low, high = reader.state.generations[sender.newest.name].gaps
    assert (low.first, low.last, high.first, high.last) == (1, 3, 5, 7)
    assert low.after == Frontier(4, facts[4].left)
    assert high.before == Frontier(5, facts[5].left)
    assert high.after == Frontier(8, facts[8].left)


def test_other_gaps_are_untouched_by_a_fill(sender: SenderLog, reader: StreamReader) -> None:
    facts = [sender.send()[0] for _ in range(6)]
    reader.take_all([facts[0], facts[2], facts[5]])
    reader.take(facts[1])
    assert reader.open_gaps == [(sender.newest.name, 3, 4)]


def test_a_fill_lowers_the_lowest_index_of_its_checkpoint(
    sender: SenderLog, reader: StreamReader
) -> None:
    facts = sender.send(1) + sender.send(4)
    reader.take_all([facts[0], facts[3]])
    reader.take(facts[4])
    reader.take(facts[1])
    assert reader.history.checkpoints[sender.newest.name][5].lowest == 1
    reader.take(facts[2])
    assert reader.history.checkpoints[sender.newest.name][5].lowest == 1


# --- leaf replays --------------------------------------------------------------------------------


def test_a_leaf_replay_is_taken_only_into_a_gap(sender: SenderLog, reader: StreamReader) -> None:
    facts = sender.send(1) + sender.send(1) + sender.send(1) + sender.send(1)
    refused(reader, as_leaf(facts[0]), "leaf_not_wanted")  # start
    reader.take(facts[0])
    refused(reader, as_leaf(facts[1]), "leaf_not_wanted")  # next
    refused(reader, as_leaf(facts[2]), "leaf_not_wanted")  # jump
    reader.take(facts[2])
    assert reader.take(as_leaf(facts[1])).verdict == "fill"
    sender.restart()
    refused(reader, as_leaf(sender.send()[0]), "leaf_not_wanted")  # link


def test_the_full_record_is_opened_once_after_its_leaf(
    sender: SenderLog, reader: StreamReader
) -> None:
    facts = sender.send(3)
    reader.take_all([facts[0], facts[2]])
    assert reader.take(as_leaf(facts[1])).verdict == "fill"
    before = reader.state
    assert reader.take(as_leaf(facts[1])).verdict == "repeat"
    assert reader.take(facts[1]).verdict == "fill"
    assert reader.state == before
    assert reader.take(facts[1]).verdict == "repeat"


# --- refusals that are not contradictions --------------------------------------------------------


def test_a_stopped_partition_takes_nothing(sender: SenderLog, reader: StreamReader) -> None:
    first, second = sender.send(2)
    reader.take(first)
    reader.state = replace(reader.state, stopped=True)
    for position in (first, second):
        refused(reader, position, "stream_stopped")


@pytest.mark.parametrize("ahead", [1, 2])
def test_a_log_time_never_falls(sender: SenderLog, reader: StreamReader, ahead: int) -> None:
    reader.take(sender.send()[0])
    later = [sender.send()[0] for _ in range(ahead)][-1]
    position = replace(later, log_time=reader.state.log_time - 1)
    refused(reader, position, "log_time_fell")


def test_two_batches_of_one_second_are_in_order(sender: SenderLog, reader: StreamReader) -> None:
    facts = sender.send(1) + sender.send(1, seconds=0)
    assert facts[0].log_time == facts[1].log_time
    assert reader.take_all(facts) == ["start", "next"]


def test_batches_of_one_second_are_filled_in(sender: SenderLog, reader: StreamReader) -> None:
    facts = [sender.send(seconds=0)[0] for _ in range(3)]
    reader.take_all([facts[0], facts[2]])
    assert facts[0].log_time == facts[2].log_time
    assert reader.take(facts[1]).verdict == "fill"


def test_an_index_that_was_never_taken_and_is_no_gap_is_superseded(
    sender: SenderLog, reader: StreamReader
) -> None:
    facts = sender.send(3)
    reader.take_all(facts)
    reader.history = MemoryHistory()  # as if the row had gone
    refused(reader, facts[1], "superseded")


def test_gaps_of_a_generation_are_bounded(
    sender: SenderLog, reader: StreamReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.judging.continuity.MAX_GAPS", 2)
    facts = sender.send(8)
    reader.take_all(facts[0:5:2])
    refused(reader, facts[6], "gaps_many")
    reader.take_all([facts[1], facts[6]])


def test_fills_in_the_middle_do_not_get_around_the_bound(
    sender: SenderLog, reader: StreamReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.judging.continuity.MAX_GAPS", 2)
    facts = sender.send(8)
    reader.take_all([facts[0], facts[7], facts[3]])
    refused(reader, facts[5], "gaps_many")
    reader.take_all([facts[1], facts[2], facts[5]])
