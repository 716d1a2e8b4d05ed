"""Merkle tree of RFC 6962, section 2.1, stored as its frontier and never as a whole tree.

The *frontier* of a log of size n is the list of roots of its perfect subtrees, one for each binary
digit 1 of n, left to right, largest first. The frontier is enough to append, to compute the root
and to produce the inclusion paths of new leaves, so neither a sender nor a reader stores a tree.
The nodes on the left of the path of index m are the frontier of [0, m), so a reader checks
continuity (docs/spec/opening.md, step 4) with the frontier as its only state.

SHA-256 comes from `hashlib` directly and not through `primitives.sha256`: the extra call costs a
quarter of a hash, and these loops are the hot path of every event.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

from broker.errors import ProofError
from contracts.values import value_class

__all__ = [
    "EMPTY_ROOT",
    "HASH_BYTES",
    "MAX_LOG_SIZE",
    "Frontier",
    "VerifiedPath",
    "append_batch",
    "fold",
    "leaf_hash",
    "left_nodes",
    "node_hash",
    "verify_inclusion",
    "verify_inclusion_after",
]

HASH_BYTES: Final = 32
#: Leaves. Indexes, sizes and seconds stay below 2^63 so that every language and SQLite hold them.
MAX_LOG_SIZE: Final = 2**63 - 1
#: The root of a log without leaves: SHA-256 of nothing (RFC 6962, section 2.1).
EMPTY_ROOT: Final = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """H(0x00 || data), 32 bytes."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """H(0x01 || left || right) of two 32-byte hashes, 32 bytes."""
    return sha256(b"\x01" + left + right).digest()


@value_class(frozen=True, slots=True)
class Frontier:
    """The frontier of a log of `size` leaves: the roots of its perfect subtrees.

    Attributes:
        size: number of leaves in the log.
        hashes: 32 bytes each, left to right (largest subtree first), one per set bit of `size`.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def append(self, leaf: bytes) -> Frontier:
        """Return the frontier after one more leaf hash.

        Raises:
            ProofError: `frontier_malformed`, the leaf hash is not 32 bytes or the log is full.
        """
        size = self.size
        if len(leaf) != HASH_BYTES or size >= MAX_LOG_SIZE:
            raise ProofError("A leaf hash is 32 bytes.", code="frontier_malformed")
        hashes = self.hashes
        keep = len(hashes)
        level = size
        while level & 1:
            keep -= 1
            leaf = sha256(b"\x01" + hashes[keep] + leaf).digest()
            level >>= 1
        return Frontier(size + 1, (*hashes[:keep], leaf))

    def extend(self, leaves: Sequence[bytes]) -> Frontier:
        """Return the frontier after `leaves` (leaf hashes in order), at one hash per leaf.

        Raises:
            ProofError: `frontier_malformed`, a leaf hash is not 32 bytes or the log is full.
        """
        _require_hashes(leaves, self.size)
        kept = list(self.hashes)
        added: list[bytes] = []
        nodes = list(leaves)
        first = self.size
        while nodes:
            if first & 1:
                nodes.insert(0, kept.pop())
            if len(nodes) & 1:
                added.append(nodes.pop())
            nodes = _parents(nodes)
            first >>= 1
        return Frontier(self.size + len(leaves), (*kept, *reversed(added)))

    def root(self) -> bytes:
        """Return the root of the whole log, 32 bytes."""
        return fold(self)

    def to_bytes(self) -> bytes:
        """Return be64 size, then the hashes in order: 8 + 32 x (set bits of size) bytes."""
        return self.size.to_bytes(8, "big") + b"".join(self.hashes)

    @classmethod
    def from_bytes(cls, data: bytes) -> Frontier:
        """The inverse of `to_bytes`.

        Raises:
            ProofError: `frontier_malformed`.
        """
        size = int.from_bytes(data[:8], "big")
        if size > MAX_LOG_SIZE or len(data) != 8 + HASH_BYTES * size.bit_count():
            raise ProofError(
                "The stored bytes are not the frontier of a log.", code="frontier_malformed"
            )
        starts = range(8, len(data), HASH_BYTES)
        return cls(size, tuple(data[start : start + HASH_BYTES] for start in starts))


def fold(frontier: Frontier) -> bytes:
    """Return the root of the log that `frontier` describes, 32 bytes."""
    if not frontier.hashes:
        return EMPTY_ROOT
    *larger, root = frontier.hashes
    for node in reversed(larger):
        root = sha256(b"\x01" + node + root).digest()
    return root


def append_batch(
    frontier: Frontier, leaves: Sequence[bytes]
) -> tuple[Frontier, bytes, list[tuple[bytes, ...]]]:
    """Append leaf hashes and return the inclusion path of each in the resulting tree.

    The function builds the new nodes level by level from the frontier, with the one old node to the
    left that the first new node may need. It then builds the paths from the root down, so that
    leaves share upper nodes: O(n + log size) hashes and O(n log size) copied references in all.

    Args:
        frontier: the log before.
        leaves: 32-byte leaf hashes in order, at least one.

    Returns:
        The new frontier, its root, and one path per leaf from its sibling up to the root's child.

    Raises:
        ProofError: `frontier_malformed`, no leaf, a leaf hash is not 32 bytes, or the log is full.
    """
    if not leaves:
        raise ProofError("A batch has at least one leaf.", code="frontier_malformed")
    _require_hashes(leaves, frontier.size)
    if len(leaves) == 1:
        return _append_one(frontier, leaves[0])
    old_size, size = frontier.size, frontier.size + len(leaves)
    kept = list(frontier.hashes)
    after: list[bytes] = []
    levels: list[list[bytes]] = []  # the even-indexed start of level k is (old_size >> k) & ~1
    nodes = list(leaves)
    for level in range((size - 1).bit_length()):
        if (old_size >> level) & 1:
            nodes.insert(0, kept.pop())
        levels.append(nodes)
        start = (old_size >> level) & ~1
        if (size >> level) & 1:
            after.append(nodes[(size >> level) - 1 - start])
        above = _parents(nodes)
        if len(nodes) & 1:  # RFC 6962: a last node without a sibling moves up unchanged
            above.append(nodes[-1])
        nodes = above
    if size & (size - 1) == 0:  # a perfect tree: its root is its whole frontier
        after.append(nodes[0])
    return Frontier(size, tuple(reversed(after))), nodes[0], _paths(levels, old_size)


def _append_one(frontier: Frontier, leaf: bytes) -> tuple[Frontier, bytes, list[tuple[bytes, ...]]]:
    """Append one leaf: the frontier holds every other node on its way to the root."""
    path = frontier.hashes[::-1]
    root = leaf
    for node in path:
        root = sha256(b"\x01" + node + root).digest()
    return frontier.append(leaf), root, [path]


def _paths(levels: list[list[bytes]], old_size: int) -> list[tuple[bytes, ...]]:
    """Return the inclusion paths of the leaves from `old_size` on, built from the root down."""
    paths: list[tuple[bytes, ...]] = [()]
    for level in range(len(levels) - 1, -1, -1):
        nodes = levels[level]
        first = old_size >> level
        start = first & ~1
        above_first = first >> 1
        count = len(nodes)
        lower = []
        for position in range(first - start, count):
            path = paths[((start + position) >> 1) - above_first]
            sibling = position ^ 1
            lower.append((nodes[sibling], *path) if sibling < count else path)
        paths = lower
    return paths


def _parents(nodes: list[bytes]) -> list[bytes]:
    """Return the parents of each pair; a last node without a partner has none."""
    pairs = iter(nodes)
    return [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs)]  # noqa: B905 - an odd last node is left out on purpose


def _require_hashes(leaves: Iterable[bytes], size: int) -> None:
    lengths = list(map(len, leaves))
    if lengths.count(HASH_BYTES) != len(lengths) or size + len(lengths) > MAX_LOG_SIZE:
        raise ProofError("A leaf hash is 32 bytes.", code="frontier_malformed")


# --- inclusion (RFC 6962, section 2.1.1; RFC 9162, section 2.1.3.2) -------------------------------


@value_class(frozen=True, slots=True)
class VerifiedPath:
    """A verified inclusion path, kept so that the next path of the same tree costs less.

    Attributes:
        nodes: the node at each of the `inner` lowest levels above the leaf, leaf first.
        inner: the levels, from the leaf up, at which the path has a sibling at every level.
    """

    index: int
    size: int
    root: bytes
    path: tuple[bytes, ...]
    nodes: tuple[bytes, ...]
    inner: int


def verify_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> None:
    """Check that `leaf` is at `index` of the log of `size` leaves with this `root`.

    Args:
        leaf: the 32-byte leaf hash.
        index: index of the leaf, from 0.
        size: number of leaves.
        path: 32-byte hashes from the leaf's sibling up to the root's child.
        root: 32 bytes.

    Raises:
        ProofError: `inclusion_invalid`.
    """
    verify_inclusion_after(leaf, index, size, path, root, previous=None)


def verify_inclusion_after(
    leaf: bytes,
    index: int,
    size: int,
    path: Sequence[bytes],
    root: bytes,
    *,
    previous: VerifiedPath | None,
) -> VerifiedPath:
    """Verify an inclusion, at less cost if `previous` has the same size and root.

    Two leaves of one tree share every node above the level where their indexes differ. If both
    paths are equal above that level, and this leaf hashes up to the same node there, the rest is
    already verified. This costs two hashes on average within a batch, not one per level. The
    function accepts exactly what `verify_inclusion` accepts.

    Raises:
        ProofError: `inclusion_invalid`.
    """
    path = tuple(path)
    if not 0 <= index < size <= MAX_LOG_SIZE or len(leaf) != HASH_BYTES:
        raise _not_included()
    # Below `inner` the leaf and the tree's right edge are in different subtrees, so each level has
    # a sibling. Above it the leaf's subtree is the right edge, and siblings are only on the left.
    inner = (index ^ (size - 1)).bit_length()
    lengths = list(map(len, path))
    if len(lengths) != inner + (index >> inner).bit_count() or lengths.count(HASH_BYTES) != len(
        lengths
    ):
        raise _not_included()
    climb = inner
    if previous is not None and previous.size == size and previous.root == root:
        parting = (index ^ previous.index).bit_length()
        # Strictly below, so that both leaves have the same `inner` and the same levels above. Root
        # and path alone would prove it; comparing the size keeps the argument simple.
        if parting < previous.inner and path[parting:] == previous.path[parting:]:
            climb = parting
    node = leaf
    nodes = [leaf]
    bits = index
    for sibling in path[:climb]:
        if bits & 1:
            node = sha256(b"\x01" + sibling + node).digest()
        else:
            node = sha256(b"\x01" + node + sibling).digest()
        nodes.append(node)
        bits >>= 1
    if climb < inner:
        assert previous is not None
        if node != previous.nodes[climb]:
            raise _not_included()
        return VerifiedPath(index, size, root, path, (*nodes, *previous.nodes[climb + 1 :]), inner)
    for sibling in path[inner:]:
        node = sha256(b"\x01" + sibling + node).digest()
    if node != root:
        raise _not_included()
    return VerifiedPath(index, size, root, path, tuple(nodes), inner)


def left_nodes(index: int, path: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the nodes of an inclusion path to the leaf's left: the frontier of [0, index).

    The path must be verified; its left nodes are then those that the signer committed to.

    Returns:
        As `Frontier.hashes`, left to right.

    Raises:
        ProofError: `inclusion_invalid`, the path is too short for the index.
    """
    right = len(path) - index.bit_count()
    if right < 0:
        raise _not_included()
    left: list[bytes] = []
    for node in path:
        # Every right-hand sibling is below every level without one, so the remaining nodes are on
        # the left.
        if right and not index & 1:
            right -= 1
        else:
            left.append(node)
        index >>= 1
    left.reverse()
    return tuple(left)


def _not_included() -> ProofError:
    return ProofError(
        "The proof does not show this leaf at this index under this checkpoint.",
        code="inclusion_invalid",
    )
