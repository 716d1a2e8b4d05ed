"""Behind ``concordant quarantine retry``: a held record, judged again from step 5.

docs/spec/opening.md, "Quarantine". Its place in the sender's stream was settled when it came, so
step 4 is not taken again; steps 0 to 3 are, because the bytes have lain in a database since, and
because a key that was revoked meanwhile is not believed any more. What opens is in the inbox, the
disclosure log and no longer held in one transaction, as at step 11.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from broker import pseudonyms
from broker.agency.participant import Participant
from broker.audit import recording
from broker.audit.actor import Actor
from broker.audit.head_signing import sign_own_head
from broker.audit.joining import combined
from broker.audit.log import append_entries
from broker.audit.reasons import attributed
from broker.errors import RefusedError
from broker.event import OpenedEvent
from broker.judging.decryption import open_record
from broker.judging.judgements import DEFERRED_CODES
from broker.judging.key_resolver import KeyResolver, OpeningKeys
from broker.judging.store_context import StoreContext
from broker.judging.verification import VerifiedRecord, verify_record
from broker.judging.verification_cache import VerificationCache
from broker.receiving.inbox_payload import inbox_row
from broker.receiving.quarantining import restored
from broker.referrals import Referrals
from broker.store.database import Store
from broker.store.rows import QuarantineRow
from broker.store.transaction import Transaction
from contracts.errors import EventError

Settled: TypeAlias = Literal["opened", "repeat", "not_addressed"]
StillHeld: TypeAlias = Literal["refused", "deferred", "not_held"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one record.

    Attributes:
        id: the quarantine's number of it.
        outcome: `opened`, `repeat` (the same event is in the inbox already), `not_addressed`,
            `refused`, `deferred` (time or news may cure it; held as well), or `not_held`.
        step: of the refusal.
        code: of the refusal.
    """

    id: int
    outcome: Settled | StillHeld
    step: int | float | None = None
    code: str | None = None

    @property
    def settled(self) -> bool:
        """Whether it is no longer held."""
        return self.outcome in {"opened", "repeat", "not_addressed"}

    def as_json(self) -> dict[str, object]:
        """For scripts."""
        return {"id": self.id, "outcome": self.outcome, "step": self.step, "code": self.code}


class Retries:
    """Judges held records again, each in a transaction of its own."""

    def __init__(self, participant: Participant, store: Store, actor: Actor) -> None:
        """Unlocks the agency's secret.

        Args:
            participant: the agency.
            store: its state.
            actor: who asks, and why.

        Raises:
            KeyAccessError: the secret cannot be had.
        """
        self._participant = participant
        self._store = store
        self._actor = actor
        self._secret = participant.keyring.secret()
        self._trust = KeyResolver(participant.agency, participant.manifests, participant.contracts)
        self._keys = OpeningKeys(participant.agency, participant.manifests, participant.keyring)
        self._memories = VerificationCache()

    def retry(self, id_: int, now: int) -> Outcome:
        """One record.

        Args:
            id_: the quarantine's number of it.
            now: milliseconds since the epoch.

        Raises:
            StoreError: nothing was changed.
            KeyAccessError: an exchange key cannot be unlocked.
        """
        with self._store.transaction() as tx:
            row = tx.quarantine.get(id_)
            if row is None or row.status != "held":
                return Outcome(id_, "not_held")
            view = self._view(tx, now)
            try:
                verified = verify_record(restored(row), view, now)
            except RefusedError as refusal:
                return Outcome(id_, "refused", refusal.step, refusal.code)
            try:
                found = open_record(verified, view, now)
                if isinstance(found, OpenedEvent):
                    self._take(tx, view, row, verified, found, now)
            except RefusedError as refusal:
                kept: StillHeld = "deferred" if refusal.code in DEFERRED_CODES else "refused"
                return Outcome(id_, kept, refusal.step, refusal.code)
            except EventError as error:  # a referral's course does not allow it
                return Outcome(id_, "refused", 11, error.code)
            done: Settled = "opened" if isinstance(found, OpenedEvent) else found
            self._end(tx, row, verified, done, now)
            return Outcome(id_, done)

    def _end(
        self, tx: Transaction, row: QuarantineRow, verified: VerifiedRecord, done: Settled, now: int
    ) -> None:
        """The record is no longer held."""
        tx.quarantine.end(row.id, "retried", now)
        origin = verified.origin
        tx.reader_logs.set_status(
            origin.agency,
            origin.topic,
            origin.partition,
            origin.generation,
            verified.fact.index,
            "not_addressed" if done == "not_addressed" else "stored",
        )

    def _take(
        self,
        tx: Transaction,
        view: StoreContext,
        row: QuarantineRow,
        verified: VerifiedRecord,
        event: OpenedEvent,
        now: int,
    ) -> None:
        """Into the inbox and the disclosure log."""
        signed = self._trust.contracts.by_hash(bytes.fromhex(event.contract[2]))
        assert signed is not None
        case_key = pseudonyms.case_key(self._secret, str(event.flat["case_id"]))
        held = Referrals(tx)
        held.received(event, signed.contract, now)
        held.write()
        tx.inbox.add(inbox_row(event, verified, view.opened(event), case_key, now))
        entries = recording.received(
            event,
            signed.contract,
            recording.contract_reference(signed.text),
            self._participant.agency,
            case_key,
            now,
            self._actor.operator,
        )
        agency, operator = self._participant.agency, self._actor.operator
        entries += combined(tx, [(case_key, event.source)], agency, now, operator)
        append_entries(tx, attributed(tx, self._actor, self._secret, entries))
        sign_own_head(tx, self._participant, now)

    def _view(self, tx: Transaction, now: int) -> StoreContext:
        return StoreContext(
            tx,
            self._participant.deployment,
            self._participant.agency,
            self._trust,
            self._keys,
            self._secret,
            self._memories,
            now,
        )
