"""Retry of held items: a refused record is judged again from step 5; other items are tried again.

docs/spec/opening.md, "Quarantine". A record's position in the sender's stream was decided on
arrival, so step 4 is not repeated. Steps 0 to 3 are repeated, because the bytes have been in a
database, and a key may have been revoked meanwhile. A record that opens is accepted in one
transaction, as at step 11.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, TypeAlias

from broker.agency.participant import Participant
from broker.audit import recording
from broker.audit.actor import Actor
from broker.audit.entries import NewLogEntry
from broker.audit.head_signing import log_act
from broker.errors import RefusedError
from broker.event import OpenedEvent
from broker.held import retrying
from broker.held.inventory import held_folders
from broker.held.retrying import Retried, outcome_of_event, retry_held
from broker.judging.decryption import WrapCount, open_record
from broker.judging.judgements import DEFERRED_CODES
from broker.judging.key_resolver import TrustStore
from broker.judging.store_context import StoreContext
from broker.judging.verification import VerifiedRecord, verify_record
from broker.judging.verification_cache import VerificationCache
from broker.receiving.accepted_events import AcceptedEvents
from broker.receiving.quarantining import restored
from broker.store.database import Store
from broker.store.rows import QuarantineRow
from broker.store.transaction import Transaction

HELD_ID: Final = re.compile(rf"(?:[1-9][0-9]{{0,17}}|{retrying.ID.pattern})\Z")
"""An id: the number of a record, or a kind and its suffix."""
_POLL_S: Final = 0.1

Settled: TypeAlias = Literal["opened", "repeat", "not_addressed"]
StillHeld: TypeAlias = Literal["refused", "deferred", "not_held"]


@dataclass(frozen=True, slots=True)
class RetriedRecord:
    """Result for one record.

    Attributes:
        id: its number in the quarantine.
        outcome: `opened`, `repeat` (the same event is already in the inbox), `not_addressed`,
            `refused`, `deferred` (still held; it may be accepted later), or `not_held`.
        step: step of the refusal.
        code: code of the refusal.
    """

    id: int
    outcome: Settled | StillHeld
    step: int | float | None = None
    code: str | None = None

    @property
    def settled(self) -> bool:
        """Return whether it is no longer held."""
        return self.outcome in {"opened", "repeat", "not_addressed"}

    def as_json(self) -> dict[str, object]:
        """Return the result for scripts."""
        return {"id": self.id, "outcome": self.outcome, "step": self.step, "code": self.code}


def retry_all(
    participant: Participant,
    store: Store,
    ids: Sequence[str],
    actor: Actor,
    wait_s: float,
    now: int,
    *,
    vouched: bool = False,
) -> list[RetriedRecord | Retried]:
    """Try each item again, in the given order.

    Args:
        participant: the agency.
        store: its state.
        ids: ids from ``quarantine list``.
        actor: the person who asks, and the reason.
        wait_s: how long to wait until the running adapter has tried the events.
        now: ms.
        vouched: a person vouches that records with the code `not_heard` are genuine.

    Raises:
        ConcordantError: the agency's secret is not available, or its state cannot be written.
        OSError: a file cannot be moved.
    """
    records: RecordRetry | None = None
    found: list[RetriedRecord | Retried] = []
    for id_ in ids:
        if id_.isdigit():
            records = records or RecordRetry(participant, store, actor)
            found.append(records.retry(int(id_), now, vouched=vouched))
            continue
        log = partial(log_retry, participant, actor, id_, now)
        found.append(retry_held(store, held_folders(participant), id_, now, log))
    return _waited(store, found, wait_s)


def log_retry(participant: Participant, actor: Actor, id_: str, now: int, tx: Transaction) -> None:
    """Record in the disclosure log that a person asked to try an item again.

    Args:
        participant: the agency.
        actor: the person, and the reason.
        id_: id of the item.
        now: ms.
        tx: the transaction of the retry.

    Raises:
        KeyAccessError: a reason is given and the agency's secret is not available.
    """
    secret = participant.keyring.secret() if actor.reason else None
    log_act(tx, participant, actor, secret, [_entry(tx, id_, now)], now)


def _entry(tx: Transaction, id_: str, now: int) -> NewLogEntry:
    """Return the entry for a retry: the event's id and sender, if the item is an event."""
    kind, _, rest = id_.partition("-")
    if kind == "event" and (row := tx.inbox.get(int(rest))) is not None:
        return recording.retried(
            id_, now, case_key=row.case_key, event_id=row.event_id, source=row.source
        )
    if kind == "outbox" and retrying.EVENT_ID.fullmatch(rest):
        return recording.retried(id_, now, event_id=rest)
    return recording.retried(id_, now)


def _waited(
    store: Store, found: list[RetriedRecord | Retried], wait_s: float
) -> list[RetriedRecord | Retried]:
    until = time.monotonic() + wait_s
    while any(one.outcome == "released" for one in found) and time.monotonic() < until:
        time.sleep(_POLL_S)
        with store.reading() as tx:
            found = [
                outcome_of_event(tx, str(one.id)) if one.outcome == "released" else one
                for one in found
            ]
    return found


class RecordRetry:
    """Judges held records again, each in a separate transaction."""

    def __init__(self, participant: Participant, store: Store, actor: Actor) -> None:
        """Unlock the agency's secret.

        Args:
            participant: the agency.
            store: its state.
            actor: the person who asks, and the reason.

        Raises:
            KeyAccessError: the secret is not available.
        """
        self._participant = participant
        self._store = store
        self._actor = actor
        self._secret = participant.keyring.secret()
        self._trust = TrustStore(
            participant.agency, participant.contracts, participant.manifests, participant.keyring
        ).current
        self._cache = VerificationCache()

    def retry(self, id_: int, now: int, *, vouched: bool = False) -> RetriedRecord:
        """Judge one record again.

        Args:
            id_: its number in the quarantine.
            now: milliseconds since the epoch.
            vouched: a person vouches that it was there before an end of its sender's part.

        Raises:
            StoreError: nothing was changed.
            KeyAccessError: an exchange key cannot be unlocked.
        """
        with self._store.transaction() as tx:
            row = tx.quarantine.get(id_)
            if row is None or row.status != "held":
                return RetriedRecord(id_, "not_held")
            context = StoreContext(tx, self._trust, self._secret, self._cache, now)
            try:
                verified = verify_record(restored(row), context, self._cache, now)
            except RefusedError as refusal:
                self._log(tx, row, refusal.code, now)
                return RetriedRecord(id_, "refused", refusal.step, refusal.code)
            try:
                found = self._opened(verified, context, now, 0 if vouched else row.added_ms)
                if isinstance(found, OpenedEvent):
                    self._accept(tx, context, verified, found, now)
                else:
                    self._log(tx, row, row.code, now)
            except RefusedError as refusal:
                kept: StillHeld = "deferred" if refusal.code in DEFERRED_CODES else "refused"
                self._log(tx, row, refusal.code, now)
                return RetriedRecord(id_, kept, refusal.step, refusal.code)
            done: Settled = "opened" if isinstance(found, OpenedEvent) else found
            self._end(tx, id_, verified, done, now)
            return RetriedRecord(id_, done)

    def _log(self, tx: Transaction, row: QuarantineRow, code: str, now: int) -> None:
        """Record a retry that accepted no event; an accepted one gives a collection."""
        entry = recording.retried(str(row.id), now, code=code, source=row.agency)
        log_act(tx, self._participant, self._actor, self._secret, [entry], now)

    def _opened(
        self, verified: VerifiedRecord, context: StoreContext, now: int, arrived: int
    ) -> OpenedEvent | Literal["not_addressed", "repeat"]:
        """Steps 5 to 10; the new wraps that are tried count in their sender's budget."""
        sender = verified.origin.agency
        wraps = WrapCount(context.wraps_left(sender))
        try:
            return open_record(verified, context, self._cache, now, wraps, arrived=arrived)
        finally:
            context.count_wraps(sender, wraps.tried)

    def _end(
        self, tx: Transaction, id_: int, verified: VerifiedRecord, done: Settled, now: int
    ) -> None:
        """Release the record from hold."""
        tx.quarantine.end(id_, "retried", now)
        tx.reader_logs.set_status(
            verified.origin.log,
            verified.position.index,
            "not_addressed" if done == "not_addressed" else "stored",
        )

    def _accept(
        self,
        tx: Transaction,
        context: StoreContext,
        verified: VerifiedRecord,
        event: OpenedEvent,
        now: int,
    ) -> None:
        """Write the event to the inbox and the disclosure log.

        Raises:
            RefusedError: step 11: the status of its referral does not allow it.
        """
        accepted = AcceptedEvents(tx, context, self._secret, now, self._actor.operator)
        entries = accepted.accept(event, verified)
        accepted.write()
        entries += accepted.combinations()
        log_act(tx, self._participant, self._actor, self._secret, entries, now)
