"""Step 4 where a link names less than its reader holds: what is cut, closed and still filled."""

from __future__ import annotations

import pytest

from broker.judging.partition_state import receiptable
from tests.support.stream_world import SenderLog, StreamReader, relinked
from tests.unit.broker.judging.stream_refusals import equivocates, refused


def test_a_sender_restored_from_an_old_backup_rolls_back_and_is_followed(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(3))
    backup = sender.copy(branch=1)
    lost = sender.send(2)
    reader.take(lost[0])
    backup.restart(at=sender.now)
    placement = reader.take(backup.send()[0])
    assert (placement.verdict, placement.gap, placement.alarms) == ("link", None, ("rollback",))
    assert reader.take(lost[0]).verdict == "repeat"  # mine is kept
    refused(reader, lost[1], "superseded")
    assert reader.take(backup.send()[0]).verdict == "next"


def test_a_rollback_cuts_the_gaps_that_reach_above_the_named_end(
    sender: SenderLog, reader: StreamReader
) -> None:
    facts = [sender.send()[0] for _ in range(4)]
    backup = sender.copy(branch=1)
    lost = [sender.send()[0] for _ in range(6)]
    reader.take_all([facts[0], lost[0], lost[2], lost[5]])
    name = sender.newest.name
    assert reader.open_gaps == [(name, 1, 3), (name, 5, 5), (name, 7, 8)]
    backup.restart(at=sender.now)
    assert reader.take(backup.send()[0]).alarms == ("rollback",)
    assert reader.open_gaps == [(name, 1, 3)]
    for position in (lost[1], lost[3], lost[4]):
        refused(reader, position, "superseded")
    assert reader.take_all(facts[1:]) == ["fill"] * 3
    assert reader.open_gaps == []


@pytest.mark.parametrize("met", [0, 1, 2])
def test_a_gap_across_the_named_end_is_healed_by_what_the_restored_sender_still_has(
    sender: SenderLog, reader: StreamReader, met: int
) -> None:
    facts = [sender.send()[0] for _ in range(4)]
    backup = sender.copy(branch=1)
    lost = [sender.send()[0] for _ in range(3)]
    reader.take_all([facts[0], lost[met]])
    backup.restart(at=sender.now)
    reader.take(backup.send()[0])
    assert reader.open_gaps == [(facts[0].generation, 1, 3)]
    for at, position in enumerate(lost):
        if at != met:
            refused(reader, position, "superseded")
    assert reader.take_all(facts[:0:-1]) == ["fill"] * 3
    assert reader.open_gaps == []


def test_a_gap_cut_at_the_named_end_folds_to_the_named_root(
    sender: SenderLog, reader: StreamReader
) -> None:
    facts = [sender.send()[0] for _ in range(2)]
    backup = sender.copy(branch=1)
    lost = [sender.send()[0] for _ in range(2)]
    reader.take_all([facts[0], lost[1]])
    backup.restart(at=sender.now)
    reader.take(relinked(backup.send()[0], root=bytes(32)))
    equivocates(reader, facts[1], "roots")


def test_two_restores_from_one_backup_are_two_rollbacks_and_no_fork(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(2))
    tail = sender.send(2)
    backup = sender.copy(branch=1)
    backup.restart(at=backup.now + 1000)
    placement = reader.take(backup.send()[0])
    assert placement.alarms == ("gap",)
    again = sender.copy(branch=2)
    again.restart(at=backup.now + 1000)
    placement = reader.take(again.send()[0])
    assert (placement.gap, placement.alarms) == (None, ("rollback",))
    assert reader.take_all(tail) == ["fill", "fill"]
    assert reader.open_gaps == []


def test_two_successors_of_a_generation_that_was_never_met_are_a_gap_and_a_rollback(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(1))
    sender.restart()
    missed = sender.send(2)
    one, two = sender.copy(branch=1), sender.copy(branch=2)
    one.restart()
    assert reader.take(one.send()[0]).alarms == ("gap",)
    two.restart(at=one.now + 1000)
    assert reader.take(two.send()[0]).alarms == ("rollback",)
    assert reader.take_all(missed) == ["fill", "fill"]


def test_of_several_successors_the_lowest_named_size_counts(
    sender: SenderLog, reader: StreamReader
) -> None:
    facts = [sender.send()[0] for _ in range(2)]
    old = sender.copy(branch=1)
    facts += [sender.send()[0] for _ in range(2)]
    new = sender.copy(branch=2)
    first = sender.newest.name
    reader.take(facts[0])
    for at, log in enumerate((new, old, new.copy(branch=3))):
        log.restart(at=sender.now + 10_000 * (at + 1))
        alarms = reader.take(log.send()[0]).alarms
        assert alarms == (("gap",) if at == 0 else ("rollback",))
    assert reader.state.generations[first].end == 2
    assert reader.open_gaps == [(first, 1, 1)]
    refused(reader, facts[2], "superseded")
    assert reader.take(facts[1]).verdict == "fill"


def test_an_older_successor_that_names_more_does_not_reopen_the_end(
    sender: SenderLog, reader: StreamReader
) -> None:
    """The later successor's index 0 comes first, the earlier one's when it is filled."""
    facts = sender.send(2)
    old = sender.copy(branch=1)
    facts += sender.send(2)
    first = sender.newest.name
    sender.restart()
    middle = sender.send(2)
    reader.take_all([*facts, middle[1]])
    old.restart(at=sender.now + 1000)
    assert reader.take(old.send()[0]).alarms == ("rollback",)
    assert reader.state.generations[first].end == 2
    placement = reader.take(middle[0])
    assert (placement.gap, placement.alarms) == (None, ("rollback",))
    assert reader.state.generations[first].end == 2


def test_a_link_that_passes_over_a_generation_closes_it_at_my_head(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(2))
    backup = sender.copy(branch=1)
    sender.restart()
    passed = sender.send(2)
    reader.take(passed[0])
    backup.restart(at=sender.now)
    placement = reader.take(backup.send()[0])
    assert placement.alarms == ("rollback",)
    assert reader.state.generations[sender.newest.name].end == 1
    refused(reader, passed[1], "superseded")


def test_a_gap_of_a_generation_that_was_passed_over_keeps_receipts_back_until_it_is_filled(
    sender: SenderLog, reader: StreamReader
) -> None:
    """Its sender has lost those records; whoever hosts Kafka may still have them."""
    reader.take_all(sender.send(2))
    backup = sender.copy(branch=1)
    sender.restart()
    passed = sender.send(4)
    reader.take_all([passed[0], passed[3]])
    backup.restart(at=sender.now)
    assert reader.take(backup.send()[0]).alarms == ("rollback",)
    assert reader.open_gaps == [(passed[0].generation, 1, 2)]
    assert reader.take(backup.send()[0]).verdict == "next"  # nothing else waits for it
    assert receiptable(reader.state) is None
    assert reader.take_all([passed[2], passed[1]]) == ["fill", "fill"]
    head = backup.newest
    assert receiptable(reader.state) == (head.name, head.size, head.root)


def test_passing_over_is_a_rollback_even_if_the_named_head_is_mine(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(2))
    backup = sender.copy(branch=1)
    sender.restart()
    reader.take(sender.send(2)[1])  # its own link is not known
    backup.restart(at=sender.now)
    assert reader.take(backup.send()[0]).alarms == ("rollback",)


def test_a_generation_that_follows_nothing_is_a_rollback_whenever_that_is_learnt(
    reader: StreamReader,
) -> None:
    first, fresh = SenderLog(), SenderLog(branch=1)
    reader.take_all(first.send(2))
    backup = first.copy(branch=2)
    fresh.now = first.now + 1000
    facts = fresh.send(2)
    reader.take(facts[1])
    backup.restart(at=fresh.now + 1000)
    reader.take(backup.send()[0])  # succeeds the first, passes over the other
    assert reader.take(facts[0]).alarms == ("rollback",)


def test_a_sender_that_lost_everything_rolls_back_to_nothing(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(2))
    fresh = SenderLog(now=sender.now, branch=1)
    (position,) = fresh.send()
    assert position.link.name == ""
    assert reader.take(position).alarms == ("rollback",)
    assert reader.state.generations[sender.newest.name].end == 2


def test_a_generation_that_was_rolled_back_is_not_reopened_by_a_later_rollback(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(2))
    oldest = sender.copy(branch=1)
    sender.restart()
    reader.take_all(sender.send(1))
    middle = sender.newest.name
    old = sender.copy(branch=2)
    reader.take_all(sender.send(2))
    for at, log in enumerate((old, oldest)):
        log.restart(at=sender.now + 10_000 * (at + 1))
        assert reader.take(log.send()[0]).alarms == ("rollback",)
        assert reader.state.generations[middle].end == 1


@pytest.mark.parametrize("size", [2, 3, 4])
def test_only_a_named_size_above_my_start_is_kept(
    sender: SenderLog, reader: StreamReader, size: int
) -> None:
    logs = [sender.copy() for _ in range(6) if sender.send()]
    name = sender.newest.name
    reader.take_all(sender.sent[name][3:])  # the start is 3
    reader.history.checkpoints[name].pop(4)
    log = logs[size - 1]
    log.restart(at=sender.now)
    placement = reader.take(log.send()[0])
    assert placement.alarms == ("rollback",)
    assert [checkpoint.size for where, checkpoint in placement.checkpoints if where == name] == (
        [size] if size > 3 else []
    )


def test_a_link_to_before_my_start_is_a_rollback(sender: SenderLog, reader: StreamReader) -> None:
    sender.send(2)
    backup = sender.copy(branch=1)
    facts = [sender.send()[0] for _ in range(4)]
    reader.take_all([facts[1], facts[3]])  # start at 3, gap at 4
    backup.restart(at=sender.now)
    (position,) = backup.send()
    assert reader.take(position).alarms == ("rollback",)
    assert reader.state.generations[facts[0].generation].end == 2
    assert reader.open_gaps == []
    refused(reader, facts[2], "superseded")
    assert reader.take(facts[0]).verdict == "before_start"


def test_a_link_to_before_my_start_does_not_raise_an_end_that_is_lower(
    sender: SenderLog, reader: StreamReader
) -> None:
    logs = []
    for _ in range(2):
        sender.send(1)
        logs.append(sender.copy(branch=len(logs) + 1))
    reader.take_all(sender.send(2)[1:])
    name = sender.newest.name
    for at, log in enumerate(logs):
        log.restart(at=sender.now + 10_000 * (at + 1))
        reader.take(log.send()[0])
        assert reader.state.generations[name].end == 1
