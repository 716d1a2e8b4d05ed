"""After a stream key was revoked: what is published again (docs/guides/when-a-key-is-lost.md).

From a revocation on, readers refuse what the key signed unless a receipt older than the time named
covers it, whether its holder signed it or a thief. So the sender begins a new generation of each
stream under its new key. It names the last place that every other reader of the topic had confirmed
by then, by a receipt over the sender's own root, and begins with everything after that place: who
lacks it takes it, who has it sees repeats, and who holds more than was confirmed, a thief's records
perhaps, sees a rollback and goes on. What is due is worked out here; the relay writes it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Final

from broker.clock import MAX_CLOCK_JUMP_MS
from broker.judging.partition_state import parse_state
from broker.keys.kid import ED25519, STREAM
from broker.registry.contract_book import ContractBook
from broker.registry.manifests import ManifestBook
from broker.sending.streams import Stream
from broker.store.interfaces import Transaction
from broker.store.rows import GenerationRow, OutboxRow
from broker.tlog.checkpoint import Origin
from broker.tlog.proof import parse_proof
from broker.transport.topics import readable_topics

ROWS_AT_ONCE: Final = 4096
FURTHEST_OPENING_MS: Final = 2 * MAX_CLOCK_JUMP_MS
"""How far ahead of this clock a generation that was taken may have been opened: its log time may be
5 minutes ahead, and its opening 5 minutes after that (docs/spec/opening.md, step 2)."""


@dataclass(frozen=True, slots=True)
class RevokedKey:
    """A stream key: its id, when it became valid and since when it is revoked, milliseconds."""

    kid: bytes
    begun: int
    since: int


@dataclass(frozen=True, slots=True)
class Again:
    """What is due of one stream.

    Attributes:
        predecessor: the place that the new generation names, as the row of a generation that ends
            there; None if nothing was confirmed of a stream that had no other generation.
        newest: what the new generation must be later than, in name and log time.
        rows: records to publish again, in the order in which they were first.
        gone: how many of them have no content any more and cannot be.
    """

    predecessor: GenerationRow | None
    newest: GenerationRow
    rows: tuple[OutboxRow, ...]
    gone: int


def revoked_stream_keys(manifests: ManifestBook, agency: str) -> tuple[RevokedKey, ...]:
    """An agency's revoked keys that signed checkpoints."""
    found: dict[bytes, RevokedKey] = {}
    for version in manifests.history(agency):
        for key in version.manifest.keys_of(STREAM, ED25519):
            since = manifests.revoked_since(agency, key.kid)
            if since is not None:
                found[key.kid] = RevokedKey(key.kid, key.not_before, since)
    return tuple(found.values())


def readers_of(
    topic: str, sender: str, contracts: ContractBook, manifests: ManifestBook
) -> frozenset[str]:
    """Who else reads a topic, without those who have left its contract."""
    found: set[str] = set()
    for signed in contracts.trusted():
        contract = signed.contract
        gone = {
            departure.agency
            for departure in manifests.departures(contract.name, contract.version)
            if departure.state == "left"
        }
        found |= {
            party.id
            for party in contract.parties
            if party.id not in gone and topic in readable_topics(contract, party.id)
        }
    return frozenset(found - {sender})


def due_again(
    tx: Transaction,
    stream: Stream,
    revoked: Collection[RevokedKey],
    readers: Collection[str],
    now: int,
) -> Again | None:
    """What has to be published again of one stream. None if it holds no record.

    Args:
        tx: the sender's state.
        stream: which.
        revoked: the keys that are not believed any more.
        readers: who has to have confirmed a record, or it is published again.
        now: milliseconds since the epoch.
    """
    last = tx.streams.last_with_records(stream.topic, stream.partition)
    if last is None:
        return None
    chain = [last, *_before(tx, last, min(key.begun for key in revoked))]
    at, size = _confirmed(tx, stream, chain, readers, min(key.since for key in revoked))
    held = chain[at]
    rows = [row for each in reversed(chain[: at + 1]) for row in _rows(tx, each)]
    rows = [row for row in rows if row.generation != held.name or _index(row) >= size]
    kept = tuple(row for row in rows if row.value is not None)
    return Again(
        _place(tx, held, size), newest_seen(tx, stream, last, now), kept, len(rows) - len(kept)
    )


def _before(tx: Transaction, row: GenerationRow, begun: int) -> Iterator[GenerationRow]:
    """The generations before one, back to the last that ended before the keys began."""
    previous = tx.streams.named(row.topic, row.partition, row.predecessor)
    while previous is not None and previous.log_time_s * 1000 >= begun:
        yield previous
        previous = tx.streams.named(row.topic, row.partition, previous.predecessor)


def _confirmed(
    tx: Transaction,
    stream: Stream,
    chain: list[GenerationRow],
    readers: Collection[str],
    since: int,
) -> tuple[int, int]:
    """The place up to which every reader had stored everything: (position in the chain, size).

    A receipt covers all generations up to its own (docs/spec/receipts.md). One over a root that is
    not ours says nothing about our records: its signer may hold a thief's.
    """
    waiting = set(readers)
    oldest = (0, chain[0].size)  # the least that anyone confirmed; later in the chain is older
    for at, row in enumerate(chain):
        confirmed = _sizes(tx, stream, row, waiting, since)
        waiting -= confirmed.keys()
        if confirmed:
            oldest = (at, min(confirmed.values()))
    return (len(chain) - 1, 0) if waiting else oldest


def _sizes(
    tx: Transaction, stream: Stream, row: GenerationRow, readers: Collection[str], since: int
) -> dict[str, int]:
    """The greatest size of a generation that each reader had confirmed, of those that had."""
    origin = Origin(stream.deployment, stream.agency, row.topic, row.partition, row.name)
    ours: dict[int, bytes | None] = {}
    sizes: dict[str, int] = {}
    for receipt in tx.receipts.from_size(origin.format(), 1):  # sizes rise
        if receipt.cosigner in readers and receipt.time_s * 1000 < since:
            if receipt.size not in ours:
                ours[receipt.size] = _root(tx, row, receipt.size)
            if ours[receipt.size] == receipt.root:
                sizes[receipt.cosigner] = receipt.size
    return sizes


def _root(tx: Transaction, row: GenerationRow, size: int) -> bytes | None:
    """The root that we signed for a size; None if we signed none."""
    for found in tx.outbox.archived(row.topic, row.partition, row.name, size - 1, size - 1):
        assert found.proof is not None
        checkpoint = parse_proof(found.proof).checkpoint
        if checkpoint.size == size:
            return checkpoint.root
    return None


def _place(tx: Transaction, row: GenerationRow, size: int) -> GenerationRow | None:
    """A generation as if it ended at ``size``; at 0 the end of the one before it."""
    if size == row.size:
        return row
    if size:
        root = _root(tx, row, size)
        assert root is not None
        return replace(row, size=size, root=root)
    if not row.predecessor:
        return None
    return replace(row, name=row.predecessor, size=row.predecessor_size, root=row.predecessor_root)


def newest_seen(tx: Transaction, stream: Stream, last: GenerationRow, now: int) -> GenerationRow:
    """The newest generation, ours or one that Kafka showed us under our name.

    A thief's generation is the newest to whoever has met it, and its log time the last; so is one
    of ours that an older database does not know, if it was opened when our clock was ahead.
    """
    newest = tx.streams.current(stream.topic, stream.partition) or last
    stored = tx.reader.state(stream.agency, stream.topic, stream.partition)
    if stored is None:
        return newest
    seen = parse_state(stored[1])
    name = max(newest.name, seen.newest)
    if int(name[:16], 16) > now + FURTHEST_OPENING_MS:  # no reader takes it either
        name = newest.name
    latest = min(seen.log_time, (now + MAX_CLOCK_JUMP_MS) // 1000)
    return replace(newest, name=name, log_time_s=max(newest.log_time_s, latest))


def _rows(tx: Transaction, row: GenerationRow) -> Iterator[OutboxRow]:
    for first in range(0, row.size, ROWS_AT_ONCE):
        yield from tx.outbox.archived(
            row.topic, row.partition, row.name, first, min(row.size, first + ROWS_AT_ONCE) - 1
        )


def _index(row: OutboxRow) -> int:
    assert row.index is not None
    return row.index
