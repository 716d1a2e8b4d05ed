"""Quarantine of an agency: lists of held and of unverified records; export; show.

Viewing a held event is a consultation, as with ``event open``: it is logged before the content is
shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from broker.agency.participant import Participant, load_participant
from broker.agency.running import open_held_state
from broker.audit import recording
from broker.audit.actor import Actor
from broker.audit.consultations import shown_to
from broker.audit.head_signing import log_act
from broker.audit.log import append_entries
from broker.audit.reasons import attributed
from broker.errors import RegistryError, WrongInputError
from broker.event import OpenedEvent
from broker.held.inventory import held_folders, held_items
from broker.held.items import HeldItem
from broker.receiving.inbox_payload import parse_payload
from broker.receiving.quarantining import restored
from broker.record import Record
from broker.store.database import Store
from broker.store.rows import DiscardedEventRow, HeldEventRow, QuarantineRow, UnauthenticatedRow
from broker.store.transaction import Transaction

MOST: Final = 1_000_000
"""Limit for a statement that needs one; the quotas of all senders are far below it."""


HeldRecord: TypeAlias = QuarantineRow
"""A refused record, without its bytes."""
Unverified: TypeAlias = UnauthenticatedRow
DiscardedEvent: TypeAlias = DiscardedEventRow


class QuarantinedRecords:
    """An agency's quarantine.

    Attributes:
        participant: the agency.
        store: its state.
    """

    def __init__(self, agency: Path, now: int) -> None:
        """Load the agency and open its state.

        Raises:
            ConcordantError: the agency's folder cannot be loaded, or its state cannot be opened.
        """
        self.participant = load_participant(agency, now)
        self.store = open_held_state(self.participant)

    def records(self, limit: int, *, held_only: bool) -> list[HeldRecord]:
        """Return the newest `limit` records, oldest first."""
        with self.store.reading() as tx:
            return tx.quarantine.list("held" if held_only else None, limit)

    def others(self, now: int) -> list[HeldItem]:
        """Return every other held item, by kind and age."""
        with self.store.reading() as tx:
            items = held_items(tx, held_folders(self.participant), now)
        return [item for item in items if item.kind != "record"]

    def export(self, ids: Sequence[int], actor: Actor, now: int) -> list[Record]:
        """Return records as Kafka delivered them, sealed, and log the export.

        Args:
            ids: their numbers in the quarantine.
            actor: the person who exports, and the reason.
            now: ms.

        Raises:
            WrongInputError: ``record_unknown``; nothing is exported.
            KeyAccessError: a reason is given and the agency's secret is not available.
        """
        secret = self.participant.keyring.secret() if actor.reason else None
        with self.store.transaction() as tx:
            rows = [self._row(tx, id_) for id_ in ids]
            entries = [recording.released(row.agency, None, now) for row in rows]
            append_entries(tx, attributed(tx, actor, secret, entries))
        return [restored(row) for row in rows]

    def discarded(self, limit: int) -> list[DiscardedEvent]:
        """Return the newest accepted events that a person discarded, oldest first."""
        with self.store.reading() as tx:
            return tx.inbox.discarded(limit)

    def _row(self, tx: Transaction, id_: int) -> QuarantineRow:
        row = tx.quarantine.get(id_)
        if row is not None and row.status != "held":
            raise WrongInputError(
                f"Record {id_} is {row.status}: its bytes are not kept.",
                code="record_not_held",
                fix="Take the number of one that is held from: concordant quarantine list "
                f"--agency {self.participant.root}",
            )
        if row is None:
            raise WrongInputError(
                f"The quarantine has no record {id_}.",
                code="record_unknown",
                fix="Take its number from: concordant quarantine list "
                f"--agency {self.participant.root}",
            )
        return row

    def retried_by_all(self, now: int) -> list[str]:
        """Return ids of every held item except files, which a person corrects first."""
        records = [str(record.id) for record in self.records(MOST, held_only=True)]
        again = {"event", "outbox", "unconfirmed", "deferred"}
        return records + [item.id for item in self.others(now) if item.kind in again]

    def left_out_of_all(self, now: int) -> int:
        """Return the number of held items that a person must correct before a retry."""
        return sum(item.kind in {"file", "rows", "entry"} for item in self.others(now))

    def unverified(self, limit: int) -> tuple[Unverified, ...]:
        """Return the newest `limit` records, newest first."""
        with self.store.reading() as tx:
            return tx.quarantine.unauthenticated(limit)


_ALL = 1_000_000


@dataclass(frozen=True, slots=True)
class HeldContent:
    """A held event: the reason and its content.

    Attributes:
        row: reason and time, without content.
        event: the event.
        own_case: the agency's own reference of its case, if the two are linked.
    """

    row: HeldEventRow
    event: OpenedEvent
    own_case: str | None


def show_held_event(
    participant: Participant, store: Store, seq: int, actor: Actor, now: int
) -> HeldContent:
    """Return the content of a held event, and log the consultation.

    Args:
        participant: the agency.
        store: its state.
        seq: the event's number in the inbox.
        actor: the person who looks, and the reason.
        now: ms.

    Raises:
        WrongInputError: ``record_unknown``: no such event is held.
        ReasonMissingError: the agreement asks for a reason, and the person states none.
        RegistryError: ``contract_missing``, the contract of the event is missing.
        KeyAccessError: the agency's secret is not available.
        StoreError: the event is damaged, or the consultation cannot be logged.
    """
    secret = participant.keyring.secret()
    with store.transaction() as tx:
        row = _held(tx, seq, participant)
        kept = tx.inbox.get(seq)
        assert kept is not None
        event = parse_payload(kept.payload or b"")
        signed = participant.contracts.by_hash(bytes.fromhex(event.contract[2]))
        if signed is None:
            raise RegistryError(
                "The contract of this event is missing, so the consultation cannot be logged.",
                code="contract_missing",
                where="contracts/",
                fix="Put the contract and its signatures into contracts/.",
            )
        entry = shown_to(actor, event, signed.text, participant.agency, kept.case_key, now)
        log_act(tx, participant, actor, secret, [entry], now)
        return HeldContent(row, event, tx.links.own_for(event.case_id))


def _held(tx: Transaction, seq: int, participant: Participant) -> HeldEventRow:
    for row in tx.inbox.held(_ALL):
        if row.seq == seq:
            return row
    raise WrongInputError(
        f"No event event-{seq} is held.",
        code="record_unknown",
        fix=f"Take its id from: concordant quarantine list --agency {participant.root}",
    )
