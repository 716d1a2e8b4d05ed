"""Receiver core: one batch of a partition, judged and made durable in one transaction (step 11).

Inbox, stream states, position and disclosure log commit together. Kafka's offset follows and is
only informative, because a reader starts from its own position. The code is synchronous: the
service calls it in a thread, one batch at a time for each partition.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from broker.envelope.opening import OpeningKey
from broker.judging.judging import judge_each
from broker.judging.key_resolver import KeyResolver
from broker.judging.store_context import StoreContext
from broker.judging.verification_cache import VerificationCache
from broker.receiving.persistence import Batch, VerdictPersistence
from broker.receiving.position_guard import keep_footing
from broker.receiving.retry_later import RetryLater
from broker.record import KafkaPartition, Record
from broker.store.database import Store
from broker.store.transaction import Transaction


class Receiving:
    """Takes batches of records into the state database.

    Args:
        deployment, agency: the reader.
        store: the agency's state.
        trust: () -> the present key resolver.
        opening_keys: () -> this agency's exchange keys as of the same moment.
        secret: this agency's PRF secret.
        log_taken: whether each accepted event gets an entry in the disclosure log of ``store``.
    """

    def __init__(
        self,
        deployment: str,
        agency: str,
        store: Store,
        trust: Callable[[], KeyResolver],
        opening_keys: Callable[[], Callable[[int], tuple[tuple[OpeningKey, ...], bool]]],
        secret: bytes,
        *,
        log_taken: bool = True,
    ) -> None:
        self._deployment = deployment
        self._agency = agency
        self._store = store
        self._log_taken = log_taken
        self._trust = trust
        self._opening_keys = opening_keys
        self._secret = secret
        self._memories = VerificationCache()

    def trust_changed(self) -> None:
        """Start a new cache, because a manifest or contract is new: everything is verified again.

        A batch that is being judged keeps its old cache.
        """
        self._memories = replace(self._memories, signed=set())
        self._memories.trials.prove_again()

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
            view = self._view(tx, now)
            waits = RetryLater(tx, partition, view.trust, now)
            taking = VerdictPersistence(tx, view, waits, self._agency, self._secret, now)
            for record, judgement in judge_each(records, view, now):
                taking.take(record, judgement)
            taking.write()
            if self._log_taken:
                taking.log()
            if records:
                position = waits.next_position(records[-1].offset + 1)
                tx.reader.save_position(partition, position)
                keep_footing(tx, position, records)
            taking.batch.deferred += waits.begun
        view.committed()
        return taking.batch

    def _view(self, tx: Transaction, now: int) -> StoreContext:
        return StoreContext(
            tx,
            self._deployment,
            self._agency,
            self._trust(),
            self._opening_keys(),
            self._secret,
            self._memories,
            now,
        )
