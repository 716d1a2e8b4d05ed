"""Trees and frontiers (RFC 6962, section 2.1; RFC 9162, section 2.1.3.2; streams.md "Continuity").

A frontier of [0, m) is held as a mapping from where a perfect subtree lies, (first index, level),
to its root. Then "the subtrees that both frontiers contain" is an intersection of keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.conformance.conventions import sha256

Place = tuple[int, int]
Frontier = Mapping[Place, bytes]

EMPTY_ROOT = sha256()


def leaf_hash(value: bytes) -> bytes:
    """The leaf of a sealed value."""
    return sha256(b"\x00", value)


def node_hash(left: bytes, right: bytes) -> bytes:
    """The node above two nodes."""
    return sha256(b"\x01", left, right)


def follow(
    leaf: bytes, index: int, size: int, path: Sequence[bytes]
) -> tuple[bytes, Frontier] | None:
    """Walk an inclusion path from the leaf up.

    Returns:
        The root it leads to and the frontier of [0, index) that it shows on its left-hand side;
        None if the path does not fit the index and size.
    """
    if index >= size:
        return None
    node, last, level, root = index, size - 1, 0, leaf
    left: dict[Place, bytes] = {}
    for sibling in path:
        if last == 0:
            return None
        if node & 1 or node == last:
            while not node & 1:
                node, last, level = node >> 1, last >> 1, level + 1
            left[(node - 1) << level, level] = sibling
            root = node_hash(sibling, root)
        else:
            root = node_hash(root, sibling)
        node, last, level = node >> 1, last >> 1, level + 1
    return (root, left) if last == 0 else None


def append(frontier: Frontier, size: int, leaf: bytes) -> Frontier:
    """The frontier of [0, size + 1) from that of [0, size) and one more leaf."""
    grown = dict(frontier)
    node, level, index = leaf, 0, size
    while index & 1:
        node = node_hash(grown.pop(((index - 1) << level, level)), node)
        index, level = index >> 1, level + 1
    grown[index << level, level] = node
    return grown


def fold(frontier: Frontier) -> bytes:
    """The root of the tree whose frontier this is."""
    root: bytes | None = None
    for place in sorted(frontier, reverse=True):
        root = frontier[place] if root is None else node_hash(frontier[place], root)
    return EMPTY_ROOT if root is None else root


def disagree(one: Frontier, other: Frontier) -> bool:
    """Return True if a subtree that both contain has two roots."""
    return any(one[place] != other[place] for place in one.keys() & other.keys())
