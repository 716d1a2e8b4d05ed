"""Step 4 from one generation to the next: links, and gaps at a generation's end."""

from __future__ import annotations

from dataclasses import replace

from tests.support.stream_world import SenderLog, StreamReader, as_leaf
from tests.unit.broker.judging.stream_refusals import equivocates, refused

# --- the ordinary end of a generation ------------------------------------------------------------


def test_a_new_generation_after_all_records_is_no_news(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(3))
    first = sender.newest.name
    sender.restart()
    placement = reader.take(sender.send(2)[0])
    assert (placement.verdict, placement.gap, placement.alarms) == ("link", None, ())
    assert reader.state.newest == sender.newest.name
    assert reader.state.generations[first].end == 3
    assert reader.take(sender.send()[0]).verdict == "jump"


def test_a_link_closes_its_predecessor_for_later_indices(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(3))
    lost = sender.copy()
    (after,) = lost.send()
    sender.restart()
    reader.take(sender.send()[0])
    refused(reader, after, "superseded")


def test_restarts_without_records_leave_no_trace(sender: SenderLog, reader: StreamReader) -> None:
    reader.take_all(sender.send(3))
    first = sender.newest.name
    sender.restart()
    sender.restart()
    (position,) = sender.send()
    assert position.link.name == first
    assert reader.take(position).alarms == ()


def test_a_reader_that_starts_in_a_later_generation_ignores_what_the_first_names(
    sender: SenderLog, reader: StreamReader
) -> None:
    earlier = sender.send(3)
    sender.restart()
    (position,) = sender.send()
    assert reader.take(position).verdict == "start"
    placement = reader.take(earlier[1])
    assert (placement.verdict, placement.alarms) == ("before_start", ())
    same = replace(earlier[1], log_time=reader.state.log_time)
    assert reader.take(same).alarms == ()
    late = replace(earlier[1], log_time=reader.state.log_time + 1)
    assert reader.take(late).alarms == ("before_start_late",)


# --- gaps at the end of a generation -------------------------------------------------------------


def test_a_named_head_above_mine_is_a_gap_that_folds_to_the_named_root(
    sender: SenderLog, reader: StreamReader
) -> None:
    facts = sender.send(2) + sender.send(3)
    reader.take(facts[0])
    first = sender.newest.name
    sender.restart()
    placement = reader.take(sender.send()[0])
    assert (placement.gap, placement.alarms) == ((first, 1, 4), ("gap",))
    assert reader.take_all([facts[3], facts[1], facts[4], facts[2]]) == ["fill"] * 4
    assert reader.open_gaps == []
    assert reader.history.checkpoints[first][5].time == facts[4].log_time


def test_the_first_record_under_a_named_end_brings_a_time_that_may_not_fall(
    sender: SenderLog, reader: StreamReader
) -> None:
    facts = sender.send(2) + sender.send(3)
    reader.take_all(facts[:2])
    sender.restart()
    reader.take(sender.send()[0])  # its link names the end, but not when that was signed
    early = replace(facts[3], log_time=facts[1].log_time - 1)
    equivocates(reader, early, "time_order")
    assert reader.take(facts[3]).verdict == "fill"


def test_a_forked_end_does_not_fold_to_the_named_root(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(1))
    other = sender.copy(branch=1)
    mine, others = sender.send(1) + sender.send(1), other.send(1) + other.send(1)
    sender.restart()
    reader.take(sender.send()[0])
    equivocates(reader, others[1], "roots")
    assert reader.take(others[0]).verdict == "fill"  # shows only at the end
    equivocates(reader, mine[1], "history")
    forged = replace(others[1], size=mine[1].size, root=mine[1].root)
    equivocates(reader, forged, "named_end")


def test_the_last_fill_folds_to_the_named_root(sender: SenderLog, reader: StreamReader) -> None:
    reader.take_all(sender.send(1))
    facts = sender.send(2)
    sender.restart()
    reader.take(sender.send()[0])
    reader.take(facts[0])
    equivocates(reader, replace(facts[1], leaf=bytes(32)), "named_end")


def test_a_fill_at_a_generations_end_may_not_overlap_the_named_size(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(1))
    facts = sender.send(2)
    sender.restart()
    reader.take(sender.send()[0])
    equivocates(reader, replace(facts[0], size=4), "overlap")


def test_a_generation_that_was_never_met_is_one_gap(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(2))
    middle = sender.restart()
    missed = sender.send(2) + sender.send(1)
    sender.restart()
    placement = reader.take(sender.send()[0])
    assert (placement.gap, placement.alarms) == ((middle, 0, 2), ("gap",))
    assert reader.take_all(missed[::-1]) == ["fill"] * 3
    assert reader.open_gaps == []
    assert {g.end is None for g in reader.state.generations.values()} == {True, False}


def test_a_generation_met_in_its_middle_is_a_gap_and_its_link_comes_with_index_0(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(2)[:1])
    first = sender.newest.name
    sender.restart()
    facts = sender.send(3)
    placement = reader.take(facts[2])
    assert placement.verdict == "link"
    assert (placement.gap, placement.alarms) == ((sender.newest.name, 0, 1), ("gap",))
    assert reader.state.generations[first].end is None
    placement = reader.take(facts[0])  # names what the first one lacks
    assert placement.verdict == "fill"
    assert (placement.gap, placement.alarms) == ((first, 1, 1), ("gap",))
    assert reader.state.generations[first].end == 2


def test_the_link_of_a_leaf_replay_counts(sender: SenderLog, reader: StreamReader) -> None:
    reader.take_all(sender.send(2))
    first = sender.newest.name
    sender.restart()
    facts = sender.send(2)
    reader.take(facts[1])
    reader.take(as_leaf(facts[0]))
    assert reader.state.generations[first].end == 2
    assert reader.take(facts[0]).verdict == "fill"


def test_only_the_newest_generation_grows(sender: SenderLog, reader: StreamReader) -> None:
    facts = sender.send(1) + sender.send(1)
    reader.take(facts[0])
    sender.restart()
    later = sender.send(2)
    reader.take(later[1])  # its link is not known yet
    refused(reader, facts[1], "superseded")
    reader.take(later[0])
    assert reader.take(facts[1]).verdict == "fill"


def test_an_unlinked_generation_is_not_taken_until_a_link_names_it(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(1))
    sender.restart()
    middle = sender.send(2)
    sender.restart()
    last = sender.send(2)
    reader.take(last[1])
    refused(reader, middle[0], "unlinked")
    reader.take(last[0])
    assert reader.take_all(middle) == ["fill", "fill"]


def test_the_log_time_does_not_fall_from_one_generation_to_the_next(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(1))
    sender.restart()
    (position,) = sender.send()
    refused(reader, replace(position, log_time=reader.state.log_time - 1), "log_time_fell")


def test_a_link_of_the_same_second_is_taken(sender: SenderLog, reader: StreamReader) -> None:
    reader.take_all(sender.send(1))
    sender.restart()
    (position,) = sender.send(seconds=0)
    assert position.log_time == reader.state.log_time
    assert reader.take(position).verdict == "link"
