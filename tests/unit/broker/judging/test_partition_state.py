"""The stored form of what a reader holds."""

from __future__ import annotations

import orjson
import pytest

from broker.judging.partition_state import (
    PartitionState,
    format_state,
    parse_outline,
    parse_state,
    receiptable,
)
from broker.tlog.merkle import Frontier
from tests.support.stream_world import SenderLog, StreamReader


@pytest.fixture
def state(sender: SenderLog, reader: StreamReader) -> PartitionState:
    """Gaps inside, at the end, and before the first record met; one generation closed."""
    facts = [sender.send()[0] for _ in range(7)]
    reader.take_all([facts[0], facts[3]])
    sender.restart()
    more = sender.send(3)
    reader.take_all([more[0]])
    sender.restart()
    reader.take_all(sender.send(3)[2:])
    assert reader.state is not None
    return reader.state


def test_the_stored_form_gives_the_state_back(state: PartitionState) -> None:
    assert parse_state(format_state(state)) == state
    assert len([gap for held in state.generations.values() for gap in held.gaps]) == 3


def test_a_stopped_partition_stays_stopped(state: PartitionState) -> None:
    stopped = PartitionState(state.newest, state.start, 1, state.generations, stopped=True)
    assert parse_state(format_state(stopped)).stopped


def test_a_reader_that_begins_in_the_middle_keeps_the_frontier_of_its_start(
    sender: SenderLog, reader: StreamReader
) -> None:
    facts = sender.send(6)
    reader.take_all(facts[3:])
    assert reader.state is not None
    (held,) = reader.state.generations.values()
    assert held.base == Frontier(3, facts[3].left)
    assert parse_state(format_state(reader.state)) == reader.state


@pytest.mark.parametrize("name", ["v", "newest", "start", "log_time", "stopped", "generations"])
def test_a_stored_form_without_one_of_its_members_is_refused(
    state: PartitionState, name: str
) -> None:
    head, gaps = format_state(state)
    stored = orjson.loads(head)
    del stored[name]
    with pytest.raises(ValueError):
        parse_state((orjson.dumps(stored), gaps))
    with pytest.raises(ValueError):
        parse_outline(orjson.dumps(stored))


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"1", b"null", b'{"v":2}', b'{"v":1}'])
def test_another_text_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        parse_state((text, []))


def test_a_frontier_that_is_none_is_refused(state: PartitionState) -> None:
    head, gaps = format_state(state)
    stored = orjson.loads(head)
    stored["generations"][0]["frontier"] = "AA=="
    with pytest.raises(ValueError):
        parse_state((orjson.dumps(stored), gaps))


def test_a_state_of_which_a_gap_is_missing_or_too_many_are_there_is_refused(
    state: PartitionState,
) -> None:
    head, gaps = format_state(state)
    with pytest.raises(ValueError):
        parse_state((head, gaps[1:]))
    with pytest.raises(ValueError):
        parse_state((head, [*gaps, ("another", 0, 1, gaps[0][3])]))


@pytest.mark.parametrize("at", [0, 1, 9, 20, -1])
def test_a_gap_that_is_not_what_was_written_is_refused(state: PartitionState, at: int) -> None:
    head, gaps = format_state(state)
    body = gaps[0][3][:at]
    with pytest.raises(ValueError):
        parse_state((head, [(*gaps[0][:3], body), *gaps[1:]]))


def test_an_outline_has_all_but_the_frontiers(state: PartitionState) -> None:
    outline = parse_outline(format_state(state)[0])
    assert (outline.newest, outline.start, outline.log_time) == (
        state.newest,
        state.start,
        state.log_time,
    )
    assert [
        (one.name, one.start, one.size, one.end, one.latest, one.gaps)
        for one in outline.generations.values()
    ] == [
        (one.name, one.start, one.size, one.end, one.latest, len(one.gaps))
        for one in state.generations.values()
    ]
    assert receiptable(outline) == receiptable(state)
