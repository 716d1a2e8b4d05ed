"""Frontiers and paths against the definitions of RFC 6962, section 2.1, written out plainly."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from broker.audit.inclusion import path_from
from broker.errors import ProofError
from broker.tlog.merkle import (
    Frontier,
    VerifiedPath,
    append_batch,
    leaf_hash,
    left_nodes,
    node_hash,
    verify_inclusion,
    verify_inclusion_after,
)


def mth(leaves: list[bytes]) -> bytes:
    """Merkle Tree Hash, as the RFC defines it."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return node_hash(mth(leaves[:k]), mth(leaves[k:]))


def make(count: int, salt: int = 0) -> list[bytes]:
    return [leaf_hash(b"%d %d" % (salt, number)) for number in range(count)]


def flip(data: bytes, position: int, bits: int) -> bytes:
    at = position % len(data)
    return data[:at] + bytes([data[at] ^ bits]) + data[at + 1 :]


class GrowingLog(RuleBasedStateMachine):
    """One log that grows in every way there is, beside the list of all its leaves."""

    def __init__(self) -> None:
        super().__init__()
        self.leaves: list[bytes] = []
        self.frontier = Frontier()

    def fresh(self, count: int) -> list[bytes]:
        return make(count, salt=len(self.leaves))

    @rule()
    def append(self) -> None:
        (leaf,) = self.fresh(1)
        self.frontier = self.frontier.append(leaf)
        self.leaves.append(leaf)

    @rule(count=st.integers(0, 20))
    def extend(self, count: int) -> None:
        leaves = self.fresh(count)
        self.frontier = self.frontier.extend(leaves)
        self.leaves += leaves

    @rule(count=st.integers(1, 40))
    def append_batch(self, count: int) -> None:
        leaves = self.fresh(count)
        given_leaves = list(leaves)
        before = self.frontier
        self.frontier, root, paths = append_batch(before, leaves)
        assert leaves == given_leaves
        self.leaves += leaves
        size = len(self.leaves)
        assert root == self.frontier.root() == mth(self.leaves)
        assert len(paths) == count
        previous: VerifiedPath | None = None
        frontier = before
        for index, (leaf, path) in enumerate(zip(leaves, paths, strict=True), start=before.size):
            verify_inclusion(leaf, index, size, path, root)
            previous = verify_inclusion_after(leaf, index, size, path, root, previous=previous)
            assert left_nodes(index, path) == frontier.hashes
            frontier = frontier.append(leaf)
        assert frontier == self.frontier

    @rule(data=st.data())
    def prove_an_old_leaf(self, data: st.DataObject) -> None:
        if not self.leaves:
            return
        size = len(self.leaves)
        index = data.draw(st.integers(0, size - 1))
        path = path_from(Frontier(), lambda at, to: self.leaves[at:to], index, size)
        verify_inclusion(self.leaves[index], index, size, path, mth(self.leaves))
        assert left_nodes(index, path) == Frontier().extend(self.leaves[:index]).hashes

    @invariant()
    def the_frontier_is_that_of_the_leaves(self) -> None:
        assert self.frontier.size == len(self.leaves)
        assert len(self.frontier.hashes) == len(self.leaves).bit_count()
        assert Frontier.from_bytes(self.frontier.to_bytes()) == self.frontier
        if self.leaves:
            assert self.frontier.root() == mth(self.leaves)


TestGrowingLog = GrowingLog.TestCase
TestGrowingLog.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(0, 2**62),
    count=st.integers(1, 70),
)
def test_a_batch_on_a_log_of_any_size_is_included(size: int, count: int) -> None:
    before = Frontier(size, tuple(make(size.bit_count(), salt=1)))
    leaves = make(count)
    after, root, paths = append_batch(before, leaves)
    assert after == before.extend(leaves)
    assert after.root() == root
    for index, (leaf, path) in enumerate(zip(leaves, paths, strict=True), start=size):
        verify_inclusion(leaf, index, size + count, path, root)
    assert left_nodes(size, paths[0]) == before.hashes


@settings(max_examples=150, deadline=None)
@given(
    size=st.integers(1, 70),
    indexes=st.lists(st.integers(0, 69), min_size=2, max_size=6),
    data=st.data(),
)
def test_knowing_a_neighbour_accepts_exactly_what_is_accepted_without(
    size: int, indexes: list[int], data: st.DataObject
) -> None:
    leaves = make(size)
    _, root, paths = append_batch(Frontier(), leaves)
    other_root = append_batch(Frontier(), make(size, salt=9))[1]
    previous: VerifiedPath | None = None
    for chosen in indexes:
        index = chosen % size
        leaf, path, top, claimed, length = leaves[index], list(paths[index]), root, index, size
        change = data.draw(
            st.sampled_from(["none", "none", "leaf", "node", "root", "index", "size", "shape"])
        )
        if change == "leaf":
            leaf = flip(leaf, data.draw(st.integers(0, 31)), 1)
        elif change == "node" and path:
            at = data.draw(st.integers(0, len(path) - 1))
            path[at] = flip(path[at], data.draw(st.integers(0, 31)), 128)
        elif change == "root":
            top = other_root
        elif change == "index":
            claimed = data.draw(st.integers(-1, size))
        elif change == "size":
            length = data.draw(st.integers(0, 2 * size))
        elif change == "shape":
            path = data.draw(st.sampled_from([path[1:], path[:-1], [*path, leaf], path[::-1]]))
        try:
            plain = verify_inclusion_after(leaf, claimed, length, path, top, previous=None)
        except ProofError:
            with pytest.raises(ProofError):
                verify_inclusion_after(leaf, claimed, length, path, top, previous=previous)
            continue
        with_neighbour = verify_inclusion_after(leaf, claimed, length, path, top, previous=previous)
        assert with_neighbour == plain
        previous = with_neighbour


@settings(max_examples=150, deadline=None)
@given(
    size=st.integers(1, 70),
    index=st.integers(0, 69),
    byte=st.integers(min_value=0),
    bits=st.integers(1, 255),
)
def test_an_inclusion_with_any_altered_byte_fails(
    size: int, index: int, byte: int, bits: int
) -> None:
    index %= size
    leaves = make(size)
    _, root, paths = append_batch(Frontier(), leaves)
    whole = flip(b"".join((leaves[index], root, *paths[index])), byte, bits)
    leaf, top, *path = (whole[at : at + 32] for at in range(0, len(whole), 32))
    with pytest.raises(ProofError):
        verify_inclusion(leaf, index, size, path, top)
