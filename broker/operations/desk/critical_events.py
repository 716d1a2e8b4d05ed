"""Critical events that people must have seen: those that wait, and the confirmation of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from broker.audit.actor import Actor
from broker.audit.log import append_entries
from broker.audit.reasons import attributed
from broker.operations.desk.agency import DeskAgency
from broker.operations.desk.consultation import consultation_entry, contract_of
from broker.operations.desk.errors import referral_not_kept
from broker.operations.desk.referral_list import ReferralLine, Words
from broker.operations.desk.shown_fields import ShownField, shown_fields
from broker.store.desk_rows import DeskEventRow, ListedReferralRow
from broker.store.transaction import Transaction
from contracts.durations import duration_ms

MOST_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class CriticalEvent:
    """A critical event that no person has confirmed yet, without anything that identifies a person.

    Attributes:
        source: its sender.
        source_name: the sender's legal name.
        event_id: its id.
        description: what such an event says, one sentence of the vocabulary.
        received_ms: when it came.
        confirm_by_ms: by when the agreement asks for an acknowledgement, if it does.
        referrals: this agency's referrals of the case.
    """

    source: str
    source_name: str
    event_id: str
    description: str
    received_ms: int
    confirm_by_ms: int | None
    referrals: tuple[ReferralLine, ...]


def unconfirmed_events(agency: DeskAgency) -> tuple[CriticalEvent, ...]:
    """Return the oldest critical events that wait for a person.

    Raises:
        StoreError: the state cannot be read.
        KeyAccessError: the agency's secret is not available.
    """
    with agency.store.reading() as tx:
        return tuple(_critical(tx, agency, row) for row in tx.desk_events.unconfirmed(MOST_SHOWN))


def open_critical_event(
    agency: DeskAgency, actor: Actor, source: str, event_id: str
) -> tuple[CriticalEvent, tuple[ShownField, ...]]:
    """Return a critical event and its fields, after the disclosure log has recorded who opens it.

    Raises:
        DeskError: `referral_not_kept`.
        ReasonMissingError: the agreement asks for a reason, and the person states none.
        StoreError: the state cannot be read or the log cannot be written; nothing is shown.
        KeyAccessError: the agency's secret is not available.
    """
    with agency.store.transaction() as tx:
        row = _required(tx, source, event_id)
        fields = _consult(tx, agency, actor, row)
        return _critical(tx, agency, row), fields


def confirm_critical_event(agency: DeskAgency, actor: Actor, source: str, event_id: str) -> bool:
    """Note that a person has seen a critical event; the disclosure log records who.

    Returns:
        False if another person confirmed it before.

    Raises:
        DeskError: `referral_not_kept`.
        ReasonMissingError: the agreement asks for a reason, and the person states none.
        StoreError: nothing was noted.
        KeyAccessError: the agency's secret is not available.
    """
    with agency.store.transaction() as tx:
        row = _required(tx, source, event_id)
        if not tx.desk_events.confirm(source, event_id, agency.clock()):
            return False
        _consult(tx, agency, actor, row)
    return True


def _required(tx: Transaction, source: str, event_id: str) -> DeskEventRow:
    row = tx.desk_events.find(source, event_id) if source else None
    if row is None or not row.critical:
        raise referral_not_kept()
    return row


def _consult(
    tx: Transaction, agency: DeskAgency, actor: Actor, row: DeskEventRow
) -> tuple[ShownField, ...]:
    """Record the consultation of an event, and return its fields; none if it was removed."""
    kept = agency.contents().open_event(row)
    if kept is None:
        return ()
    entry = consultation_entry(agency, actor, row, kept, agency.clock())
    append_entries(tx, attributed(tx, actor, agency.secret, [entry]))
    vocabulary = contract_of(agency, kept).vocabulary
    event = kept.event
    return shown_fields(
        vocabulary, event.type, event.flat, event.unlisted, without=(vocabulary.case,)
    )


def _critical(tx: Transaction, agency: DeskAgency, row: DeskEventRow) -> CriticalEvent:
    words = Words(agency)
    rows = [
        ListedReferralRow(referral, facts.service, facts.urgency, facts.critical)
        for facts in tx.desk_events.referrals_of(row.case_key)
        if (referral := tx.referrals.get(facts.referral_id)) is not None
    ]
    contract = next(
        one
        for one in reversed(agency.known_contracts())
        if row.type in one.event_types and row.source in one.by_id
    )
    levels = contract.event_types[row.type].service_levels
    return CriticalEvent(
        row.source,
        agency.name_of(row.source),
        row.event_id,
        contract.vocabulary.type(row.type).description,
        row.received_ms,
        row.received_ms + duration_ms(levels.acknowledge_within) if levels else None,
        tuple(words.line(one) for one in rows),
    )
