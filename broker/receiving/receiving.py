"""Receiver core: one batch of a partition, judged and made durable in one transaction (step 11).

Inbox, stream states, position and disclosure log commit together. Kafka's offset follows and is
only informative, because a reader starts from its own position. The code is synchronous: the
service calls it in a thread, one batch at a time for each partition.
"""

from __future__ import annotations

from collections.abc import Sequence

from broker.judging.judging import judge_each
from broker.judging.key_resolver import Trust, TrustStore
from broker.judging.store_context import StoreContext
from broker.judging.verification_cache import VerificationCache
from broker.receiving.persistence import Batch, VerdictPersistence
from broker.receiving.position_guard import save_position
from broker.receiving.retry_later import RetryLater
from broker.record import KafkaPartition, Record
from broker.store.database import Store


class Receiving:
    """Takes batches of records into the state database.

    Args:
        store: the agency's state.
        trust: what is believed now.
        secret: this agency's PRF secret.
        log_taken: whether each accepted event gets an entry in the disclosure log of ``store``.
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

    def take(self, partition: KafkaPartition, records: Sequence[Record], now: int) -> Batch:
        """Judge a batch and commit the results.

        Args:
            partition: the Kafka partition.
            records: in offset order.
            now: ms.

        Raises:
            StoreError: nothing was written; the same batch must be given again.
        """
        with self._store.transaction() as tx:
            context = StoreContext(tx, self._trust_now(), self._secret, self._cache, now)
            waits = RetryLater(tx, partition, context.resolver, now)
            taking = VerdictPersistence(tx, context, waits, self._secret, now)
            for record, judgement in judge_each(records, context, self._cache, now):
                taking.take(record, judgement)
            taking.covered(*self._cache.trials.findings())
            taking.write()
            if self._log_taken:
                taking.log()
            if records:
                save_position(tx, waits.next_position(records[-1].offset + 1), records)
            taking.batch.deferred += waits.begun
        context.committed()
        return taking.batch

    def _trust_now(self) -> Trust:
        """Return the trust for this batch; verify signatures again when it is new."""
        trust = self._trust.current
        if trust is not self._believed:
            self._cache.verify_again()
            self._believed = trust
        return trust
