"""Verification of the disclosure log: every leaf, every signed head, and the stored head.

A process that shows many pages remembers the part that it has verified (`RememberedLog`). Then only
later entries and heads are verified. This quick look notices, at once:

- a log that became shorter than the remembered part, and a damaged or replaced stored head;
- a new signed head, or a head that other agencies kept, that contradicts the remembered part;
- a removed or changed newest signed head of the remembered part;
- a change in, or the removal of, any remembered entry that is read again (`entries_at`).

It does not notice a change in a remembered entry that it does not read again, or in an older signed
head. The verification of the whole log notices these too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from broker.audit.entries import NewLogEntry, parse_log_entry
from broker.audit.log import SALT_BYTES, LogHead, entry_leaf, stored_frontier
from broker.audit.query import PlacedEntry
from broker.audit.remembered_log import RememberedLog
from broker.errors import DisclosureLogError, NoteError
from broker.store.rows import DisclosureCheckpointRow, DisclosureRow
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import Checkpoint
from broker.tlog.cosignature import SignedCheckpoint, parse_signed_checkpoint
from broker.tlog.merkle import Frontier

__all__ = ["CheckpointVerifier", "entries_at", "verify_log", "verify_onward"]

_PAGE_ROWS: Final = 1000

CheckpointVerifier = Callable[[SignedCheckpoint], None]
"""Raises NoteError unless a stream key of this agency, valid at that time, signed it."""


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
    checkpoints = _verified_checkpoints(tx, origin, verify, None)
    heads = _expected(checkpoints, witnessed)
    frontier = _verify_entries(tx, Frontier(), heads, lambda _row, _entry: None)
    return _head(frontier, checkpoints)


def verify_onward(
    tx: Transaction,
    origin: str,
    verify: CheckpointVerifier,
    witnessed: Iterable[tuple[int, bytes]],
    remembered: RememberedLog,
) -> LogHead:
    """Verify what follows a remembered part, and add it to the part; all of it if it is empty.

    Args:
        tx: a transaction that began while `remembered.lock` was held.
        origin: `log_origin(...)`.
        verify: checks a checkpoint's signature.
        witnessed: as for `verify_log`.
        remembered: the part; after an error it is as before.

    Raises:
        DisclosureLogError: as `verify_log`.
    """
    known = remembered.size
    if tx.disclosures.size() < known:
        raise _missing(tx.disclosures.size())
    checkpoints = _verified_checkpoints(tx, origin, verify, remembered.checkpoint)
    heads = _expected(checkpoints, witnessed)
    for size in sorted(one for one in heads if one <= known):
        if heads.pop(size) != {remembered.root_at(size)}:
            raise _range_altered(0, size)
    try:
        frontier = _verify_entries(tx, remembered.frontier, heads, remembered.add)
    except BaseException:
        remembered.cut(known)
        raise
    remembered.checkpoint = checkpoints[-1] if checkpoints else None
    return _head(frontier, checkpoints)


def entries_at(
    tx: Transaction, remembered: RememberedLog, indexes: Sequence[int]
) -> Sequence[PlacedEntry]:
    """Read entries of a remembered part again, and compare each with its leaf.

    Args:
        tx: the transaction of `verify_onward`.
        remembered: the part.
        indexes: indexes in the part, ascending.

    Raises:
        DisclosureLogError: `log_entry_altered` or `log_entry_missing`.
    """
    found: list[PlacedEntry] = []
    rows = iter(tx.disclosures.at(indexes))
    for index in indexes:
        row = next(rows, None)
        if row is None:
            raise _missing(index)
        entry = _verified_entry(row, index)
        if row.leaf != remembered.leaf(index):
            raise _altered(index)
        found.append(PlacedEntry(index, entry))
    return found


def _verify_entries(
    tx: Transaction,
    frontier: Frontier,
    heads: dict[int, set[bytes]],
    add: Callable[[DisclosureRow, NewLogEntry], None],
) -> Frontier:
    """Verify the entries after a frontier, the heads that they lead to and the stored head."""
    pending = sorted(heads)
    trusted = frontier.size  # entries below this are covered by a head that matched
    rows = tx.disclosures.read(frontier.size, _PAGE_ROWS)
    while rows:
        for row in rows:
            add(row, _verified_entry(row, frontier.size))
            frontier = frontier.append(row.leaf)
            if pending and pending[0] == frontier.size:
                if heads[pending.pop(0)] != {frontier.root()}:
                    raise _range_altered(trusted, frontier.size)
                trusted = frontier.size
        rows = tx.disclosures.read(rows[-1].index + 1, _PAGE_ROWS)
    stored = stored_frontier(tx) if not pending else None
    if stored is None or stored.size > frontier.size:
        raise _missing(frontier.size)
    if stored != frontier:
        raise DisclosureLogError(
            "The stored head does not match the entries.",
            code="log_head_altered",
            index=min(stored.size, frontier.size),
        )
    return frontier


def _verified_checkpoints(
    tx: Transaction,
    origin: str,
    verify: CheckpointVerifier,
    known: DisclosureCheckpointRow | None,
) -> list[DisclosureCheckpointRow]:
    """Verify the signed heads after a known one; the result includes the known one."""
    rows = tx.disclosures.checkpoints(0 if known is None else known.size)
    if known is not None and rows[:1] != [known]:
        raise _bad_checkpoint(known.size, "it is not the one that was verified before")
    time_s = 0 if known is None else known.time_s
    for row in rows if known is None else rows[1:]:
        try:
            signed = parse_signed_checkpoint(row.text)
            verify(signed)
        except NoteError as error:
            raise _bad_checkpoint(row.size, f"its signature is not valid ({error.code})") from None
        if signed.checkpoint != Checkpoint(origin, row.size, row.root):
            raise _bad_checkpoint(row.size, "its text differs from its row")
        if signed.line.timestamp != row.time_s or row.time_s < time_s:
            raise _bad_checkpoint(row.size, "its time is before that of the previous one")
        time_s = row.time_s
    return rows


def _expected(
    checkpoints: Iterable[DisclosureCheckpointRow], witnessed: Iterable[tuple[int, bytes]]
) -> dict[int, set[bytes]]:
    """Return the roots that are known for each size."""
    heads = {row.size: {row.root} for row in checkpoints}
    for size, root in witnessed:
        if size:  # every empty log has the same head
            heads.setdefault(size, set()).add(root)
    return heads


def _head(frontier: Frontier, checkpoints: Sequence[DisclosureCheckpointRow]) -> LogHead:
    return LogHead(frontier.size, frontier.root(), checkpoints[-1].size if checkpoints else 0)


def _verified_entry(row: DisclosureRow, expected_index: int) -> NewLogEntry:
    if row.index != expected_index:
        raise _missing(expected_index)
    # SQLite stores a value of any type, also a text in place of bytes
    if any(not isinstance(part, bytes) for part in (row.salt, row.entry, row.leaf)):
        raise _altered(row.index)
    if len(row.salt) != SALT_BYTES or entry_leaf(row.salt, row.entry) != row.leaf:
        raise _altered(row.index)
    try:
        entry = parse_log_entry(row.entry)
    except DisclosureLogError:
        raise _altered(row.index) from None
    # Queries use these columns, so they must match the entry.
    if (entry.time_ms, entry.kind, entry.case_key) != (row.time_ms, row.kind, row.case_key):
        raise _altered(row.index)
    return entry


def _altered(index: int) -> DisclosureLogError:
    return DisclosureLogError(
        "The entry differs from what was written.", code="log_entry_altered", index=index
    )


def _missing(index: int) -> DisclosureLogError:
    return DisclosureLogError("The entry was removed.", code="log_entry_missing", index=index)


def _range_altered(first: int, size: int) -> DisclosureLogError:
    return DisclosureLogError(
        f"The entries do not lead to the signed head: an entry from {first} to {size - 1} was "
        "altered together with its hash.",
        code="log_range_altered",
        index=first,
    )


def _bad_checkpoint(size: int, rule: str) -> DisclosureLogError:
    return DisclosureLogError(
        f"The checkpoint of size {size} differs from what was signed: {rule}.",
        code="log_checkpoint_invalid",
    )
