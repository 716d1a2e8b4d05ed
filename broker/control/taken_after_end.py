"""Events that this agency accepted after an end that it did not know of yet.

docs/spec/streams.md, "Ends". Kafka's host may hold a manifest back. Events that were accepted
meanwhile stay accepted. People are told once for each end, and the disclosure log names the events.
"""

from __future__ import annotations

from collections.abc import Iterator

from broker.audit.entries import NewLogEntry
from broker.audit.log import append_entries
from broker.audit.recording import OPERATOR, refused
from broker.judging.ends import RECEIPTS_AFTER_MS, SUSPENSION_WINDOW_MS
from broker.judging.key_resolver import KeyResolver
from broker.registry.stops import Stop
from broker.store.database import Store
from broker.store.rows import InboxRow
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import GenerationPlace
from contracts.model import topic_name

TAKEN_AFTER_END = "taken_after_end"


def note_new_ends(store: Store, resolver: KeyResolver, now: int) -> list[tuple[str, str]]:
    """Log the events taken after each end that is new here. Returns (agency, code) of each alarm.

    Args:
        store: the agency's state.
        resolver: what is believed now.
        now: ms.

    Raises:
        StoreError: nothing was noted; the next call tries again.
    """
    alarms: list[tuple[str, str]] = []
    for agency, stop in _stops(resolver):
        name = f"end-seen/{agency}/{stop.contract}/{stop.state}/{stop.stated}"
        with store.reading() as tx:
            if tx.meta.get(name) is not None:
                continue
        with store.transaction() as tx:
            taken = list(_accepted(tx, resolver, agency, stop))
            append_entries(tx, [_entry(row, now) for row in taken])
            tx.meta.set(name, str(now).encode())
        if taken:
            alarms.append((agency, TAKEN_AFTER_END))
    return alarms


def _stops(resolver: KeyResolver) -> Iterator[tuple[str, Stop]]:
    ours = {signed.contract.name for signed in resolver.contracts.trusted()}
    for agency in resolver.manifests.agencies():
        if agency != resolver.agency:
            for stop in resolver.manifests.stops(agency):
                if stop.contract in ours:
                    yield agency, stop


def _accepted(
    tx: Transaction, resolver: KeyResolver, agency: str, stop: Stop
) -> Iterator[InboxRow]:
    trusted = (signed.contract for signed in resolver.contracts.trusted())
    contracts = [one for one in trusted if one.name == stop.contract]
    topics = {topic_name(one, logical) for one in contracts for logical in one.topics}
    window = min(one.changeover_ms for one in contracts)
    window = SUSPENSION_WINDOW_MS if stop.state == "suspended" else window
    for row in tx.inbox.received_since(agency, stop.since):
        if row.topic not in topics:
            continue
        log = GenerationPlace(agency, row.topic, row.partition, row.generation)
        kept = tx.reader_logs.checkpoint_above(log, row.index)
        logged = 0 if kept is None else kept.time_s * 1000
        during = stop.since <= logged and (stop.until is None or logged < stop.until)
        late = logged < stop.since and row.received_ms >= stop.since + window
        if during or (late and not _confirmed(tx, resolver, log, row.index, stop)):
            yield row


def _confirmed(
    tx: Transaction, resolver: KeyResolver, log: GenerationPlace, index: int, stop: Stop
) -> bool:
    """Return whether a receipt that counts for the end has a size above the record's index."""
    origin = log.origin(resolver.manifests.deployment).format()
    return any(
        resolver.receipt_believed(row.text, stop.since + RECEIPTS_AFTER_MS)
        for row in tx.receipts.from_size(origin, index + 1)
    )


def _entry(row: InboxRow, now: int) -> NewLogEntry:
    return refused(
        row.type,
        TAKEN_AFTER_END,
        now,
        OPERATOR,
        event_id=row.event_id,
        source=row.source,
        case_key=row.case_key,
    )
