"""The stored form of what a reader holds."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from stream_world import SenderLog, StreamReader

from broker.judging.partition_state import PartitionState, format_state, parse_state
from broker.tlog.merkle import Frontier


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
    stored = orjson.loads(format_state(reader.state))
    del stored["generations"][0]["base"]  # as an earlier version wrote it
    (older,) = parse_state(orjson.dumps(stored)).generations.values()
    assert older == replace(held, base=None)


@pytest.mark.parametrize("name", ["v", "newest", "start", "log_time", "stopped", "generations"])
def test_a_stored_form_without_one_of_its_members_is_refused(
    state: PartitionState, name: str
) -> None:
    stored = orjson.loads(format_state(state))
    del stored[name]
    with pytest.raises(ValueError):
        parse_state(orjson.dumps(stored))


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"1", b"null", b'{"v":2}', b'{"v":1}'])
def test_another_text_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        parse_state(text)


def test_a_frontier_that_is_none_is_refused(state: PartitionState) -> None:
    stored = orjson.loads(format_state(state))
    stored["generations"][0]["frontier"] = "00"
    with pytest.raises(ValueError):
        parse_state(orjson.dumps(stored))
