"""Follow-up of refused generations by one that names them (streams.md, "Links").

A restored database may lack a later generation that readers have. Readers then refuse what it signs
in its current one. The agency reads its own records like all others, so it notices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from broker.record import KafkaPartition
from broker.sending.outbox_record import copy_of
from broker.store.database import Store
from broker.store.rows import GenerationRow
from broker.tlog.checkpoint import GenerationPlace, Origin

NOT_TAKEN: Final = frozenset({"unlinked", "log_time_fell"})
"""Codes with which a reader refuses a generation that is not later than one it has."""


class RefusedGenerations:
    """This agency's refused generations, and those that already have a follower.

    Args:
        agency: the sender.
        store: its state.
        current: (Kafka partition) -> the present generation of the stream.
    """

    def __init__(
        self, agency: str, store: Store, current: Callable[[KafkaPartition], GenerationRow | None]
    ) -> None:
        self._agency = agency
        self._store = store
        self._current = current
        self._rows: dict[str, GenerationRow] = {}
        self._followed: set[str] = set()

    @property
    def names(self) -> frozenset[str]:
        """Return the refused generations."""
        return frozenset(self._rows)

    def refused(self, records: Iterable[tuple[Origin | None, int, float, str]]) -> None:
        """Note refused records; a refusal of our own records shows that others refuse them too."""
        for origin, _, _, code in records:
            if origin is None or origin.agency != self._agency or code not in NOT_TAKEN:
                continue
            row = self._current(origin.kafka_partition)
            if row is not None and row.name == origin.generation:
                self._rows[row.name] = row

    def follow(self, now: int) -> None:
        """Follow each of them by a generation that names it.

        A copy of its last record carries the link, even if there is no new event. Readers then ask
        for what they refused, and recognise the copy, or the record, as a repeat.
        """
        for name, row in list(self._rows.items()):
            if name not in self._followed:
                with self._store.transaction() as tx:
                    last = row.size - 1
                    log = GenerationPlace(self._agency, *row.kafka_partition, name)
                    held = tx.outbox.archived(log, last, last)
                    rows = [old for old in held if old.value is not None]
                    seqs = tx.outbox.add_many([copy_of(old) for old in rows], now)
                    for old, seq in zip(rows, seqs, strict=True):
                        tx.recipients.moved(old.event_id, old.seq, seq)
                self._followed.add(name)
