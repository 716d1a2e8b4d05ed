"""Acceptance of events for sending: check, encrypt and store them in one transaction.

Events are checked one by one, and then encrypted and written together. One SQL statement for each
table (outbox, disclosure log, items) writes all events of a transaction. So the main cost is one
commit for each batch (docs/benchmarks.md). The relay sends the events later
(broker/sending/relay.py). An accepted event survives a crash, because it is already stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from broker import pseudonyms
from broker.audit import recording
from broker.audit.entries import NewLogEntry
from broker.audit.joining import OWN_SYSTEM, combined
from broker.audit.log import append_entries
from broker.figures.recording import FactRecorder
from broker.figures.unions.seen_cases import SeenRecorder
from broker.referrals import Referrals
from broker.registry.contract_in_force import ContractInForce
from broker.sending.addressees import NotSealed
from broker.sending.copies import (
    CONSENT_WITHDRAWN,
    MAX_COPIES_BYTES,
    cancel,
    kept_rows,
    withdrawn_by,
)
from broker.sending.recipients import recipient_rows
from broker.sending.sealing import EventSealer, Prepared
from broker.store.rows import ItemOutcome, ItemRow, NewOutboxRow
from broker.store.transaction import Transaction
from contracts.errors import ConcordantError, EventError
from contracts.events import PlainEvent
from contracts.policy import LeftOut


class Acceptance:
    """Events that one transaction accepts. ``Publisher.accepting`` writes them at its end."""

    def __init__(self, sealer: EventSealer, tx: Transaction) -> None:
        self._sealer = sealer
        self._tx = tx
        self._accepted: list[tuple[Prepared, bool]] = []
        self._entries: list[NewLogEntry] = []
        self._sources: dict[tuple[bytes, str], None] = {}  # an ordered set
        self._items: dict[bytes, ItemRow] = {}
        self._again: list[str] = []
        self._referrals = Referrals(tx)
        self._facts = FactRecorder(tx, sealer.secret, sealer.agency)
        self._seen = SeenRecorder(tx, sealer.secret)
        self._now = 0
        self._behind: set[tuple[bytes, str]] | None = None
        self._copies_size: int | None = None
        self.left_out: tuple[LeftOut, ...] = ()
        """Fields that the last ``publish`` left out, with the agencies that do not get them."""
        self.clauses: Mapping[str, str] = {}
        """Clause of the agreement for each field of the last ``publish``, if one decided."""
        self.in_force: ContractInForce | None = None
        """Agreement of the last ``publish``; None if it added no event."""
        self.not_sealed: tuple[NotSealed, ...] = ()
        """Addressed agencies to which the last ``publish`` did not seal, with the reason."""
        self.newly_refused = False
        """True if the last refusal was logged. The same refusal of the same item is logged once."""

    def publish(
        self,
        event: PlainEvent,
        now: int,
        *,
        source_key: bytes | None = None,
        operator: str = recording.OPERATOR,
        leave_out: bool = False,
    ) -> str | None:
        """Accept an event for publication.

        Args:
            event: type, recipients, data.
            now: ms.
            source_key: idempotency key of the exported row. An event with a known key is not
                published again.
            operator: name of the actor, for the log.
            leave_out: whether to leave out fields that the contract does not allow, instead of
                refusing the event.

        Returns:
            The event's id, or None if this item was published before.

        Raises:
            EventError: the event was refused. The refusal is added to the log, and the caller must
                commit the transaction.
            RegistryError: a contract or a key is missing now. Nothing is written for this event.
        """
        self._now, self.left_out, self.not_sealed = now, (), ()
        self.clauses, self.in_force = {}, None
        known: ItemRow | None = None
        if source_key is not None:
            known = self._known(source_key)
            if known is not None and known.outcome == "published":
                self.left_out = self._left_out_again(event, now, leave_out)
                return None
        # accepted before, but its sealed value was faulty: seal it again under the same id
        again = known is not None and known.outcome == "seal_again"
        try:
            full = self._copies_full()
            prepared = self._sealer.prepare(
                event,
                now,
                source_key,
                leave_out=leave_out,
                behind=self._waits_for(event),
                wait=full,
                keep=not full,
            )
            contract = prepared.in_force.contract
            if not again:  # the first acceptance already stored the referral
                told = replace(prepared.event, recipients=_served(event, prepared))
                self._referrals.published(told, contract, prepared.event_id, now)
        except EventError as refusal:
            self.newly_refused = known is None or known.code != refusal.code
            if self.newly_refused:  # otherwise it is already in the log
                self._log_refusal(event, refusal, now, operator)
            if known is None or not again:
                self._item(source_key, None, "refused", refusal.code, now)
            else:
                self._item(source_key, known.event_id, "seal_again", refusal.code, now)
            raise
        if again:
            self._again.append(prepared.event_id)
        self.left_out, self.not_sealed = prepared.decision.left_out, prepared.not_sealed
        self.in_force = prepared.in_force
        self.clauses = {one.path: one.clause for one in prepared.decision.fields if one.clause}
        self._accepted.append((prepared, event.type in contract.vocabulary.urgent_types))
        case_key = pseudonyms.case_key(self._sealer.secret, prepared.case_id)
        reached = replace(event, recipients=_served(event, prepared))
        self._facts.published(reached, contract, prepared.event_id, case_key, now)
        self._seen.published(contract, prepared.case_id, case_key, now)
        self._keep_copies(event, prepared, case_key, now)
        if source_key is not None:
            self._entries += recording.collected(
                contract.vocabulary, event.type, prepared.event_id, case_key, now, operator
            )
            self._sources[case_key, OWN_SYSTEM] = None
        self._entries.append(
            recording.disclosed(
                event,
                prepared.event_id,
                prepared.decision,
                recording.contract_reference(prepared.in_force.text),
                case_key,
                now,
                operator,
                not_sealed=dict(prepared.not_sealed),
            )
        )
        self._item(source_key, prepared.event_id, "published", None, now)
        return prepared.event_id

    def _waits_for(self, event: PlainEvent) -> frozenset[str]:
        """Return the agencies for which an earlier event of the same case waits."""
        if self._behind is None:
            self._behind = self._tx.copies.behind()
        if not self._behind:
            return frozenset()
        case = recording.case_of(event, self._sealer.vocabularies())
        key = pseudonyms.case_key(self._sealer.secret, case) if case else b""
        return frozenset(agency for at, agency in self._behind if at == key)

    def _copies_full(self) -> bool:
        """Return True if no more copies can be stored.

        Then an event to an agency that may return is refused while this agency is away.
        """
        if self._copies_size is None:
            self._copies_size = self._tx.copies.size()
        return self._copies_size >= MAX_COPIES_BYTES

    def _keep_copies(
        self, event: PlainEvent, prepared: Prepared, case_key: bytes, now: int
    ) -> None:
        """Store copies of the event for agencies that may return.

        If the event withdraws a consent, cancel the waiting copies that needed it.
        """
        secret = self._sealer.secret
        known: set[tuple[str, str]] = set()
        if self._behind:
            waiting = self._tx.copies.waiting()
            known = {(row.event_id, row.agency) for row in waiting}
            gone = withdrawn_by(secret, prepared, case_key, waiting)
            self._entries += cancel(self._tx, secret, gone, CONSENT_WITHDRAWN, now)
        if not prepared.not_sealed:
            return
        rows = [
            row
            for row in kept_rows(secret, prepared, event.recipients, case_key, now)
            if (row.event_id, row.agency) not in known  # the event is sealed again
        ]
        self._tx.copies.add_many(rows)
        assert self._behind is not None
        assert self._copies_size is not None
        self._behind |= {(case_key, row.agency) for row in rows}
        self._copies_size += sum(len(row.content) for row in rows)

    def refuse(
        self, item_key: bytes, code: str, now: int, *, operator: str = recording.OPERATOR
    ) -> bool:
        """Log the refusal of a row that could not become an event, once for each row and code.

        Args:
            item_key: key of the item; the same item offered again has the same key.
            code: reason code.
            now: ms.
            operator: name of the actor, for the log.

        Returns:
            False if this refusal is already in the log.
        """
        known = self._known(item_key)
        if known is not None and known.code == code:
            return False
        self._now = now
        self._entries.append(recording.refused(None, code, now, operator))
        self._item(item_key, None, "refused", code, now)
        return True

    def _log_refusal(self, event: PlainEvent, refusal: EventError, now: int, operator: str) -> None:
        words = self._sealer.vocabularies()
        case = recording.case_of(event, words)
        self._entries.append(
            recording.refused(
                event.type if any(event.type in each.event_types for each in words) else None,
                refusal.code,
                now,
                operator,
                case_key=pseudonyms.case_key(self._sealer.secret, case) if case else None,
                recipients=event.recipients,
                clause=refusal.clause,
            )
        )

    def _known(self, source_key: bytes) -> ItemRow | None:
        return self._items.get(source_key) or self._tx.items.find(source_key)

    def _left_out_again(self, event: PlainEvent, now: int, leave_out: bool) -> tuple[LeftOut, ...]:
        """Return the fields left out of an event that was published before, for its report file."""
        try:
            decision = self._sealer.decide(event, now, leave_out=leave_out)
        except ConcordantError:  # for example, the contract has ended since
            return ()
        return decision.left_out

    def _item(
        self,
        source_key: bytes | None,
        event_id: str | None,
        outcome: ItemOutcome,
        code: str | None,
        now: int,
    ) -> None:
        if source_key is not None:
            self._items[source_key] = ItemRow(source_key, event_id, outcome, code, now)

    def write(self) -> None:
        """Encrypt the accepted events. Write events, log entries and refusals."""
        values = self._sealer.seal_prepared([one for one, _ in self._accepted])
        outbox = [
            row
            for (one, urgent), sealed in zip(self._accepted, values, strict=True)
            for row in _rows(one, sealed, urgent)
        ]
        self._referrals.write()
        self._facts.write()
        self._seen.write()
        self._tx.outbox.sealed_again(self._again)
        seqs = self._tx.outbox.add_many(outbox, self._now)
        self._tx.recipients.add_many(
            recipient_rows([one for one, _ in self._accepted], seqs, self._now), self._now
        )
        agency, operator = self._sealer.agency, recording.OPERATOR
        joined = combined(self._tx, self._sources, agency, self._now, operator)
        append_entries(self._tx, [*self._entries, *joined])
        self._tx.items.add_many(list(self._items.values()))


def _served(event: PlainEvent, prepared: Prepared) -> tuple[str, ...]:
    """Return the agencies that the event reaches, now or later."""
    never = {one.agency for one in prepared.not_sealed if not one.later}
    return tuple(agency for agency in event.recipients if agency not in never)


def _rows(event: Prepared, values: Sequence[bytes], urgent: bool) -> Iterator[NewOutboxRow]:
    """Yield the outbox rows of an event: one for each record."""
    for drafted, value in zip(event.drafts, values, strict=True):
        own = None if drafted.clear_text == event.event_id else drafted.clear_text
        yield NewOutboxRow(event.event_id, event.topic, event.partition, value, urgent, own)


class Publisher:
    """Accepts events in the caller's transactions."""

    def __init__(self, sealer: EventSealer) -> None:
        self._sealer = sealer

    @contextmanager
    def accepting(self, tx: Transaction) -> Iterator[Acceptance]:
        """Collect the events of one transaction, and write them when the block ends.

        If an EventError leaves the block, its log entry is written too. The caller must catch the
        error and commit.

        Args:
            tx: the transaction in which events and refusals are written.
        """
        acceptance = Acceptance(self._sealer, tx)
        try:
            yield acceptance
        except EventError:
            acceptance.write()
            raise
        acceptance.write()

    def shared_id(self, kind: str, own_reference: str) -> str:
        """Return the shared id for this agency's reference of a ``case`` or ``referral``.

        It is derived from the secret, so it stays the same when the database is restored.
        """
        return pseudonyms.minted_id(self._sealer.secret, kind, own_reference)

    def publish(
        self,
        tx: Transaction,
        event: PlainEvent,
        now: int,
        *,
        source_key: bytes | None = None,
        operator: str = recording.OPERATOR,
    ) -> str | None:
        """Accept one event; see ``Acceptance.publish``."""
        with self.accepting(tx) as acceptance:
            return acceptance.publish(event, now, source_key=source_key, operator=operator)
