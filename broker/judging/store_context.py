"""Reader's context over the state database, for one batch of one partition.

It reads through a transaction and keeps what this batch has accepted but not written yet, so that
each record of a batch is judged after the earlier ones. One ``flush`` writes everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from broker import pseudonyms
from broker.event import JSON, OpenedEvent
from broker.judging.continuity_types import Placement, Relief
from broker.judging.key_resolver import Trust
from broker.judging.partition_state import (
    PartitionState,
    StoredCheckpoint,
    StoredState,
    changed_gaps,
    format_head,
    parse_state,
)
from broker.judging.reader_context import StreamKey
from broker.judging.state_limits import (
    Room,
    growth,
    partition_state_size,
    room_in_all,
    smallest,
    without_affected,
)
from broker.judging.verification_cache import VerificationCache
from broker.registry.contract_in_force import ContractInForce
from broker.store.reader_rows import Checkpointed, CheckpointRow, Leaf, LeafStatus, StateChange
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import Place


@dataclass(frozen=True, slots=True)
class KnownEvent:
    """An event in the inbox; ``digests`` maps each granted path to its keyed digest in hex."""

    type: str
    digests: Mapping[str, str]
    secret: bytes

    def same(self, flat: Mapping[str, JSON]) -> bool:
        """Return whether the fields granted both times are equal."""
        return all(
            self.digests[path] == digest(self.secret, path, value)
            for path, value in flat.items()
            if path in self.digests
        )


def digest(secret: bytes, path: str, value: JSON) -> str:
    """Return the digest that is stored of one field."""
    canonical = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return pseudonyms.field_digest(secret, path, canonical).hex()


class StoredHistory:
    """Look-ups in one sender's partition: this batch first, then the store."""

    def __init__(self, tx: Transaction, place: Place) -> None:
        self._tx = tx
        self._place = place
        self.leaves: dict[tuple[str, int], tuple[bytes, LeafStatus]] = {}
        self.checkpoints: dict[str, dict[int, tuple[StoredCheckpoint, bytes]]] = {}

    def leaf(self, generation: str, index: int) -> tuple[bytes, bool] | None:
        """Return (leaf, whether its content is missing)."""
        found = self.leaves.get((generation, index))
        if found is None:
            found = self._tx.reader_logs.leaf(self._place.generation(generation), index)
        return None if found is None else (found[0], found[1] == "content_missing")

    def above(self, generation: str, index: int) -> StoredCheckpoint | None:
        """Return the smallest stored size above ``index``."""
        mine = [checkpoint for size, checkpoint in self._mine(generation) if size > index]
        log = self._place.generation(generation)
        stored = self._tx.reader_logs.checkpoint_above(log, index)
        return min(
            (*mine, *_stored_checkpoints(stored)),
            key=lambda checkpoint: checkpoint.size,
            default=None,
        )

    def below(self, generation: str, size: int) -> StoredCheckpoint | None:
        """Return the largest stored size below ``size``."""
        mine = [checkpoint for held, checkpoint in self._mine(generation) if held < size]
        log = self._place.generation(generation)
        stored = self._tx.reader_logs.checkpoint_below(log, size)
        return max(
            (*mine, *_stored_checkpoints(stored)),
            key=lambda checkpoint: checkpoint.size,
            default=None,
        )

    def at(self, generation: str, size: int) -> StoredCheckpoint | None:
        """Return the stored checkpoint of exactly that size."""
        mine = self.checkpoints.get(generation, {}).get(size)
        if mine is not None:
            return mine[0]
        log = self._place.generation(generation)
        return next(iter(_stored_checkpoints(self._tx.reader_logs.checkpoint_at(log, size))), None)

    def signed_text(self, generation: str, index: int, size: int) -> bytes:
        """Return the signed checkpoint that one of ``size`` with ``index`` may contradict.

        It is the one of the same size, or the next above the index, or the next below the size;
        empty if there is none.
        """
        logs, log = self._tx.reader_logs, self._place.generation(generation)
        rows = (
            logs.checkpoint_at(log, size),
            logs.checkpoint_above(log, index),
            logs.checkpoint_below(log, size),
        )
        texts = {row.size: row.text for row in rows if row is not None}
        texts |= {held: text for held, (_, text) in self.checkpoints.get(generation, {}).items()}
        above = min((held for held in texts if held > index), default=-1)
        below = max((held for held in texts if held < size), default=-1)
        return next((texts[held] for held in (size, above, below) if held in texts), b"")

    def _mine(self, generation: str) -> list[tuple[int, StoredCheckpoint]]:
        return [
            (size, checkpoint)
            for size, (checkpoint, _) in self.checkpoints.get(generation, {}).items()
        ]


def _stored_checkpoints(row: CheckpointRow | None) -> tuple[StoredCheckpoint, ...]:
    return (
        () if row is None else (StoredCheckpoint(row.size, row.root, row.time_s, row.lowest_index),)
    )


def write_state(
    tx: Transaction,
    place: Place,
    version: int,
    before: PartitionState | None,
    after: PartitionState,
) -> int:
    """Write the changes from the stored state ``before`` to ``after``. Returns the new version.

    Raises:
        StoreError: ``state_changed``, the stored version is not ``version``.
    """
    removed, written = changed_gaps(before, after)
    size = partition_state_size(after)
    change = StateChange(format_head(after), size.bytes, size.gaps, removed, written, after.stopped)
    return tx.reader.save_state(place, change, version)


class StoreContext:
    """A ``ReaderContext`` (broker/judging/reader_context.py) for one batch.

    Args:
        tx: the transaction that will also write the result.
        trust: what the reader believes and can open (broker/judging/key_resolver.py).
        secret: this agency's key for pseudonyms, for digests.
        cache: kept by the caller between batches: states and budgets.
        now: this clock, ms.
    """

    def __init__(
        self,
        tx: Transaction,
        trust: Trust,
        secret: bytes,
        cache: VerificationCache,
        now: int,
    ) -> None:
        self._tx = tx
        self.resolver = trust.resolver
        self.deployment = self.resolver.manifests.deployment
        self.agency = self.resolver.agency
        self.opening_keys = trust.opening_keys
        self._secret = secret
        self._cache = cache
        self._now = now
        self._states: dict[Place, tuple[int, PartitionState | None]] = {}
        self._stored: dict[Place, PartitionState | None] = {}
        self._touched: set[Place] = set()
        self._written: dict[Place, tuple[int, PartitionState]] = {}
        self._used: dict[str, Room] = {}
        self._searched: set[tuple[str, str]] = set()
        self.forgotten: list[tuple[str, str]] = []
        self._histories: dict[Place, StoredHistory] = {}
        self._events: dict[tuple[str, str], KnownEvent] = {}
        self._receipts: dict[tuple[str, int, frozenset[str] | None], list[tuple[int, bytes]]] = {}

    def stream_key(self, agency: str, key_id: bytes, log_time: int) -> StreamKey:
        """See ``ReaderContext``."""
        return self.resolver.stream_key(agency, key_id, log_time)

    def receipts(
        self, origin: str, index: int, before: int, among: frozenset[str] | None = None
    ) -> list[tuple[int, bytes]]:
        """See ``ReaderContext``."""
        name = (origin, before, among)
        if name not in self._receipts:
            self._receipts[name] = [
                (row.size, row.root)
                for row in self._tx.receipts.from_size(origin, 0)
                if self.resolver.receipt_believed(row.text, before, among)
            ]
        return [one for one in self._receipts[name] if one[0] > index]

    def contract_in_force(self, contract_hash: bytes) -> ContractInForce | None:
        """See ``ReaderContext``."""
        return self.resolver.contract_in_force(contract_hash)

    def wraps_left(self, agency: str) -> int:
        """See ``ReaderContext``."""
        return self._cache.budget(agency, self.resolver.parties, self._now).left

    def count_wraps(self, agency: str, tried: int) -> None:
        """Take new wraps that were tried from their sender's budget."""
        budget = self._cache.budget(agency, self.resolver.parties, self._now)
        self._cache.budgets[agency] = budget.after(tried)

    def state(self, place: Place) -> PartitionState | None:
        """See ``ReaderContext``."""
        if place not in self._states:
            version = self._tx.reader.state_version(place)
            remembered = self._cache.states.get(place)
            if remembered is not None and remembered[0] == version:
                self._states[place] = remembered
            else:
                stored = self._tx.reader.state(place)
                self._states[place] = (0, None) if stored is None else _parsed(*stored)
            self._stored[place] = self._states[place][1]
        return self._states[place][1]

    def room(self, agency: str) -> Room:
        """See ``ReaderContext``."""
        if agency not in self._used:
            used = Room(*self._tx.reader.state_size(agency))
            for place in self._touched:
                state = self._states[place][1]
                if place.agency == agency and state is not None:
                    used += growth(self._stored.get(place), state)
            self._used[agency] = used
        return room_in_all() - self._used[agency]

    def affected(self, agency: str) -> dict[Place, PartitionState]:
        """See ``ReaderContext``."""
        if ("affected", agency) in self._searched:
            return {}
        self._searched.add(("affected", agency))
        found: dict[Place, PartitionState] = {}
        for place in self._places(agency):
            state = self.state(place)
            assert state is not None
            signers = {held.signer for held in state.generations.values() if held.gaps}
            affected = {one for one in signers if self.resolver.is_revoked(agency, one)}
            if affected:
                found[place] = without_affected(state, affected)
        return found

    def passed(
        self, place: Place, relief: Mapping[Place, PartitionState]
    ) -> dict[Place, PartitionState]:
        """See ``ReaderContext``."""
        found: dict[Place, PartitionState] = {}
        for other in self._places(place.agency):
            if other == place or ("passed", str(other)) in self._searched:
                continue
            self._searched.add(("passed", str(other)))
            state = relief.get(other) or self.state(other)
            assert state is not None
            smaller = smallest(state)
            if smaller is not state:
                found[other] = smaller
        return found

    def _places(self, agency: str) -> list[Place]:
        mine = {place for place in self._touched if place.agency == agency}
        return sorted(mine.union(self._tx.reader.places_of(agency)))

    def relieve(self, relief: Relief) -> None:
        """Use the smaller states that bring a sender back below its limit."""
        for place, state in relief:
            before = self._states[place][1]
            if before is not None and growth(before, state).gaps < 0:
                self.forgotten.append((place.agency, "gaps_forgotten"))
            self._set_state(place, state)

    def history(self, place: Place) -> StoredHistory:
        """See ``ReaderContext``."""
        history = self._histories.get(place)
        if history is None:
            history = self._histories[place] = StoredHistory(self._tx, place)
        return history

    def known(self, source: str, event_id: str) -> KnownEvent | None:
        """See ``ReaderContext``."""
        mine = self._events.get((source, event_id))
        if mine is not None:
            return mine
        row = self._tx.inbox.find(source, event_id)
        return (
            None if row is None else KnownEvent(row.type, orjson.loads(row.digests), self._secret)
        )

    # --- results of this batch --------------------------------------------------------------------

    def took(
        self,
        place: Place,
        placement: Placement,
        leaf: tuple[str, int, bytes] | None,
        status: LeafStatus,
        checkpoint_text: bytes,
    ) -> None:
        """Record a position: (generation, index, leaf) and its checkpoint."""
        self._set_state(place, placement.state)
        history = self.history(place)
        if leaf is not None:
            history.leaves[leaf[:2]] = (leaf[2], status)
        for generation, checkpoint in placement.checkpoints:
            history.checkpoints.setdefault(generation, {})[checkpoint.size] = (
                checkpoint,
                checkpoint_text,
            )

    def stop(self, place: Place, state: PartitionState) -> None:
        """Stop a sender's partition until an operator releases it."""
        self._set_state(place, state)

    def opened(self, event: OpenedEvent) -> bytes:
        """Remember an event of this batch; return its digests in stored form."""
        digests = {path: digest(self._secret, path, value) for path, value in event.flat.items()}
        self._events[event.source, event.id] = KnownEvent(event.type, digests, self._secret)
        return orjson.dumps(digests)

    def _set_state(self, place: Place, state: PartitionState) -> None:
        version, before = self._states.get(place, (0, None))
        if place.agency in self._used and before is not state:
            self._used[place.agency] += growth(before, state)
        self._states[place] = (version, state)
        self._touched.add(place)

    def flush(self) -> None:
        """Write states, leaves and checkpoints.

        Raises:
            StoreError: ``state_changed``, another process moved a stream since it was read.
        """
        for place in sorted(self._touched):
            version, state = self._states[place]
            assert state is not None
            version = write_state(self._tx, place, version, self._stored.get(place), state)
            self._written[place] = (version, state)
        for place, history in self._histories.items():
            by_generation: dict[str, list[Leaf]] = {}
            for (generation, index), (leaf, status) in history.leaves.items():
                by_generation.setdefault(generation, []).append((index, leaf, status))
            for generation, leaves in by_generation.items():
                self._tx.reader_logs.save_leaves(place.generation(generation), leaves)
            for generation, checkpoints_by_size in history.checkpoints.items():
                rows: list[Checkpointed] = [
                    (checkpoint.size, checkpoint.root, checkpoint.time, checkpoint.lowest, text)
                    for checkpoint, text in checkpoints_by_size.values()
                ]
                self._tx.reader_logs.save_checkpoints(place.generation(generation), rows)

    def committed(self) -> None:
        """Keep the written states in the cache after the commit, for the next batch."""
        for place, (version, state) in self._written.items():
            self._cache.keep_state(place, version, state)


def _parsed(version: int, stored: StoredState) -> tuple[int, PartitionState]:
    return version, parse_state(stored)
