"""Common part of the two queues: list, show, retry and discard.

The quarantine is what is put aside in both queues, under the same ids. An item that is put aside is
retried and discarded here by the functions of the quarantine. Each queue adds what only waits.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from broker.agency.participant import Participant
from broker.audit.actor import Actor
from broker.audit.entries import NewLogEntry
from broker.audit.head_signing import log_act
from broker.codes.meanings import CODES
from broker.errors import WrongInputError
from broker.held.inventory import held_folders, held_items
from broker.held.quarantine_folder import refused_rows
from broker.held.reason_file import RowReason
from broker.held.retrying import Retried
from broker.observing.metrics import HeldKind
from broker.operations.discarding import Discarding, Wanted
from broker.operations.event_status import RecipientState, event_status
from broker.operations.queues.items import STATES, QueueDiscard, QueueItem, put_aside_item
from broker.operations.retry import RetriedRecord, log_retry, retry_all
from broker.store.database import Store
from broker.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class QueueDetails:
    """One item with everything that helps, and no value of a field.

    Attributes:
        item: the item.
        means: what its state and its code mean.
        helps: what to do about its code; empty without a code.
        recipients: state of an own event at each recipient.
        rows: place and code of each refused row of a file.
    """

    item: QueueItem
    means: str
    helps: str
    recipients: tuple[RecipientState, ...]
    rows: tuple[RowReason, ...]


class EventQueue(ABC):
    """Events, records, files and rows on their way in one direction.

    Attributes:
        name: `outbox` or `inbox`.
        other: name of the other queue.
        ids: form of the ids of its items.
        kinds: kinds of held items that belong to it.
        participant: the agency.
        store: its state.
    """

    name: ClassVar[str]
    other: ClassVar[str]
    ids: ClassVar[re.Pattern[str]]
    kinds: ClassVar[frozenset[HeldKind]]

    def __init__(self, participant: Participant, store: Store) -> None:
        self.participant = participant
        self.store = store

    def items(self, limit: int, now: int) -> list[QueueItem]:
        """Return the oldest `limit` items."""
        with self.store.reading() as tx:
            return self._items(tx, limit, now)[:limit]

    def details(self, id_: str, now: int) -> QueueDetails:
        """Return one item with everything that helps.

        Raises:
            WrongInputError: ``queue_item_unknown``.
        """
        with self.store.reading() as tx:
            item = self._find(tx, id_, now)
            if item is None:
                raise WrongInputError(
                    f"The {self.name} has no item {id_}.",
                    code="queue_item_unknown",
                )
            found = None
            if item.event_id is not None and self.name == "outbox":
                who = self.participant
                found = event_status(tx, who.deployment, who.agency, item.event_id, now)
        meaning = CODES.get(item.code)
        rows: tuple[RowReason, ...] = ()
        if item.kind == "rows":
            rows = refused_rows(held_folders(self.participant).quarantine, id_)
        return QueueDetails(
            item,
            STATES[item.state].means
            + ("" if meaning is None else f" {meaning.means[:1].upper()}{meaning.means[1:]}."),
            "" if meaning is None else meaning.to_do,
            () if found is None else found.recipients,
            rows,
        )

    def retry(
        self, ids: Sequence[str], actor: Actor, wait_s: float, now: int
    ) -> list[RetriedRecord | Retried]:
        """Try items again, and log it; the results are in the given order.

        Args:
            ids: ids of items.
            actor: the person who asks, and the reason.
            wait_s: how long to wait until the running adapter has tried what is put aside.
            now: ms.

        Raises:
            ConcordantError: the agency's secret is not available, or its state cannot be written.
            OSError: a file cannot be moved.
        """
        done: dict[str, RetriedRecord | Retried] = {}
        with self.store.transaction() as tx:
            for id_ in ids:
                waiting = self._retry_waiting(tx, id_, now)
                if waiting is not None:
                    done[id_] = waiting
                    if waiting.settled:
                        log_retry(self.participant, actor, id_, now, tx)
        rest = [id_ for id_ in ids if id_ not in done]
        for one in retry_all(self.participant, self.store, rest, actor, wait_s, now):
            done[str(one.id)] = one
        return [done[id_] for id_ in ids]

    def plan(self, ids: Sequence[str], now: int, *, accepted_events: bool) -> list[QueueDiscard]:
        """Return the result of discarding each item without changing anything.

        Args:
            ids: ids of items.
            now: ms.
            accepted_events: whether to include events that were accepted from another agency.
        """
        with self.store.reading() as tx:
            return [self._planned(tx, id_, now, accepted_events) for id_ in ids]

    def discard(
        self, planned: Sequence[QueueDiscard], actor: Actor, now: int
    ) -> list[QueueDiscard]:
        """Carry out a plan: content is removed permanently, and the log records it.

        Args:
            planned: result of `plan`; items that it does not discard stay unchanged.
            actor: the person who discards, and the reason.
            now: ms.

        Raises:
            KeyAccessError: the agency's secret is not available; nothing is discarded.
            StoreError: the state cannot be written.
        """
        held = [one.id for one in planned if one.settled and _is_put_aside(one)]
        discarding = Discarding(self.participant, self.store)
        wanted = discarding.plan(Wanted(held, accepted_events=True), now)
        done = {one.id: one.outcome for one in discarding.discard(wanted, actor, now)}
        waiting = [one for one in planned if one.settled and not _is_put_aside(one)]
        if waiting:
            secret = self.participant.keyring.secret()
            with self.store.transaction() as tx:
                for one in waiting:
                    entries = self._discard_waiting(tx, one.id, secret, now)
                    done[one.id] = "discarded" if entries else "not_held"
                    log_act(tx, self.participant, actor, secret, entries, now)
        return [replace(one, outcome=done.get(one.id, one.outcome)) for one in planned]

    def _planned(self, tx: Transaction, id_: str, now: int, accepted_events: bool) -> QueueDiscard:
        item = self._find(tx, id_, now)
        if item is None:
            return QueueDiscard(id_, "not_held")
        if item.stays:
            return QueueDiscard(id_, "stays", item)
        if item.kind == "event" and not accepted_events:
            return QueueDiscard(id_, "needs_accepted", item)
        return QueueDiscard(id_, "discarded", item)

    def _find(self, tx: Transaction, id_: str, now: int) -> QueueItem | None:
        held = self._held(tx, now)
        found = next((one for one in held if one.id == id_), None)
        return self._waiting_one(tx, id_, now) if found is None else found

    def _items(self, tx: Transaction, limit: int, now: int) -> list[QueueItem]:
        """Return the items, oldest first: what waits, at most `limit`, and all that is held."""
        found = [*self._held(tx, now), *self._waiting(tx, limit, now)]
        return sorted(found, key=lambda one: (one.since_ms, one.id))

    def _held(self, tx: Transaction, now: int) -> list[QueueItem]:
        return [
            put_aside_item(item)
            for item in held_items(tx, held_folders(self.participant), now)
            if item.kind in self.kinds
        ]

    @abstractmethod
    def _waiting(self, tx: Transaction, limit: int, now: int) -> list[QueueItem]:
        """Return the oldest `limit` events that are not held items of `kinds`."""

    @abstractmethod
    def _waiting_one(self, tx: Transaction, id_: str, now: int) -> QueueItem | None:
        """Return one of these events by its id; None if there is none."""

    @abstractmethod
    def _retry_waiting(self, tx: Transaction, id_: str, now: int) -> Retried | None:
        """Try an event again that only waits; None if it is another item."""

    @abstractmethod
    def _discard_waiting(
        self, tx: Transaction, id_: str, secret: bytes, now: int
    ) -> list[NewLogEntry]:
        """Discard an event that only waits. Returns its log entries, none if it is gone."""


def _is_put_aside(one: QueueDiscard) -> bool:
    return one.item is not None and one.item.state == "put_aside"
