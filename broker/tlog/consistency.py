"""Consistency proofs between two heads of one log, computed from stored leaves.

It implements RFC 6962, section 2.1.2, and the verification of RFC 9162, section 2.1.4.2. A sender's
own log does not need these proofs while it grows (`merkle.append_batch`). Receipts, the disclosure
log and the judge of a dispute do. Leaves are read in chunks through a function, so a long log is
never in memory as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from broker.tlog.errors import ProofError
from broker.tlog.merkle import EMPTY_ROOT, HASH_BYTES, MAX_LOG_SIZE, Frontier, node_hash

__all__ = [
    "LeafSource",
    "consistency_proof",
    "inclusion_proof",
    "subtree_root",
    "verify_consistency",
]

#: Returns the leaf hashes with start <= index < stop, in order.
LeafSource = Callable[[int, int], Sequence[bytes]]

_CHUNK_LEAVES: Final = 4096


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


def inclusion_proof(leaves: LeafSource, index: int, size: int) -> tuple[bytes, ...]:
    """Return the path of `index` in the log of `size` leaves, for `merkle.verify_inclusion`.

    Raises:
        ProofError: `inclusion_invalid`, the index does not exist; `frontier_malformed` as
            `subtree_root`.
    """
    if not 0 <= index < size:
        raise ProofError("The log has no such index.", code="inclusion_invalid")
    path: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            path.append(subtree_root(leaves, middle, stop))
            stop = middle
        else:
            path.append(subtree_root(leaves, start, middle))
            start = middle
    return tuple(reversed(path))


def consistency_proof(leaves: LeafSource, old_size: int, new_size: int) -> tuple[bytes, ...]:
    """Return the proof that the first `old_size` of `new_size` leaves are unchanged.

    The proof is empty for an empty old log or equal sizes.

    Raises:
        ProofError: `consistency_invalid`, the sizes are not ordered; `frontier_malformed` as
            `subtree_root`.
    """
    if not 0 <= old_size <= new_size:
        raise ProofError("A log cannot become shorter.", code="consistency_invalid")
    if old_size in (0, new_size):
        return ()
    proof: list[bytes] = []
    start, stop = 0, new_size
    old_is_subtree = True  # RFC 6962's b: the old root itself is known to the verifier
    while old_size - start != stop - start:
        middle = start + _split(stop - start)
        if old_size <= middle:
            proof.append(subtree_root(leaves, middle, stop))
            stop = middle
        else:
            proof.append(subtree_root(leaves, start, middle))
            start = middle
            old_is_subtree = False
    if not old_is_subtree:
        proof.append(subtree_root(leaves, start, stop))
    return tuple(reversed(proof))


def verify_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the log of `new_size` leaves begins with the log of `old_size` leaves.

    Sizes and roots must come from signed checkpoints: a root does not commit to its size, so one
    proof may fit several pairs of sizes.

    Args:
        old_size: leaves of the older head; 0 is consistent with everything.
        old_root: 32 bytes.
        new_size: leaves of the newer head.
        new_root: 32 bytes.
        proof: 32-byte hashes as `consistency_proof` orders them.

    Raises:
        ProofError: `consistency_invalid`.
    """
    if not 0 <= old_size <= new_size <= MAX_LOG_SIZE or any(
        len(node) != HASH_BYTES for node in (old_root, new_root, *proof)
    ):
        raise _inconsistent()
    if old_size in (0, new_size):
        expected = EMPTY_ROOT if old_size == 0 else new_root
        if proof or old_root != expected or (new_size == 0 and new_root != EMPTY_ROOT):
            raise _inconsistent()
        return
    # RFC 9162, section 2.1.4.2; a perfect old tree is itself the first node of the proof
    nodes = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    if not nodes:
        raise _inconsistent()
    last_old, last_new = old_size - 1, new_size - 1
    while last_old & 1:
        last_old >>= 1
        last_new >>= 1
    old_node = new_node = nodes[0]
    for node in nodes[1:]:
        if last_new == 0:
            raise _inconsistent()
        if last_old & 1 or last_old == last_new:
            old_node = node_hash(node, old_node)
            new_node = node_hash(node, new_node)
            while last_old and not last_old & 1:
                last_old >>= 1
                last_new >>= 1
        else:
            new_node = node_hash(new_node, node)
        last_old >>= 1
        last_new >>= 1
    if last_new or old_node != old_root or new_node != new_root:
        raise _inconsistent()


def _split(count: int) -> int:
    """Return the largest power of two below `count` (RFC 6962: k)."""
    return 1 << ((count - 1).bit_length() - 1)


def _inconsistent() -> ProofError:
    return ProofError(
        "The proof does not show that the newer log begins with the older one.",
        code="consistency_invalid",
    )
