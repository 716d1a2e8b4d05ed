"""Inclusion path under a later head, from the stored leaves and one known frontier.

docs/spec/evidence.md, "Path". A reader that started in the middle of a stream has no leaf below its
start, but the frontier there replaces them: every subtree of a path that begins below the start
consists of the frontier's own nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from broker.errors import ProofError
from broker.tlog.merkle import Frontier

LeafSource = Callable[[int, int], Sequence[bytes]]
"""Returns the leaf hashes with start <= index < stop, in order."""

_CHUNK_LEAVES: Final = 4096


def path_from(base: Frontier, leaves: LeafSource, index: int, size: int) -> tuple[bytes, ...]:
    """Return the path of `index` in the log of `size` leaves, for `merkle.verify_inclusion`.

    Args:
        base: the frontier of [0, base.size), with base.size <= index; empty for a whole log.
        leaves: returns leaf hashes from base.size on.
        index: from 0.
        size: above `index`.

    Raises:
        ProofError: `inclusion_invalid`, no such index; `frontier_malformed`, leaves are missing.
    """
    if not base.size <= index < size:
        raise ProofError("The log has no such index.", code="inclusion_invalid")
    path: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + (1 << ((stop - start - 1).bit_length() - 1))  # RFC 6962: k
        if index < middle:
            path.append(subtree_root(leaves, middle, stop))  # above the index, so above the base
            stop = middle
        else:
            path.append(_left_subtree(base, leaves, start, middle))
            start = middle
    return tuple(reversed(path))


def subtree_root(leaves: LeafSource, start: int, stop: int) -> bytes:
    """Return the RFC 6962 hash of the leaves from `start` up to `stop`, 32 bytes.

    Raises:
        ProofError: `frontier_malformed`, the source did not return that many 32-byte hashes.
    """
    frontier = Frontier()
    for first in range(start, stop, _CHUNK_LEAVES):
        frontier = frontier.extend(leaves(first, min(first + _CHUNK_LEAVES, stop)))
    if frontier.size != stop - start:
        raise ProofError("Leaves of this log are missing.", code="frontier_malformed")
    return frontier.root()


def _left_subtree(base: Frontier, leaves: LeafSource, start: int, stop: int) -> bytes:
    """Return the hash of the perfect subtree [start, stop), which the base may partly cover.

    Its start is a multiple of twice its size, so the frontier's nodes from there on are those of
    the lower digits of base.size.
    """
    if start >= base.size:
        return subtree_root(leaves, start, stop)
    first = (base.size >> (stop - start).bit_length()).bit_count()
    if stop <= base.size:
        return base.hashes[first]
    grown = Frontier(base.size - start, base.hashes[first:])
    for at in range(base.size, stop, _CHUNK_LEAVES):
        grown = grown.extend(leaves(at, min(at + _CHUNK_LEAVES, stop)))
    if grown.size != stop - start:
        raise ProofError("Leaves of this log are missing.", code="frontier_malformed")
    return grown.root()
