"""Step 4 between generations: the links that contradict what their sender signed before."""

from __future__ import annotations

import pytest

from tests.support.stream_world import SenderLog, StreamReader, relinked
from tests.unit.broker.judging.stream_refusals import equivocates


def test_a_link_with_another_root_for_a_kept_size_is_equivocation(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(2))
    backup = sender.copy(branch=1)
    reader.take_all(sender.send(2))
    backup.restart(at=sender.now)
    (position,) = backup.send()
    equivocates(reader, relinked(position, root=bytes(32)), "link_root")
    sender.restart()
    equivocates(reader, relinked(sender.send()[0], root=bytes(32)), "link_root")


def test_a_link_with_another_root_for_a_frontier_that_is_known_is_equivocation(
    sender: SenderLog, reader: StreamReader
) -> None:
    facts = [sender.send()[0] for _ in range(7)]
    reader.take_all([facts[0], facts[3], facts[6]])  # gaps [1, 2] and [4, 5]
    backup = sender.copy(branch=1)
    backup.restart()
    (position,) = backup.send()
    for size in (3, 6):
        equivocates(
            reader,
            relinked(position, size=size, root=bytes(32)),
            "roots",
        )


def test_a_link_with_another_root_for_my_head_is_equivocation(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(2))
    reader.history.checkpoints.clear()  # what is known of the head besides its checkpoint
    sender.restart()
    equivocates(reader, relinked(sender.send()[0], root=bytes(32)), "roots")


@pytest.mark.parametrize("taken", [1, 2, 3, 4])
def test_a_link_to_the_inside_of_a_batch_is_equivocation(
    sender: SenderLog, reader: StreamReader, taken: int
) -> None:
    reader.take_all(sender.send(2))
    other = sender.copy()
    other.send(2)
    reader.take_all(sender.send(4)[:taken])
    other.restart(at=sender.now)
    equivocates(reader, other.send()[0], "link_in_batch")


def test_a_second_link_is_judged_and_kept_as_the_first_is(
    sender: SenderLog, reader: StreamReader
) -> None:
    reader.take_all(sender.send(2))
    old, more = sender.copy(branch=1), sender.copy(branch=2)
    first = sender.newest.name
    old.restart()
    reader.take(old.send()[0])
    more.send(3)
    more.restart(at=old.now + 1000)
    (position,) = more.send()
    assert reader.take(position).alarms == ("rollback",)
    assert reader.history.checkpoints[first][5].root == position.link.root
    third = more.copy(branch=3)
    third.restart(at=third.now + 1000)
    forged = relinked(third.send()[0], name=first, size=5, root=bytes(32))
    equivocates(reader, forged, "link_root")


def test_a_link_found_in_a_fill_may_contradict_too(sender: SenderLog, reader: StreamReader) -> None:
    reader.take_all(sender.send(2))
    sender.restart()
    facts = sender.send(2)
    reader.take(facts[1])
    equivocates(reader, relinked(facts[0], root=bytes(32)), "link_root")
