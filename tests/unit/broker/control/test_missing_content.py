"""Records without content are requested again, at growing intervals, and then opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from broker.control import missing_content
from broker.control.missing_content import (
    FIRST_ASKED_MS,
    LOOKED_EVERY_MS,
    RANGES_PER_MINUTE,
)
from broker.judging.partition_state import PartitionState, parse_state
from broker.judging.store_context import write_state
from broker.record import Record
from broker.statements.notices import NOTICES_PER_MINUTE
from broker.statements.receipts import parse_receipt
from broker.tlog.checkpoint import Place
from tests.support.founded_partnership import DAY, MINUTE, POLICE, SECOND, founded
from tests.support.memory_agency import Clock, MemoryAgency, at_offsets
from tests.support.memory_control import ControlNode, origin_of
from tests.support.record_parts import as_leaf
from tests.support.sealed_referrals import value
from tests.support.sent_records import Log


def take_as_leaves(node: ControlNode, records: Sequence[Record], leaves: Sequence[int]) -> None:
    """The stream arrives with gaps, and leaves close them."""
    there = [one for index, one in enumerate(records) if index not in leaves]
    node.member.take(there)
    node.member.take(at_offsets([as_leaf(records[index]) for index in leaves], len(records)))


def waits(node: ControlNode, clock: Clock, asked: int) -> list[int]:
    """Return the time until each of the next requests."""
    found, since = [], clock.now
    while len(found) < asked:
        clock.pass_(LOOKED_EVERY_MS)
        if node.watch.look().ask_again:
            found.append(clock.now - since)
            since = clock.now
    return found


def test_a_leaf_is_asked_for_after_thirty_seconds_and_then_ever_more_rarely(
    node: ControlNode, log: Log, clock: Clock
) -> None:
    records = at_offsets(log.send(*(value() for _ in range(5))))
    take_as_leaves(node, records, [1, 2])
    assert node.watch.look().ask_again == []
    clock.pass_(FIRST_ASKED_MS - 1)
    assert node.watch.look().ask_again == []
    clock.pass_(LOOKED_EVERY_MS)
    assert node.watch.look().ask_again == [(origin_of(log), 1, 2)]
    assert waits(node, clock, 4) == [60 * SECOND, 120 * SECOND, 240 * SECOND, 480 * SECOND]
    for _ in range(12):
        clock.pass_(2 * DAY)
        assert node.watch.look().ask_again
    clock.pass_(DAY - LOOKED_EVERY_MS)
    assert node.watch.look().ask_again == []
    clock.pass_(LOOKED_EVERY_MS)
    assert node.watch.look().ask_again


async def test_the_record_is_opened_once_and_then_the_receipt_is_given(
    node: ControlNode, log: Log, clock: Clock
) -> None:
    records = at_offsets(log.send(*(value() for _ in range(3))))
    take_as_leaves(node, records, [1])
    node.notices.take_up()
    assert await node.notices.flush() == 0
    clock.pass_(FIRST_ASKED_MS)
    node.watch.look()
    clock.pass_(FIRST_ASKED_MS)
    node.watch.look()
    replayed = [records[1], as_leaf(records[1]), records[1]]
    batch = node.member.take(at_offsets(replayed, 4))
    assert (len(batch.opened), batch.repeats, batch.alarms) == (1, 2, [])
    assert node.member.take(at_offsets([records[1]], 7)).repeats == 1
    assert len(node.member.inbox()) == 3
    node.notices.changed(batch.changed)
    assert await node.notices.flush() == 1
    clock.pass_(DAY)
    assert node.watch.look().ask_again == []


async def test_a_receipt_speaks_for_earlier_generations_too(
    node: ControlNode, log: Log, clock: Clock
) -> None:
    first = at_offsets(log.send(*(value() for _ in range(3))))
    take_as_leaves(node, first, [1])
    clock.pass_(SECOND)
    log.now = clock.now
    log.restart()
    second = at_offsets(log.send(value()), 4)
    node.notices.changed(node.member.take(second).changed)
    assert await node.notices.flush() == 0
    node.notices.changed(node.member.take(at_offsets([first[1]], 5)).changed)
    assert await node.notices.flush() == 1
    (receipt,) = node.said()
    assert receipt.value is not None
    assert parse_receipt(receipt.value).checkpoint.origin == origin_of(log).format()


async def test_a_leaf_above_the_end_of_its_generation_is_not_waited_for(
    node: ControlNode, log: Log, clock: Clock
) -> None:
    """Its sender went back before it, and will never publish it again."""
    first = at_offsets(log.send(value()))
    before = log.copy()
    lost = at_offsets(log.send(value(), value()), 1)
    take_as_leaves(node, [*first, *lost], [1])
    clock.pass_(SECOND)
    before.now = clock.now
    before.restart()
    batch = node.member.take(at_offsets(before.send(value()), 4))
    assert (POLICE, "rollback") in batch.alarms
    node.notices.changed(batch.changed)
    assert await node.notices.flush() == 1
    for _ in range(3):
        clock.pass_(FIRST_ASKED_MS)
        assert node.watch.look().ask_again == []


@pytest.mark.parametrize("comes", ["content", "another leaf"])
def test_news_of_it_shortens_the_wait_and_never_prolongs_it(
    node: ControlNode, log: Log, clock: Clock, comes: str
) -> None:
    records = at_offsets(log.send(*(value() for _ in range(6))))
    take_as_leaves(node, records, [1, 2])
    node.watch.look()
    waits(node, clock, 5)
    if comes == "content":
        node.member.take(at_offsets([records[1]], 9))
    else:
        more = at_offsets(log.send(value(), value()), 9)
        node.member.take(more[1:])
        node.member.take(at_offsets([as_leaf(more[0])], 11))
    assert waits(node, clock, 2) == [FIRST_ASKED_MS + LOOKED_EVERY_MS, 60 * SECOND]
    clock.pass_(50 * SECOND)  # of the 120 that it waits now
    node.watch.look()
    clock.pass_(50 * SECOND)
    node.member.take(at_offsets([records[2]], 20))
    later = at_offsets(log.send(value(), value(), value()), 21)
    node.member.take(later[2:])
    node.member.take(at_offsets([as_leaf(one) for one in later[:2]], 24))
    assert waits(node, clock, 1) == [20 * SECOND]


def test_many_ranges_are_asked_for_in_turn(node: ControlNode, log: Log, clock: Clock) -> None:
    count = RANGES_PER_MINUTE + 5
    records = at_offsets(log.send(*(value() for _ in range(2 * count + 1))))
    leaves = list(range(1, 2 * count, 2))
    take_as_leaves(node, records, leaves)
    node.watch.look()
    clock.pass_(MINUTE)
    asked = [first for _, first, _ in node.watch.look().ask_again]
    assert asked == leaves[:RANGES_PER_MINUTE]
    clock.pass_(LOOKED_EVERY_MS)
    assert node.watch.look().ask_again == []
    clock.pass_(MINUTE)
    assert [first for _, first, _ in node.watch.look().ask_again] == leaves[RANGES_PER_MINUTE:]
    assert RANGES_PER_MINUTE < NOTICES_PER_MINUTE, "gaps must not wait for them"


def test_a_long_range_is_asked_for_in_pieces(
    node: ControlNode, log: Log, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing_content, "LEAVES_AT_ONCE", 3)
    records = at_offsets(log.send(*(value() for _ in range(7))))
    take_as_leaves(node, records, [1, 2, 3, 4, 5])
    node.watch.look()
    origin = origin_of(log)
    for piece in ((1, 3), (4, 5)):
        clock.pass_(FIRST_ASKED_MS)
        assert node.watch.look().ask_again == [(origin, *piece)]
    assert waits(node, clock, 1) == [2 * FIRST_ASKED_MS]


@pytest.mark.parametrize("gone", ["stopped", "forgotten"])
def test_content_that_could_not_be_taken_is_not_asked_for(
    node: ControlNode, log: Log, clock: Clock, gone: str
) -> None:
    records = at_offsets(log.send(*(value() for _ in range(3))))
    take_as_leaves(node, records, [1])
    one = records[0]
    state = node.member.state(POLICE, one)
    assert state is not None
    after = PartitionState(
        state.newest,
        state.start,
        state.log_time,
        {} if gone == "forgotten" else state.generations,
        stopped=gone == "stopped",
    )
    with node.member.store.transaction() as tx:
        stored = tx.reader.state(Place(POLICE, one.topic, one.partition))
        assert stored is not None
        place = Place(POLICE, one.topic, one.partition)
        write_state(tx, place, stored[0], parse_state(stored[1]), after)
    for _ in range(3):
        clock.pass_(FIRST_ASKED_MS)
        assert node.watch.look().ask_again == []


def test_ones_own_records_are_not_asked_for(
    police: MemoryAgency, clock: Clock, tmp_path: Path
) -> None:
    node = ControlNode(police, founded().directory(POLICE, tmp_path))
    log = Log()
    take_as_leaves(node, at_offsets(log.send(*(value() for _ in range(3)))), [1])
    for _ in range(3):
        clock.pass_(FIRST_ASKED_MS)
        assert node.watch.look().ask_again == []


def test_the_number_of_leaves_without_content_is_a_metric_until_it_arrives(
    node: ControlNode, log: Log, clock: Clock
) -> None:
    records = at_offsets(log.send(*(value() for _ in range(4))))
    take_as_leaves(node, records, [1, 2])
    name = f'concordant_records_without_content{{agency="{POLICE}"}}'
    node.watch.look()
    assert f"{name} 2.0" in node.metrics.text().decode()
    node.member.take(at_offsets(records[1:3], 9))
    clock.pass_(LOOKED_EVERY_MS)
    node.watch.look()
    assert f"{name} 0.0" in node.metrics.text().decode()
