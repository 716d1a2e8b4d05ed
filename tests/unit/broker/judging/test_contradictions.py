"""Step 4 within one generation: each way in which a sender contradicts what it signed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.judging.continuity_types import LogPosition
from tests.support.stream_world import SenderLog, StreamReader, as_leaf
from tests.unit.broker.judging.stream_refusals import equivocates


@pytest.fixture
def fork(sender: SenderLog, reader: StreamReader) -> tuple[list[LogPosition], list[LogPosition]]:
    """Two histories after index 4: batches of 3 and 3; the reader holds none of them yet."""
    reader.take_all(sender.send(4))
    other = sender.copy(branch=1)
    return sender.send(3) + sender.send(3), other.send(3) + other.send(3)


def test_one_index_with_two_records_is_equivocation(
    reader: StreamReader, fork: tuple[list[LogPosition], list[LogPosition]]
) -> None:
    mine, other = fork
    reader.take(mine[0])
    equivocates(reader, other[0], "records")
    equivocates(reader, as_leaf(other[0]), "records")


def test_a_next_record_of_another_history_is_equivocation(
    reader: StreamReader, fork: tuple[list[LogPosition], list[LogPosition]]
) -> None:
    mine, other = fork
    reader.take_all(mine[:3])
    equivocates(reader, other[3], "history")


def test_a_next_record_of_another_history_under_the_same_checkpoint_is_equivocation(
    reader: StreamReader, sender: SenderLog
) -> None:
    facts = sender.send(3)
    reader.take(facts[0])
    forged = replace(facts[1], left=(bytes(32),))
    equivocates(reader, forged, "history")


def test_a_batch_in_progress_may_not_change_its_root(
    reader: StreamReader, fork: tuple[list[LogPosition], list[LogPosition]]
) -> None:
    mine, other = fork
    reader.take(mine[0])
    equivocates(reader, other[1], "roots")


def test_batches_may_not_overlap(sender: SenderLog, reader: StreamReader) -> None:
    reader.take_all(sender.send(4))
    other = sender.copy()
    mine, others = sender.send(3), other.send(2)  # the same events, cut into other batches
    assert mine[0].leaf == others[0].leaf
    reader.take(mine[0])
    equivocates(reader, others[1], "overlap")  # next
    equivocates(reader, others[0], "overlap")  # repeat


def test_a_fill_under_an_overlapping_batch_is_equivocation(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(4))
    other = sender.copy()
    mine, others = sender.send(3), other.send(1) + other.send(2)
    assert mine[0].leaf == others[0].leaf
    reader.take(mine[2])
    assert reader.take(mine[0]).verdict == "fill"
    equivocates(reader, others[1], "two_times")
    shorter = replace(mine[1], size=6, root=bytes(32))
    equivocates(reader, shorter, "overlap")


def test_a_fill_may_not_change_the_root_of_its_batch(
    reader: StreamReader, fork: tuple[list[LogPosition], list[LogPosition]]
) -> None:
    mine, other = fork
    reader.take(mine[2])
    equivocates(reader, other[0], "roots")


def test_a_fill_begins_at_the_known_frontier(
    reader: StreamReader, fork: tuple[list[LogPosition], list[LogPosition]]
) -> None:
    mine, other = fork
    reader.take_all(mine[:3])
    later = replace(mine[5], size=11)  # its own batch, so that roots do not tell
    reader.take(later)
    assert (other[3].size, mine[3].index) == (10, 7)
    equivocates(reader, replace(other[3], size=8), "history")


def test_a_fill_shares_the_subtrees_of_the_frontier_before_the_gap(
    reader: StreamReader, fork: tuple[list[LogPosition], list[LogPosition]]
) -> None:
    mine, _ = fork
    reader.take(mine[5])
    forged = replace(mine[1], left=(bytes(32), *mine[1].left[1:]), size=6)
    assert len(forged.left) == 2  # index 5: the first node is [0, 4), which the reader holds
    equivocates(reader, forged, "history")


def test_a_jump_shares_the_subtrees_of_the_head(
    reader: StreamReader, fork: tuple[list[LogPosition], list[LogPosition]]
) -> None:
    mine, _ = fork
    forged = replace(mine[1], left=(bytes(32), *mine[1].left[1:]))
    equivocates(reader, forged, "history")
    assert reader.take(mine[1]).verdict == "jump"


def test_a_jump_to_the_end_of_a_known_batch_must_have_its_root(
    reader: StreamReader, fork: tuple[list[LogPosition], list[LogPosition]]
) -> None:
    mine, other = fork
    reader.take(mine[0])
    equivocates(reader, other[3], "roots")
    assert reader.take(mine[3]).verdict == "jump"


def test_fills_of_another_history_do_not_meet_what_came_after(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(4))
    other = sender.copy(branch=1)
    mine = [sender.send()[0] for _ in range(4)]
    others = [other.send()[0] for _ in range(3)]
    reader.take(mine[3])
    reader.take_all(others[:2])  # a forked fill shows only at its end
    equivocates(reader, others[2], "roots")
    equivocates(reader, mine[2], "history")


def test_the_last_fill_must_meet_the_frontier_after_the_gap(
    sender: SenderLog, reader: StreamReader
) -> None:
    first = sender.send(1)
    middle, last = sender.send(2), sender.send(1)
    reader.take_all([*first, *last])
    equivocates(reader, replace(middle[1], leaf=bytes(32)), "gap_end")
    forged = replace(middle[1], leaf=bytes(32), size=2, root=bytes(32))
    equivocates(reader, forged, "gap_end")


def test_a_fill_may_not_name_another_root_for_a_known_frontier(
    sender: SenderLog, reader: StreamReader
) -> None:
    facts = [sender.send()[0] for _ in range(4)]
    reader.take_all([facts[0], facts[3]])  # the frontier of [0, 3) is known, its checkpoint is not
    equivocates(reader, replace(facts[1], size=3, root=bytes(32)), "roots")


def test_a_fill_must_agree_with_a_root_kept_inside_its_gap(
    reader: StreamReader, fork: tuple[list[LogPosition], list[LogPosition]]
) -> None:
    """The checkpoint of a batch is kept before its last records come; 4..6, then 7..9."""
    mine, other = fork
    sizes = [mine[0].size, mine[3].size]
    assert sizes == [7, 10]
    reader.take(replace(mine[5], size=11))  # a gap up to 8, under a later batch
    reader.take(mine[0])
    equivocates(reader, replace(other[3], size=8), "roots")


def test_a_reader_that_kept_no_checkpoints_goes_by_leaves_and_frontiers(
    sender: SenderLog, reader: StreamReader
) -> None:
    facts = [sender.send()[0] for _ in range(4)]
    reader.take_all([facts[0], facts[3]])
    sender.send()
    sender.restart()
    reader.take(sender.send()[0])
    reader.history.checkpoints.clear()
    assert reader.take_all([facts[3], facts[2], facts[1]]) == ["repeat", "fill", "fill"]
    name = facts[0].generation
    last = replace(sender.sent[name][4], leaf=bytes(32))
    reader.history.checkpoints.clear()
    equivocates(reader, last, "named_end")


def test_times_may_not_fall_along_sizes(sender: SenderLog, reader: StreamReader) -> None:
    facts = [sender.send()[0] for _ in range(5)]
    reader.take_all([facts[0], facts[4]])
    reader.take(facts[2])
    late = replace(facts[3], log_time=facts[4].log_time + 1)
    equivocates(reader, late, "time_order")
    early = replace(facts[3], log_time=facts[2].log_time - 1)
    equivocates(reader, early, "time_order")
    assert reader.take(facts[3]).verdict == "fill"


def test_one_checkpoint_has_one_time(sender: SenderLog, reader: StreamReader) -> None:
    facts = sender.send(5)
    reader.take_all([facts[0], facts[1], facts[3]])
    for position in (facts[1], facts[2], facts[4]):  # repeat, fill, next
        other = replace(position, log_time=position.log_time + 1)
        equivocates(reader, other, "two_times")
