"""Step 4 between generations: links, rollbacks, what is superseded, what is unlinked."""

from __future__ import annotations

from dataclasses import replace

import pytest
from stream_world import SenderLog, StreamReader, as_leaf

from broker.judging import succession
from broker.judging.continuity import place
from broker.judging.placement import ContinuityError, EquivocationError, Fact


def refused(reader: StreamReader, fact: Fact, code: str) -> None:
    with pytest.raises(ContinuityError) as caught:
        place(reader.state, fact, reader.recall)
    assert caught.value.code == code


def equivocates(reader: StreamReader, fact: Fact, words: str) -> None:
    with pytest.raises(EquivocationError, match=words):
        place(reader.state, fact, reader.recall)


def renamed(fact: Fact, **link: object) -> Fact:
    """The same index 0 with another link, as another sender's signature would carry it."""
    assert fact.link is not None
    return replace(fact, link=replace(fact.link, **link))


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
    (fact,) = sender.send()
    assert fact.link.name == first
    assert reader.take(fact).alarms == ()


def test_a_reader_that_starts_in_a_later_generation_ignores_what_the_first_names(
    sender: SenderLog, reader: StreamReader
) -> None:
    earlier = sender.send(3)
    sender.restart()
    (fact,) = sender.send()
    assert reader.take(fact).verdict == "start"
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
    assert reader.recall.kept[first][5].time == facts[4].log_time


def test_the_first_record_under_a_named_end_brings_a_time_that_may_not_fall(
    sender: SenderLog, reader: StreamReader
) -> None:
    facts = sender.send(2) + sender.send(3)
    reader.take_all(facts[:2])
    sender.restart()
    reader.take(sender.send()[0])  # its link names the end, but not when that was signed
    early = replace(facts[3], log_time=facts[1].log_time - 1)
    equivocates(reader, early, "times fall")
    assert reader.take(facts[3]).verdict == "fill"


def test_a_forked_end_does_not_fold_to_the_named_root(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(1))
    other = sender.copy(branch=1)
    mine, others = sender.send(1) + sender.send(1), other.send(1) + other.send(1)
    sender.restart()
    reader.take(sender.send()[0])
    equivocates(reader, others[1], "one size has two roots")
    assert reader.take(others[0]).verdict == "fill"  # shows only at the end
    equivocates(reader, mine[1], "another history")
    forged = replace(others[1], size=mine[1].size, root=mine[1].root)
    equivocates(reader, replace(forged, log_time=forged.log_time), "fold|two roots")


def test_the_last_fill_folds_to_the_named_root(sender: SenderLog, reader: StreamReader) -> None:
    reader.take_all(sender.send(1))
    facts = sender.send(2)
    sender.restart()
    reader.take(sender.send()[0])
    reader.take(facts[0])
    equivocates(reader, replace(facts[1], leaf=bytes(32)), "two roots|fold")


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


def test_a_generation_nobody_leads_to_is_not_taken_until_a_link_names_it(
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
    (fact,) = sender.send()
    refused(reader, replace(fact, log_time=reader.state.log_time - 1), "log_time_fell")


# --- rollbacks -----------------------------------------------------------------------------------


def test_a_sender_restored_from_an_old_backup_rolls_back_and_is_followed(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(3))
    backup = sender.copy(branch=1)
    lost = sender.send(2)
    reader.take(lost[0])
    backup.now = sender.now
    backup.restart()
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
    backup.now = sender.now
    backup.restart()
    assert reader.take(backup.send()[0]).alarms == ("rollback",)
    assert reader.open_gaps == [(name, 1, 3)]
    for fact in (lost[1], lost[3], lost[4]):
        refused(reader, fact, "superseded")
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
    backup.now = sender.now
    backup.restart()
    reader.take(backup.send()[0])
    assert reader.open_gaps == [(facts[0].generation, 1, 3)]
    for at, fact in enumerate(lost):
        if at != met:
            refused(reader, fact, "superseded")
    assert reader.take_all(facts[:0:-1]) == ["fill"] * 3
    assert reader.open_gaps == []


def test_a_gap_cut_at_the_named_end_folds_to_the_named_root(
    sender: SenderLog, reader: StreamReader
) -> None:
    facts = [sender.send()[0] for _ in range(2)]
    backup = sender.copy(branch=1)
    lost = [sender.send()[0] for _ in range(2)]
    reader.take_all([facts[0], lost[1]])
    backup.now = sender.now
    backup.restart()
    reader.take(renamed(backup.send()[0], root=bytes(32)))
    equivocates(reader, facts[1], "two roots|fold")


def test_two_restores_from_one_backup_are_two_rollbacks_and_no_fork(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(2))
    tail = sender.send(2)
    backup = sender.copy(branch=1)
    backup.now += 1000
    backup.restart()
    placement = reader.take(backup.send()[0])
    assert placement.alarms == ("gap",)
    again = sender.copy(branch=2)
    again.now = backup.now + 1000
    again.restart()
    placement = reader.take(again.send()[0])
    assert (placement.gap, placement.alarms) == (None, ("rollback",))
    assert reader.take_all(tail) == ["fill", "fill"]
    assert reader.open_gaps == []


def test_two_successors_of_a_generation_that_was_never_met(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(1))
    sender.restart()
    missed = sender.send(2)
    one, two = sender.copy(branch=1), sender.copy(branch=2)
    one.restart()
    assert reader.take(one.send()[0]).alarms == ("gap",)
    two.now = one.now + 1000
    two.restart()
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
        log.now = sender.now + 10_000 * (at + 1)
        log.restart()
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
    old.now = sender.now + 1000
    old.restart()
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
    backup.now = sender.now
    backup.restart()
    placement = reader.take(backup.send()[0])
    assert placement.alarms == ("rollback",)
    assert reader.state.generations[sender.newest.name].end == 1
    refused(reader, passed[1], "superseded")


def test_passing_over_is_a_rollback_even_if_the_named_head_is_mine(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(2))
    backup = sender.copy(branch=1)
    sender.restart()
    reader.take(sender.send(2)[1])  # its own link is not known
    backup.now = sender.now
    backup.restart()
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
    backup.now = fresh.now + 1000
    backup.restart()
    reader.take(backup.send()[0])  # succeeds the first, passes over the other
    assert reader.take(facts[0]).alarms == ("rollback",)


def test_a_sender_that_lost_everything_rolls_back_to_nothing(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(2))
    fresh = SenderLog(now=sender.now, branch=1)
    (fact,) = fresh.send()
    assert fact.link.name == ""
    assert reader.take(fact).alarms == ("rollback",)
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
        log.now = sender.now + 10_000 * (at + 1)
        log.restart()
        assert reader.take(log.send()[0]).alarms == ("rollback",)
        assert reader.state.generations[middle].end == 1


def test_a_link_of_the_same_second_is_taken(sender: SenderLog, reader: StreamReader) -> None:
    reader.take_all(sender.send(1))
    sender.restart()
    (fact,) = sender.send(seconds=0)
    assert fact.log_time == reader.state.log_time
    assert reader.take(fact).verdict == "link"


@pytest.mark.parametrize("size", [2, 3, 4])
def test_only_a_named_size_above_my_start_is_kept(
    sender: SenderLog, reader: StreamReader, size: int
) -> None:
    logs = [sender.copy() for _ in range(6) if sender.send()]
    name = sender.newest.name
    reader.take_all(sender.sent[name][3:])  # the start is 3
    reader.recall.kept[name].pop(4)
    log = logs[size - 1]
    log.now = sender.now
    log.restart()
    placement = reader.take(log.send()[0])
    assert placement.alarms == ("rollback",)
    assert [kept.size for where, kept in placement.kept if where == name] == (
        [size] if size > 3 else []
    )


def test_a_link_to_before_my_start_is_a_rollback(sender: SenderLog, reader: StreamReader) -> None:
    sender.send(2)
    backup = sender.copy(branch=1)
    facts = [sender.send()[0] for _ in range(4)]
    reader.take_all([facts[1], facts[3]])  # start at 3, gap at 4
    backup.now = sender.now
    backup.restart()
    (fact,) = backup.send()
    assert reader.take(fact).alarms == ("rollback",)
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
        log.now = sender.now + 10_000 * (at + 1)
        log.restart()
        reader.take(log.send()[0])
        assert reader.state.generations[name].end == 1


# --- links that contradict -----------------------------------------------------------------------


def test_a_link_with_another_root_for_a_kept_size_is_equivocation(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(2))
    backup = sender.copy(branch=1)
    reader.take_all(sender.send(2))
    backup.now = sender.now
    backup.restart()
    (fact,) = backup.send()
    equivocates(reader, renamed(fact, root=bytes(32)), "another root")
    sender.restart()
    equivocates(reader, renamed(sender.send()[0], root=bytes(32)), "another root")


def test_a_link_with_another_root_for_a_frontier_that_is_known_is_equivocation(
    sender: SenderLog, reader: StreamReader
) -> None:
    facts = [sender.send()[0] for _ in range(7)]
    reader.take_all([facts[0], facts[3], facts[6]])  # gaps [1, 2] and [4, 5]
    backup = sender.copy(branch=1)
    backup.restart()
    (fact,) = backup.send()
    for size in (3, 6):
        equivocates(reader, renamed(fact, size=size, root=bytes(32)), "one size has two roots")


def test_a_link_with_another_root_for_my_head_is_equivocation(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(2))
    reader.recall.kept.clear()  # what is known of the head besides its checkpoint
    sender.restart()
    equivocates(reader, renamed(sender.send()[0], root=bytes(32)), "one size has two roots")


@pytest.mark.parametrize("taken", [1, 2, 3, 4])
def test_a_link_to_the_inside_of_a_batch_is_equivocation(
    sender: SenderLog, reader: StreamReader, taken: int
) -> None:
    reader.take_all(sender.send(2))
    other = sender.copy()
    other.send(2)
    reader.take_all(sender.send(4)[:taken])
    other.now = sender.now
    other.restart()
    equivocates(reader, other.send()[0], "inside of a batch")


def test_a_second_link_is_judged_and_kept_as_the_first_is(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(2))
    old, more = sender.copy(branch=1), sender.copy(branch=2)
    first = sender.newest.name
    old.restart()
    reader.take(old.send()[0])
    more.send(3)
    more.now = old.now + 1000
    more.restart()
    (fact,) = more.send()
    assert reader.take(fact).alarms == ("rollback",)
    assert reader.recall.kept[first][5].root == fact.link.root
    third = more.copy(branch=3)
    third.now += 1000
    third.restart()
    forged = renamed(third.send()[0], name=first, size=5, root=bytes(32))
    equivocates(reader, forged, "another root")


def test_a_link_found_in_a_fill_may_contradict_too(sender: SenderLog, reader: StreamReader) -> None:
    reader.take_all(sender.send(2))
    sender.restart()
    facts = sender.send(2)
    reader.take(facts[1])
    equivocates(reader, renamed(facts[0], root=bytes(32)), "another root")


# --- how many are kept ---------------------------------------------------------------------------


def test_old_complete_generations_are_forgotten(
    sender: SenderLog, reader: StreamReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(succession, "MAX_GENERATIONS", 3)
    facts = []
    for _ in range(6):
        sender.restart()
        facts += sender.send(1)
    reader.take_all(facts)
    assert sorted(reader.state.generations) == [fact.generation for fact in facts[-3:]]
    assert reader.state.start == facts[3].generation
    assert reader.take(facts[0]).verdict == "before_start"
    assert reader.alarms == []


def test_a_generation_that_nothing_has_succeeded_is_not_forgotten(
    sender: SenderLog, reader: StreamReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(succession, "MAX_GENERATIONS", 1)
    reader.take_all(sender.send(1))
    sender.restart()
    facts = sender.send(2)
    refused(reader, facts[1], "generations_many")  # its link is not known
    assert reader.take(facts[0]).verdict == "link"
    assert list(reader.state.generations) == [facts[0].generation]


def test_generations_with_gaps_are_not_forgotten_and_only_so_many_are_kept(
    sender: SenderLog, reader: StreamReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(succession, "MAX_GENERATIONS", 3)
    generations = []
    for _ in range(4):
        sender.restart()
        generations.append(sender.send(3))
    for facts in generations[:3]:
        reader.take_all([facts[0], facts[2]])
    refused(reader, generations[3][0], "generations_many")
    reader.take(generations[0][1])  # complete, so it may go
    assert reader.take(generations[3][0]).verdict == "link"
    assert generations[0][0].generation not in reader.state.generations


def test_generations_with_gaps_that_their_sender_passes_over_shut_nobody_out(
    sender: SenderLog, reader: StreamReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(succession, "MAX_GENERATIONS", 3)
    (first,) = sender.send(1)
    reader.take(first)
    thief = sender.copy(branch=1)
    for _ in range(3):  # the first closes what everyone holds, so that it is forgotten
        thief.restart()
        facts = thief.send(3)
        reader.take_all([facts[0], facts[2]])
    assert first.generation not in reader.state.generations
    thief.restart()
    refused(reader, thief.send(1)[0], "generations_many")  # it passes over none
    sender.now = thief.now + 1
    sender.restart()
    (honest,) = sender.send(1)
    assert reader.take(honest).verdict == "link"
    assert len(reader.state.generations) == 3
    assert honest.generation == reader.state.newest
