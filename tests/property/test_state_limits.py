"""Whatever a sender's records claim, what is kept of them stays below the limit of one sender.

Facts are as steps 1 to 3 establish them of a sender that signs anything: any generation, index,
nodes and link. The limits are lowered, so that they are reached.
"""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.judging import continuity, state_limits
from broker.judging.continuity_types import ContinuityError, LogPosition
from broker.judging.partition_state import PartitionState, format_state
from broker.judging.state_limits import partition_state_size
from broker.tlog.generation_links import GenerationLink
from broker.tlog.merkle import MAX_LOG_SIZE, Frontier

# Test folders have no __init__.py; this module stands beside the unit tests of streams.
from tests.support.stream_world import MemoryHistory

BYTES, GAPS = 20_000, 6

names = st.integers(0, 30).map(lambda at: f"{at:016x}-{at:032x}")
indices = st.one_of(
    st.integers(0, 40),
    st.integers(0, 12).map(lambda at: 2**62 + 2 * at),
    st.integers(0, 2**13 - 2).map(lambda at: 2**63 - 2**13 + at),
)
links = st.none() | st.builds(
    GenerationLink, names, st.integers(1, 2**40), st.just(bytes(32)), st.just(bytes(16))
)


def nodes(name: str, index: int) -> tuple[bytes, ...]:
    """Subtrees that two indices of a generation share are the same."""
    places = (index >> bit << bit for bit in range(62, -1, -1) if index >> bit & 1)
    return tuple(hashlib.sha256(f"{name}/{place}".encode()).digest() for place in places)


@st.composite
def facts(draw: st.DrawFn) -> LogPosition:
    name, index = draw(names), draw(indices)
    link = draw(links) if index == 0 else None
    if link is not None and link.name >= name:
        link = None
    leaf = hashlib.sha256(f"{name}={index}".encode()).digest()
    left = nodes(name, index)
    frontier = Frontier(index, left).append(leaf)
    size = min(index + 1, MAX_LOG_SIZE)
    return LogPosition(
        name, index, leaf, left, size, frontier.root(), 1000, link, draw(st.booleans())
    )


@settings(max_examples=300, deadline=None)
@given(st.lists(facts(), max_size=60))
def test_the_stored_state_stays_below_its_limit_for_any_claims(found: list[LogPosition]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state_limits, "MAX_STATE_BYTES", BYTES)
        patch.setattr(state_limits, "MAX_STATE_GAPS", GAPS)
        state: PartitionState | None = None
        history = MemoryHistory()
        for position in found:
            before = partition_state_size(state)
            try:
                placement = continuity.place(state, position, history)
            except ContinuityError:  # made-up indices can contradict each other: nothing is kept
                continue
            state = placement.state
            if placement.verdict not in {"repeat", "before_start"}:
                history.leaves[position.generation, position.index] = (
                    position.leaf,
                    position.leaf_only,
                )
            for generation, checkpoint in placement.checkpoints:
                history.checkpoints.setdefault(generation, {})[checkpoint.size] = checkpoint
            counted = partition_state_size(state)
            assert counted.bytes <= BYTES
            assert counted.gaps <= GAPS
            if placement.verdict == "next":
                assert counted == before
            head, rows = format_state(state)
            assert len(head) + sum(len(body) + 24 for *_, body in rows) <= counted.bytes + 200
