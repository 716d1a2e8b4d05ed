"""Retention of heartbeats as evidence (docs/spec/heartbeats.md, "Kept").

A heartbeat is a post-quantum signature over every stream of its sender at once, so one serves for
all events below its heads. Two kinds are kept: the first that covers an event which this agency
sent or opened, and the last of each log and key (if an earlier key is revoked, the later one
remains). A head is kept only if it is a checkpoint that was verified here, so that an agency's
invented heads are not stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from broker.registry.contract_book import ContractBook
from broker.statements.heartbeats import MAX_HEARTBEAT_BYTES, Head, Heartbeat
from broker.store.reader_rows import CheckpointRow
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import GenerationPlace
from contracts.durations import DAY_MS, MINUTE_MS

KEPT_BYTES_A_MINUTE: Final = 2 * MAX_HEARTBEAT_BYTES
KEPT_A_MINUTE: Final = 64
"""Maximum number of kept heartbeats of one agency per minute.

It sends at most one a minute; more, with another log each time, must not fill the disk. The next
one covers the same events.
"""
YEAR_MS: Final = 366 * DAY_MS


def keep_heard(tx: Transaction, beat: Heartbeat, note: bytes, key_id: bytes) -> None:
    """Keep another agency's heartbeat, if a head in it is a checkpoint that this reader has.

    Args:
        tx: a write transaction.
        beat: a heartbeat with both signatures verified.
        note: its bytes.
        key_id: id of the ML-DSA-44 key that signed it, 4 bytes.
    """
    kept = tx.heartbeats.newest_bytes(beat.agency, _minute(beat.time), KEPT_A_MINUTE)
    if len(kept) == KEPT_A_MINUTE or sum(kept) + len(note) > KEPT_BYTES_A_MINUTE:
        return
    heads = []
    for head in beat.heads:
        held = _checkpoint(tx, beat.agency, head)
        if held is not None and held.root == head.root:
            heads.append(head)
    for head in heads:
        _drop_last_before(tx, beat, head, key_id)
    _keep(tx, beat, note, key_id, heads)


def _drop_last_before(tx: Transaction, beat: Heartbeat, head: Head, key_id: bytes) -> None:
    """Remove the last head before a new one, unless it was the first over an event of ours."""
    log = _log(beat.agency, head)
    sizes = tx.heartbeats.newest_sizes(log, key_id)
    if not sizes or sizes[0] >= head.size:
        return
    before = sizes[1] if len(sizes) > 1 else 0
    if not tx.reader_logs.any_opened(log, before, sizes[0] - 1):
        tx.heartbeats.drop_head(log, key_id, sizes[0])


def keep_own(tx: Transaction, beat: Heartbeat, note: bytes, key_id: bytes) -> None:
    """Keep this agency's own heartbeat, whose heads are all of its own streams."""
    _keep(tx, beat, note, key_id, beat.heads)


def contradicted(tx: Transaction, beat: Heartbeat) -> tuple[Head, CheckpointRow] | None:
    """Return a head with another root than its sender's signed checkpoint of that size, if any."""
    for head in beat.heads:
        held = _checkpoint(tx, beat.agency, head)
        if held is not None and held.root != head.root:
            return head, held
    return None


def forget_heartbeats(
    tx: Transaction, contracts: ContractBook, retention_ms: int, now: int
) -> None:
    """Forget heartbeats that no longer prove anything.

    Records that may still be on Kafka keep evidence to the minute. After that, only the last head
    of each generation and key is kept, until recipients may no longer hold any of its records.

    Args:
        tx: a write transaction.
        contracts: those that this agency trusts.
        retention_ms: the longest retention on Kafka with its grace.
        now: ms.
    """
    tx.heartbeats.thin(now - retention_ms)
    years = _recipient_years(contracts)
    if years:  # an agreement without a retention never ends it
        tx.heartbeats.drop_before(now - max(years) * YEAR_MS - retention_ms)


def _recipient_years(contracts: ContractBook) -> tuple[int, ...]:
    return tuple(
        terms.retention.recipient_years
        for signed in contracts.trusted()
        for terms in signed.contract.event_types.values()
        if terms.retention is not None
    )


def _checkpoint(tx: Transaction, agency: str, head: Head) -> CheckpointRow | None:
    return tx.reader_logs.checkpoint_at(_log(agency, head), head.size)


def _log(agency: str, head: Head) -> GenerationPlace:
    return GenerationPlace(agency, head.topic, head.partition, head.generation)


def _keep(
    tx: Transaction, beat: Heartbeat, note: bytes, key_id: bytes, heads: Iterable[Head]
) -> None:
    logs = ((_log(beat.agency, head), head.size) for head in heads)
    new = [(log, size) for log, size in logs if size > tx.heartbeats.newest_size(log, key_id)]
    if not new:
        return
    since = _minute(beat.time)
    for log, _size in new:
        tx.heartbeats.drop_heads(log, key_id, since)
    tx.heartbeats.keep(beat.agency, beat.time, note, key_id, new)


def _minute(time: int) -> int:
    """Return the minute of a time.

    Of the heads of one generation and key, the last of each minute is kept.
    """
    return time - time % MINUTE_MS
