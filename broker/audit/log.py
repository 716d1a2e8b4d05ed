"""Disclosure log: appending, and signing its head.

It is a Merkle log (RFC 6962) over salted entries: leaf = H(0x00 || H(lp("concordant/1/disclosure",
salt, entry))). The salt allows a leaf to be shown to another party without the entry being guessed.
Appending needs no key, so it happens in the same transaction as the action. The next process with
the stream key signs a checkpoint, which covers everything before it. Its head goes out with the
heartbeats, and other agencies keep it; this makes alterations detectable. Limits: in entries that
no checkpoint covers yet, only damage is detected, not forgery. Entries that were cut off together
with their checkpoints are detected only with the heads that others kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from broker.audit.entries import NewLogEntry, format_entry
from broker.envelope.primitives import lp, random_bytes, sha256
from broker.errors import DisclosureLogError, ProofError
from broker.store.rows import DisclosureCheckpointRow, DisclosureRow
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import Checkpoint
from broker.tlog.merkle import EMPTY_ROOT, Frontier, leaf_hash

SALT_BYTES: Final = 32

_LABEL: Final = b"concordant/1/disclosure"
_FRONTIER: Final = "disclosures.frontier"

CheckpointSigner = Callable[[int, Checkpoint], bytes]
"""(time in s, checkpoint) -> signed note: `partial(signed_checkpoint, note_signer)`."""


@dataclass(frozen=True, slots=True)
class LogHead:
    """Size and root of the log, and the size up to which a checkpoint is signed."""

    size: int
    root: bytes
    signed_size: int

    @property
    def covered(self) -> bool:
        """Return whether a signed head covers every entry."""
        return self.signed_size >= self.size

    def covers(self, index: int) -> bool:
        """Return whether a signed head covers an entry."""
        return index < self.signed_size


def log_origin(deployment: str, agency: str) -> str:
    """Return the log's name in checkpoints.

    It has three parts, so it never equals a stream's name.
    """
    return f"{deployment}/{agency}/disclosures"


def entry_leaf(salt: bytes, entry: bytes) -> bytes:
    """Return the leaf hash of an entry under its salt, 32 bytes."""
    return leaf_hash(sha256(lp(_LABEL, salt, entry)))


def append_entries(tx: Transaction, entries: Sequence[NewLogEntry]) -> Frontier:
    """Append `entries` in the caller's transaction, with three SQL statements in all.

    Returns:
        The frontier of the log after them.

    Raises:
        DisclosureLogError: `log_entry_invalid`; `log_head_altered` if the stored head is damaged.
        StoreError: as the transaction; at its end `store_conflict` if the stored head is too small.
    """
    frontier = _kept_frontier(tx)
    rows = []
    for index, entry in enumerate(entries, frontier.size):
        text = format_entry(entry)
        salt = random_bytes(SALT_BYTES)
        leaf = entry_leaf(salt, text)
        rows.append(
            DisclosureRow(index, entry.time_ms, entry.kind, entry.case_key, salt, text, leaf)
        )
    if rows:
        tx.disclosures.append(rows)
        frontier = frontier.extend([row.leaf for row in rows])
        tx.meta.set(_FRONTIER, frontier.to_bytes())
    return frontier


def sign_head(tx: Transaction, origin: str, sign: CheckpointSigner, now: int) -> LogHead:
    """Sign the head if anything was appended since the last checkpoint.

    Args:
        tx: a write transaction.
        origin: `log_origin(...)`.
        sign: makes the signed note.
        now: ms since the Unix epoch; the checkpoint's time is never before the last one's.
    """
    frontier = stored_frontier(tx)
    last = tx.disclosures.last_checkpoint()
    if frontier.size == 0 or (last is not None and last.size >= frontier.size):
        return _head(tx, frontier)
    time_s = max(now // 1000, 0 if last is None else last.time_s)
    checkpoint = Checkpoint(origin, frontier.size, frontier.root())
    text = sign(time_s, checkpoint)
    tx.disclosures.add_checkpoint(
        DisclosureCheckpointRow(checkpoint.size, checkpoint.root, time_s, text)
    )
    return LogHead(checkpoint.size, checkpoint.root, checkpoint.size)


def stored_frontier(tx: Transaction) -> Frontier:
    """Return the stored frontier, from which the next entry is appended.

    Raises:
        DisclosureLogError: `log_head_altered`: it is damaged, or covers fewer entries than exist.
    """
    frontier = _kept_frontier(tx)
    if frontier.size < tx.disclosures.size():
        raise _head_altered()
    return frontier


def _kept_frontier(tx: Transaction) -> Frontier:
    kept = tx.meta.get(_FRONTIER)
    try:
        return Frontier() if kept is None else Frontier.from_bytes(kept)
    except ProofError:
        raise _head_altered() from None


def _head(tx: Transaction, frontier: Frontier) -> LogHead:
    last = tx.disclosures.last_checkpoint()
    root = frontier.root() if frontier.size else EMPTY_ROOT
    return LogHead(frontier.size, root, 0 if last is None else last.size)


def _head_altered() -> DisclosureLogError:
    return DisclosureLogError(
        "The stored head does not match the entries.", code="log_head_altered"
    )
