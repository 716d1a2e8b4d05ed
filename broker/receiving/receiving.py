"""Receiver of one batch of a partition: judge each record, commit all results together (step 11).

Inbox, stream states, position and disclosure log are one transaction. The consumer offset in Kafka
is committed later and only for monitoring. After a restart the reader continues from the position
in its own database. The code is synchronous: the service calls it in a thread, one batch at a time
for each partition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from broker.audit.log import append_entries
from broker.judging.judging import judge_each
from broker.judging.key_resolver import Trust, TrustStore
from broker.judging.store_context import StoreContext
from broker.judging.verification_cache import VerificationCache
from broker.receiving.persistence import Batch, VerdictPersistence
from broker.receiving.position_guard import save_position
from broker.receiving.retry_later import RetryLater
from broker.receiving.unheard import (
    AFTER_VOID_CODES,
    JUDGED_VOID,
    UNHEARD_CODES,
    Unheard,
    void_digest,
)
from broker.record import KafkaPartition, Record
from broker.registry.manifests import ManifestBook
from broker.store.database import Store
from broker.store.transaction import Transaction
from contracts.durations import MINUTE_MS

VOID_AGAIN_MS: Final = 10 * MINUTE_MS
"""Shortest time between the starts of two passes over records that void manifests concern."""


@dataclass(slots=True)
class _VoidPass:
    """A pass over the held records, because other manifests are void.

    Attributes:
        void: hash of the void manifests at its start.
        after: id of the last record that was judged.
        deferred: whether a held record could not be judged.
    """

    void: bytes
    after: int = 0
    deferred: bool = False


class Receiving:
    """Judges batches of records and writes the results to the state database.

    Args:
        store: the agency's state.
        trust: source of the current keys and contracts.
        secret: this agency's key for pseudonyms.
        log_taken: True if accepted events get an entry in the disclosure log of ``store``.
    """

    def __init__(
        self, store: Store, trust: TrustStore, secret: bytes, *, log_taken: bool = True
    ) -> None:
        self._store = store
        self._log_taken = log_taken
        self._trust = trust
        self._secret = secret
        self._cache = VerificationCache()
        self._believed = trust.current
        self._unheard_after = 0
        self._void_of: ManifestBook | None = None
        self._void = b""
        self._void_now: _VoidPass | None = None
        self._void_began: int | None = None

    def take(self, partition: KafkaPartition, records: Sequence[Record], now: int) -> Batch:
        """Judge a batch and commit the results.

        Args:
            partition: the Kafka partition.
            records: in offset order.
            now: ms.

        Raises:
            StoreError: nothing was written. Call again with the same batch.
        """
        with self._store.transaction() as tx:
            context = StoreContext(tx, self._trust_now(), self._secret, self._cache, now)
            waits = RetryLater(tx, partition, context.resolver, now)
            persistence = VerdictPersistence(tx, context, waits, self._secret, now)
            for record, judgement in judge_each(records, context, self._cache, now):
                persistence.store(record, judgement)
            persistence.covered(*self._cache.trials.findings())
            persistence.write()
            if self._log_taken:
                persistence.log()
                persistence.tell()
            if records:
                save_position(tx, waits.next_position(records[-1].offset + 1), records)
            persistence.batch.deferred += waits.begun
        context.committed()
        return persistence.batch

    def judge_unheard(self, now: int) -> Batch:
        """Judge records again that arrived after their sender's part had ended. Commit the results.

        When manifests have become void, records that may have been refused because of them are
        judged again too, in a pass at most every ten minutes.

        Args:
            now: ms.

        Raises:
            StoreError: nothing was written.
        """
        void = self._void_digest()
        with self._store.reading() as tx:
            again = self._void_pass(tx.meta.get(JUDGED_VOID) or b"", void, now)
            waiting = bool(tx.quarantine.unheard(self._unheard_after, 1, UNHEARD_CODES))
        if not waiting:
            self._unheard_after = 0
        if again is None and not waiting:
            return Batch()
        with self._store.transaction() as tx:
            context = StoreContext(tx, self._trust_now(), self._secret, self._cache, now)
            unheard = Unheard(tx, context, self._cache, self._secret, now)
            after = unheard.judge(self._unheard_after) if waiting else 0
            ended = again is not None and self._judge_after_void(tx, unheard, again)
            if self._log_taken:
                append_entries(tx, unheard.entries)
                unheard.tell()
        self._unheard_after = after
        if ended:
            self._void_now = None
        return Batch(opened=unheard.opened, refused=unheard.refused, told=unheard.told)

    def _void_pass(self, judged: bytes, void: bytes, now: int) -> _VoidPass | None:
        """Return the pass over records that void manifests concern, if one is due or runs.

        A pass is never begun anew before its end, so a party that makes manifests void again and
        again holds up no record.
        """
        if self._void_now is None and void != judged:
            began = self._void_began
            if began is None or not 0 <= now - began < VOID_AGAIN_MS:
                self._void_began = now
                self._void_now = _VoidPass(void)
        return self._void_now

    @staticmethod
    def _judge_after_void(tx: Transaction, unheard: Unheard, again: _VoidPass) -> bool:
        """Judge the next records of a pass. Returns whether the pass has ended.

        If a record was deferred, the set of void manifests does not count as judged, and another
        pass follows.
        """
        before = unheard.deferred
        again.after = unheard.judge(again.after, AFTER_VOID_CODES)
        again.deferred = again.deferred or unheard.deferred > before
        if again.after:
            return False
        if not again.deferred:
            tx.meta.set(JUDGED_VOID, again.void)
        return True

    def _void_digest(self) -> bytes:
        """Return a hash of the manifests that are void now."""
        manifests = self._trust.current.resolver.manifests
        if manifests is not self._void_of:
            self._void, self._void_of = void_digest(manifests), manifests
        return self._void

    def _trust_now(self) -> Trust:
        """Return the current keys and contracts. If they changed, clear cached signature checks."""
        trust = self._trust.current
        if trust is not self._believed:
            self._cache.verify_again()
            self._believed = trust
        return trust
