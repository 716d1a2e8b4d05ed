"""Every log of up to 18 leaves, however it grew, against RFC 6962, section 2.1, written out."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import pytest

from broker.audit.inclusion import path_from, subtree_root
from broker.tlog import merkle
from broker.tlog.merkle import (
    MAX_LOG_SIZE,
    Frontier,
    VerifiedPath,
    append_batch,
    fold,
    leaf_hash,
    left_nodes,
    node_hash,
    verify_inclusion,
    verify_inclusion_after,
)

LARGEST = 18


def leaf(number: int) -> bytes:
    return sha256(b"\x00%d" % number).digest()


def leaves(start: int, stop: int) -> list[bytes]:
    return [leaf(number) for number in range(start, stop)]


def pair(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def split(count: int) -> int:
    return max(2**k for k in range(10) if 2**k < count)


def mth(nodes: Sequence[bytes]) -> bytes:
    """MTH(D[n])."""
    if len(nodes) == 1:
        return nodes[0]
    k = split(len(nodes))
    return pair(mth(nodes[:k]), mth(nodes[k:]))


def path(index: int, nodes: Sequence[bytes]) -> list[bytes]:
    """PATH(m, D[n])."""
    if len(nodes) == 1:
        return []
    k = split(len(nodes))
    if index < k:
        return [*path(index, nodes[:k]), mth(nodes[k:])]
    return [*path(index - k, nodes[k:]), mth(nodes[:k])]


def test_the_two_hashes_have_the_prefixes_of_the_rfc() -> None:
    assert leaf_hash(b"12") == sha256(b"\x0012").digest() == leaf(12)
    assert node_hash(leaf(1), leaf(2)) == pair(leaf(1), leaf(2))


@pytest.mark.parametrize("old", range(LARGEST))
def test_a_batch_on_every_log_gives_root_frontier_and_paths(old: int) -> None:
    before = Frontier().extend(leaves(0, old))
    for size in range(old + 1, LARGEST + 1):
        after, root, paths = append_batch(before, leaves(old, size))
        everything = leaves(0, size)
        assert root == fold(after) == mth(everything)
        assert [list(found) for found in paths] == [path(i, everything) for i in range(old, size)]
        assert after == before.extend(leaves(old, size))
        assert after.size == size
        assert after.hashes == tuple(
            mth(everything[size >> k + 1 << k + 1 :][: 1 << k])
            for k in range(size.bit_length() - 1, -1, -1)
            if size >> k & 1
        )
        one_by_one = before
        for number in range(old, size):
            assert left_nodes(number, paths[number - old]) == one_by_one.hashes
            one_by_one = one_by_one.append(leaf(number))
        assert one_by_one == after
        assert Frontier.from_bytes(after.to_bytes()) == after


@pytest.mark.parametrize("size", range(1, LARGEST + 1))
def test_proofs_from_stored_leaves_are_those_of_the_rfc(size: int) -> None:
    everything = leaves(0, size)
    for index in range(size):
        assert list(path_from(Frontier(), leaves, index, size)) == path(index, everything)
        assert subtree_root(leaves, index, size) == mth(everything[index:])


def spending(
    monkeypatch: pytest.MonkeyPatch,
    index: int,
    size: int,
    steps: list[bytes],
    root: bytes,
    previous: VerifiedPath,
) -> int:
    """Number of hashes to verify this leaf after that one."""
    calls: list[bytes] = []

    def counted(data: bytes) -> object:
        calls.append(data)
        return sha256(data)

    with monkeypatch.context() as patch:
        patch.setattr(merkle, "sha256", counted)
        verify_inclusion_after(leaf(index), index, size, steps, root, previous=previous)
    return len(calls)


@pytest.mark.parametrize("size", [2, 3, 7, 8, 13])
def test_a_neighbour_spares_the_hashes_above_where_both_part(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    everything = leaves(0, size)
    root = mth(everything)
    for known in range(size):
        hop = verify_inclusion_after(
            leaf(known), known, size, path(known, everything), root, previous=None
        )
        assert (hop.index, hop.size, hop.root) == (known, size, root)
        assert hop.nodes[0] == leaf(known)
        for index in range(size):
            steps = path(index, everything)
            alone = verify_inclusion_after(leaf(index), index, size, steps, root, previous=None)
            both = verify_inclusion_after(leaf(index), index, size, steps, root, previous=hop)
            assert both == alone
            parting = (index ^ known).bit_length()
            shared = parting < hop.inner
            spent = spending(monkeypatch, index, size, steps, root, hop)
            assert spent == (parting if shared else len(steps))
            # What was learnt with a neighbour serves the next as well as what was learnt without
            assert verify_inclusion_after(leaf(known), known, size, hop.path, root, previous=both)


def test_a_neighbour_of_another_log_or_size_spares_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    everything = leaves(0, 8)
    root, steps = mth(everything), path(3, everything)
    hop = verify_inclusion_after(leaf(2), 2, 8, path(2, everything), root, previous=None)
    for other in (
        VerifiedPath(hop.index, 9, hop.root, hop.path, hop.nodes, hop.inner),
        VerifiedPath(hop.index, 8, leaf(0), hop.path, hop.nodes, hop.inner),
    ):
        assert spending(monkeypatch, 3, 8, steps, root, other) == len(steps)


def test_the_largest_log_has_a_last_leaf_a_frontier_and_a_stored_form() -> None:
    # Its last leaf has only left-hand neighbours: the frontier before it
    left = [leaf(number) for number in range((MAX_LOG_SIZE - 1).bit_count())]
    full, root, (steps,) = append_batch(Frontier(MAX_LOG_SIZE - 1, tuple(left)), [leaf(99)])
    verify_inclusion(leaf(99), MAX_LOG_SIZE - 1, MAX_LOG_SIZE, steps, root)
    assert full.size == MAX_LOG_SIZE
    assert Frontier.from_bytes(full.to_bytes()) == full
    assert Frontier(MAX_LOG_SIZE - 1, tuple(left)).extend([leaf(99)]) == full
    two_before = Frontier(MAX_LOG_SIZE - 2, (*left[:-1], leaf(7)))
    assert append_batch(two_before, leaves(0, 2))[0].size == MAX_LOG_SIZE
