"""Disclosure log: appending, signing its head, and verification.

It is a Merkle log (RFC 6962) over salted entries: leaf = H(0x00 || H(lp("concordant/1/disclosure",
salt, entry))). The salt allows a leaf to be shown to another party without the entry being guessed.
Appending needs no key, so it happens in the same transaction as the action. The next process with
the stream key signs a checkpoint, which covers everything before it. Its head goes out with the
heartbeats, and other agencies keep it; this makes alterations detectable. Limits: in entries that
no checkpoint covers yet, only damage is detected, not forgery. Entries that were cut off together
with their checkpoints are detected only with the heads that others kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from broker.audit.entries import Entry, format_entry, parse_entry
from broker.envelope.primitives import lp, random_bytes, sha256
from broker.errors import DisclosureLogError, NoteError, ProofError
from broker.store.rows import DisclosureCheckpointRow, DisclosureRow
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import Checkpoint
from broker.tlog.cosignature import SignedCheckpoint, parse_signed_checkpoint
from broker.tlog.merkle import EMPTY_ROOT, Frontier, leaf_hash

SALT_BYTES: Final = 32

_LABEL: Final = b"concordant/1/disclosure"
_FRONTIER: Final = "disclosures.frontier"
_PAGE_ROWS: Final = 1000

CheckpointSigner = Callable[[int, Checkpoint], bytes]
"""(time in s, checkpoint) -> signed note: `partial(signed_checkpoint, note_signer)`."""

CheckpointVerifier = Callable[[SignedCheckpoint], None]
"""Raises NoteError unless a stream key of this agency, valid at that time, signed it."""


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


def append_entries(tx: Transaction, entries: Sequence[Entry]) -> Frontier:
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
    frontier = _frontier(tx)
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


def verify_log(
    tx: Transaction,
    origin: str,
    verify: CheckpointVerifier,
    witnessed: Iterable[tuple[int, bytes]] = (),
) -> LogHead:
    """Recompute every leaf and every signed head from the entries.

    Args:
        tx: any transaction.
        origin: `log_origin(...)`.
        verify: checks a checkpoint's signature.
        witnessed: (size, root) heads that other agencies kept from heartbeats, if available; they
            reveal a log that was rewritten and signed again with the stream key.

    Raises:
        DisclosureLogError: `log_entry_altered` or `log_entry_missing` with the first bad entry,
            `log_range_altered`, `log_checkpoint_invalid` or `log_head_altered`.
    """
    signed_size, expected = _signed_heads(tx, origin, verify)
    for size, root in witnessed:
        if size:  # every empty log has the same head
            expected.setdefault(size, set()).add(root)
    pending = sorted(expected)
    frontier = Frontier()
    trusted = 0  # entries below this are covered by a head that matched
    rows = tx.disclosures.read(0, _PAGE_ROWS)
    while rows:
        for row in rows:
            _verify_row(row, frontier.size)
            frontier = frontier.append(row.leaf)
            if pending and pending[0] == frontier.size:
                if expected[pending.pop(0)] != {frontier.root()}:
                    raise DisclosureLogError(
                        f"The entries do not lead to the signed head: an entry from {trusted} "
                        f"to {frontier.size - 1} was altered together with its hash.",
                        code="log_range_altered",
                        index=trusted,
                    )
                trusted = frontier.size
        rows = tx.disclosures.read(rows[-1].index + 1, _PAGE_ROWS)
    if pending:
        raise _missing(frontier.size)
    kept = _frontier(tx)
    if kept.size > frontier.size:
        raise _missing(frontier.size)
    if kept != frontier:
        raise DisclosureLogError(
            "The stored head does not match the entries.",
            code="log_head_altered",
            index=min(kept.size, frontier.size),
        )
    return LogHead(frontier.size, frontier.root(), signed_size)


def _signed_heads(
    tx: Transaction, origin: str, verify: CheckpointVerifier
) -> tuple[int, dict[int, set[bytes]]]:
    heads: dict[int, set[bytes]] = {}
    size, time_s = 0, 0
    for row in tx.disclosures.checkpoints():
        try:
            signed = parse_signed_checkpoint(row.text)
            verify(signed)
        except NoteError as error:
            raise _bad_checkpoint(row.size, f"its signature is not valid ({error.code})") from None
        if signed.checkpoint != Checkpoint(origin, row.size, row.root):
            raise _bad_checkpoint(row.size, "its text differs from its row")
        if signed.line.timestamp != row.time_s or row.time_s < time_s:
            raise _bad_checkpoint(row.size, "its time is before that of the previous one")
        size, time_s = row.size, row.time_s
        heads[size] = {row.root}
    return size, heads


def _verify_row(row: DisclosureRow, expected_index: int) -> None:
    if row.index != expected_index:
        raise _missing(expected_index)
    altered = DisclosureLogError(
        "The entry differs from what was written.", code="log_entry_altered", index=row.index
    )
    # SQLite stores a value of any type, also a text in place of bytes
    if any(not isinstance(part, bytes) for part in (row.salt, row.entry, row.leaf)):
        raise altered
    if len(row.salt) != SALT_BYTES or entry_leaf(row.salt, row.entry) != row.leaf:
        raise altered
    try:
        entry = parse_entry(row.entry)
    except DisclosureLogError:
        raise altered from None
    # Queries use these columns, so they must match the entry.
    if (entry.time_ms, entry.kind, entry.case_key) != (row.time_ms, row.kind, row.case_key):
        raise altered


def _frontier(tx: Transaction) -> Frontier:
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


def _missing(index: int) -> DisclosureLogError:
    return DisclosureLogError("The entry was removed.", code="log_entry_missing", index=index)


def _head_altered() -> DisclosureLogError:
    return DisclosureLogError(
        "The stored head does not match the entries.", code="log_head_altered"
    )


def _bad_checkpoint(size: int, rule: str) -> DisclosureLogError:
    return DisclosureLogError(
        f"The checkpoint of size {size} differs from what was signed: {rule}.",
        code="log_checkpoint_invalid",
    )
