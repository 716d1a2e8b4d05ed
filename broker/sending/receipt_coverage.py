"""Receipt coverage: the part of a stream that all readers have confirmed (docs/spec/receipts.md).

A sender uses it with its own archive before it replaces a revoked key: records that all readers had
confirmed need not be published again (broker/sending/recovery.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from broker.sending.streams import Stream
from broker.store.rows import GenerationRow
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import GenerationPlace
from broker.tlog.proof import parse_proof

Believed = Callable[[bytes, int], bool]
"""(receipt, ms) -> whether it is trusted and older than that (`KeyResolver.receipt_believed`)."""


def confirmed_position(
    tx: Transaction,
    stream: Stream,
    chain: list[GenerationRow],
    readers: Collection[str],
    believed: Believed,
    since: int,
) -> tuple[int, int]:
    """Return the position that every reader had confirmed: (place in the chain, size).

    A receipt covers all generations up to its own (docs/spec/receipts.md). A receipt over a root
    that is not ours does not count for our records: its signer may have an attacker's. An untrusted
    one does not count at all: an attacker with the reader's receipt key may have signed it.
    """
    waiting = set(readers)
    oldest = (0, chain[0].size)  # the minimum over all readers; later in the chain is older
    for at, row in enumerate(chain):
        sizes = _sizes(tx, stream, row, waiting, believed, since)
        waiting -= sizes.keys()
        if sizes:
            oldest = (at, min(sizes.values()))
    return (len(chain) - 1, 0) if waiting else oldest


def _sizes(
    tx: Transaction,
    stream: Stream,
    row: GenerationRow,
    readers: Collection[str],
    believed: Believed,
    since: int,
) -> dict[str, int]:
    """Return the greatest size of a generation that each reader had confirmed."""
    origin = stream.log(row.name).origin(stream.deployment)
    ours: dict[int, bytes | None] = {}
    sizes: dict[str, int] = {}
    for receipt in tx.receipts.from_size(origin.format(), 1):  # sizes rise
        if receipt.cosigner in readers and believed(receipt.text, since):
            if receipt.size not in ours:
                ours[receipt.size] = signed_root(tx, stream.log(row.name), receipt.size)
            if ours[receipt.size] == receipt.root:
                sizes[receipt.cosigner] = receipt.size
    return sizes


def signed_root(tx: Transaction, log: GenerationPlace, size: int) -> bytes | None:
    """Return the root that we signed for a size of an own log; None if we signed none."""
    for found in tx.outbox.archived(log, size - 1, size - 1):
        assert found.proof is not None
        checkpoint = parse_proof(found.proof).checkpoint
        if checkpoint.size == size:
            return checkpoint.root
    return None


def place_at(
    tx: Transaction, stream: Stream, row: GenerationRow, size: int
) -> GenerationRow | None:
    """Return a generation as if it ended at ``size``; at 0 the end of the one before it."""
    if size == row.size:
        return row
    if size:
        root = signed_root(tx, stream.log(row.name), size)
        assert root is not None
        return replace(row, size=size, root=root)
    if not row.predecessor:
        return None
    return replace(row, name=row.predecessor, size=row.predecessor_size, root=row.predecessor_root)
