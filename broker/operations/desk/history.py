"""History of a referral: each event of both sides, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from broker.event import JSON, OpenedEvent
from broker.keys.instant import parse_instant
from broker.operations.desk.agency import DeskAgency
from broker.operations.desk.consultation import contract_of
from broker.operations.desk.contents import KeptEvent
from broker.operations.desk.further_events import (
    EventReference,
    event_reference,
    withdrawal_path,
)
from broker.operations.desk.keeping import OURS
from broker.operations.desk.referral_list import Words
from broker.operations.desk.shown_fields import ShownField, shown_fields
from broker.operations.desk.subject import service_label
from broker.operations.event_status import RecipientState, event_status
from broker.store.desk_rows import DeskEventRow
from broker.store.transaction import Transaction
from contracts.policy import LeftOut
from contracts.referral import referral_rules, service_path
from contracts.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class ShownStatus:
    """A status that an event set.

    Attributes:
        status: its code.
        business_status: code of the progress within it, if the event set one.
        label: the progress in words, or the status if there is none.
    """

    status: str
    business_status: str | None
    label: str


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """One event of a referral or of its case.

    Attributes:
        event_id: its id.
        source: its sender.
        source_name: the sender's legal name.
        ours: whether this agency sent it.
        type: its type.
        description: what such an event says, one sentence of the vocabulary; empty if the content
            was removed.
        service: what it asks for in words, if it makes a referral.
        status: the status that it set; None if it set none.
        about: (sender, id) of the event that it answers or corrects, if it names one.
        critical: whether it goes before all others.
        confirmed_ms: when a person confirmed a critical one.
        time_ms: when it was sealed.
        received_ms: when it was kept here.
        recipients: names of the addressed agencies.
        flat: its leaves by path; empty if the content was removed.
        fields: its fields in words, without ids and numbers of the protocol.
        corrected: those of its fields that hold new values of a referral's fields.
        withdrawn: paths of the fields that it withdraws.
        removed: whether the content was removed.
        left_out: fields of ours that some recipient did not get.
        delivery: state of ours at each recipient.
    """

    event_id: str
    source: str
    source_name: str
    ours: bool
    type: str
    description: str
    service: str | None
    status: ShownStatus | None
    about: tuple[str, str] | None
    critical: bool
    confirmed_ms: int | None
    time_ms: int
    received_ms: int
    recipients: tuple[str, ...]
    flat: Mapping[str, JSON]
    fields: tuple[ShownField, ...]
    corrected: tuple[ShownField, ...]
    withdrawn: tuple[str, ...]
    removed: bool
    left_out: tuple[LeftOut, ...]
    delivery: tuple[RecipientState, ...]


def history_item(
    tx: Transaction, agency: DeskAgency, row: DeskEventRow, kept: KeptEvent | None, now: int
) -> HistoryItem:
    """Return an event of the history.

    Args:
        tx: the transaction that opens the referral.
        agency: this agency.
        row: the row of the event.
        kept: its content; None if it was removed.
        now: ms.
    """
    source = row.source or agency.id
    item = HistoryItem(
        event_id=row.event_id,
        source=source,
        source_name=agency.name_of(source),
        ours=row.source == OURS,
        type=row.type,
        description="",
        service=None,
        status=None,
        about=None,
        critical=row.critical,
        confirmed_ms=row.confirmed_ms,
        time_ms=row.received_ms,
        received_ms=row.received_ms,
        recipients=(),
        flat={},
        fields=(),
        corrected=(),
        withdrawn=(),
        removed=kept is None,
        left_out=(),
        delivery=_delivery(tx, agency, row, now),
    )
    return item if kept is None else _with_content(agency, item, kept)


def _delivery(
    tx: Transaction, agency: DeskAgency, row: DeskEventRow, now: int
) -> tuple[RecipientState, ...]:
    if row.source != OURS:
        return ()
    found = event_status(tx, agency.participant.deployment, agency.id, row.event_id, now)
    return () if found is None else found.recipients


def _with_content(agency: DeskAgency, item: HistoryItem, kept: KeptEvent) -> HistoryItem:
    event, contract = kept.event, contract_of(agency, kept)
    vocabulary = contract.vocabulary
    reference = event_reference(vocabulary, event.type)
    withdraws = withdrawal_path(vocabulary, event.type)
    hidden = _hidden(vocabulary, event.type, reference)
    fields = shown_fields(vocabulary, event.type, event.flat, event.unlisted, without=hidden)
    named = (event.flat.get(reference.source), event.flat.get(reference.id)) if reference else ()
    withdrawn = event.flat.get(withdraws) if withdraws else None
    return replace(
        item,
        description=vocabulary.type(event.type).description,
        service=_service(vocabulary, event),
        status=_status(agency, vocabulary, event),
        about=(str(named[0]), str(named[1])) if named and all(named) else None,
        time_ms=parse_instant(event.time),
        recipients=tuple(agency.name_of(one) for one in event.to if one != agency.id),
        flat=event.flat,
        fields=fields,
        corrected=_corrected(vocabulary, event.type, fields) if withdraws else (),
        withdrawn=tuple(map(str, withdrawn)) if isinstance(withdrawn, list) else (),
        left_out=kept.left_out,
    )


def _service(vocabulary: Vocabulary, event: OpenedEvent) -> str | None:
    rules = referral_rules(vocabulary)
    path = service_path(vocabulary)
    if rules is None or event.type != rules.made.type or path is None:
        return None
    code = event.flat.get(path)
    return service_label(vocabulary, code) if isinstance(code, str) else None


def _status(agency: DeskAgency, vocabulary: Vocabulary, event: OpenedEvent) -> ShownStatus | None:
    rules = referral_rules(vocabulary)
    change = rules.status_change(event.type, event.flat) if rules else None
    if change is None:
        return None
    words = Words(agency)
    progress = change.business_status
    return ShownStatus(
        change.status,
        progress,
        words.status(change.status) if progress is None else words.progress(progress),
    )


def _corrected(
    vocabulary: Vocabulary, event_type: str, fields: Iterable[ShownField]
) -> tuple[ShownField, ...]:
    """Return the fields of a correction that a referral has in the same form."""
    rules = referral_rules(vocabulary)
    if rules is None:
        return ()
    of_referral = vocabulary.type(rules.made.type).leaves
    own = vocabulary.type(event_type).leaves
    return tuple(
        field
        for field in fields
        if field.path in of_referral and of_referral[field.path].form == own[field.path].form
    )


def _hidden(
    vocabulary: Vocabulary, event_type: str, reference: EventReference | None
) -> tuple[str, ...]:
    """Return leaves that the history says in its sentence, and ids and numbers of the protocol."""
    named = () if reference is None else (reference.source, reference.id)
    rules = referral_rules(vocabulary)
    if rules is None:
        return (vocabulary.case, *named)
    changed = rules.changed
    said = (changed.status, changed.business_status) if event_type == changed.type else ()
    own = (rules.case, rules.made.id, changed.id, changed.version, changed.previous_status)
    return (*own, *said, *named)
