"""One referral for a person: what was shared, what was not and why, and the history of both sides.

Opening a referral writes a consultation of each event that is shown into the disclosure log, with
the person who opened it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from broker.audit.actor import Actor
from broker.audit.log import append_entries
from broker.audit.reasons import attributed
from broker.keys.instant import parse_instant
from broker.operations.desk.agency import DeskAgency
from broker.operations.desk.consultation import consulted, contract_of
from broker.operations.desk.contents import Contents, KeptEvent
from broker.operations.desk.held_referral import HeldReferral, held_referral, referral_agreement
from broker.operations.desk.keeping import OURS
from broker.operations.desk.referral_list import ReferralLine, Words
from broker.operations.desk.shown_fields import (
    ShownField,
    WithheldField,
    shown_fields,
    withheld_fields,
)
from broker.operations.desk.steps import FurtherEvent, Step, further_events, steps_of
from broker.operations.event_status import RecipientState, event_status
from broker.store.desk_rows import DeskEventRow, ListedReferralRow
from broker.store.transaction import Transaction
from contracts.errors import ConcordantError
from contracts.policy import LeftOut
from contracts.referral import ReferralRules, referral_rules


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
        status: the status that it set, in words; None if it set none.
        critical: whether it goes before all others.
        confirmed_ms: when a person confirmed a critical one.
        time_ms: when it was sealed.
        received_ms: when it was kept here.
        recipients: names of the addressed agencies.
        fields: its fields; empty if the content was removed.
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
    status: str | None
    critical: bool
    confirmed_ms: int | None
    time_ms: int
    received_ms: int
    recipients: tuple[str, ...]
    fields: tuple[ShownField, ...]
    removed: bool
    left_out: tuple[LeftOut, ...]
    delivery: tuple[RecipientState, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """The agreement under which a referral came.

    Attributes:
        name: its name.
        version: its version.
        title: its title.
        clause: clause of the event type.
        purposes: what the data may be used for, in words.
        kept_until_ms: when its content is removed here.
    """

    name: str
    version: str
    title: str
    clause: str
    purposes: tuple[str, ...]
    kept_until_ms: int


@dataclass(frozen=True, slots=True)
class ReferralView:
    """One referral as a person sees it.

    Attributes:
        line: the facts that a list shows.
        version: number of its last change; a step names it.
        status: code of its status.
        ours: whether this agency made it.
        made_by: id of the event that made it.
        fields: what was shared, or what this agency wrote.
        withheld: what this agency does not receive, and why.
        agreement: the agreement; None if the event that made the referral is not kept.
        history: events of the referral and of its case, newest first.
        steps: changes of status that are possible now.
        further: events about the case that may be sent to the other side now.
        stopped: why nothing can be sent now: an error of the agreement; None if it can.
        also_to: names of other agencies to which the same referral went.
    """

    line: ReferralLine
    version: int
    status: str
    ours: bool
    made_by: str
    fields: tuple[ShownField, ...]
    withheld: tuple[WithheldField, ...]
    agreement: Agreement | None
    history: tuple[HistoryItem, ...]
    steps: tuple[Step, ...]
    further: tuple[FurtherEvent, ...]
    stopped: ConcordantError | None
    also_to: tuple[str, ...]


def open_referral(
    agency: DeskAgency, actor: Actor, referral_id: str, counterparty: str
) -> ReferralView:
    """Return a referral, after the disclosure log has recorded who opens it.

    Args:
        agency: this agency.
        actor: the person, and the reason if one is asked for.
        referral_id: its id.
        counterparty: the other side.

    Raises:
        DeskError: `referral_not_kept`.
        StoreError: the state cannot be read or the log cannot be written; nothing is shown.
        KeyAccessError: the agency's secret is not available.
    """
    contents, now = agency.contents(), agency.clock()
    with agency.store.transaction() as tx:
        held = held_referral(tx, referral_id, counterparty)
        rows = _of_referral(tx, agency, held)
        kept = [(row, contents.open_event(row)) for row in rows]
        entries = [consulted(agency, row, one, now) for row, one in kept if one is not None]
        append_entries(tx, attributed(tx, actor, agency.secret, entries))
        items = [_item(tx, agency, row, one, now) for row, one in kept]
    return _view(agency, held, contents, items)


def _of_referral(tx: Transaction, agency: DeskAgency, held: HeldReferral) -> list[DeskEventRow]:
    """Return the events of a referral, and those of its case that name no other referral."""
    rows = tx.desk_events.of_case(agency.case_key(held.row.case_id))
    return [row for row in rows if row.referral_id in (None, held.referral_id)]


def _item(
    tx: Transaction, agency: DeskAgency, row: DeskEventRow, kept: KeptEvent | None, now: int
) -> HistoryItem:
    source = row.source or agency.id
    item = HistoryItem(
        event_id=row.event_id,
        source=source,
        source_name=agency.name_of(source),
        ours=row.source == OURS,
        type=row.type,
        description="",
        status=None,
        critical=row.critical,
        confirmed_ms=row.confirmed_ms,
        time_ms=row.received_ms,
        received_ms=row.received_ms,
        recipients=(),
        fields=(),
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
    rules = referral_rules(vocabulary)
    fields = shown_fields(
        vocabulary, event.type, event.flat, event.unlisted, without=_hidden(rules)
    )
    change = rules.status_change(event.type, event.flat) if rules else None
    return replace(
        item,
        description=vocabulary.type(event.type).description,
        status=None if change is None else Words(agency).status(change.status),
        time_ms=parse_instant(event.time),
        recipients=tuple(agency.name_of(one) for one in event.to if one != agency.id),
        fields=fields,
        left_out=kept.left_out,
    )


def _hidden(rules: ReferralRules | None) -> tuple[str, ...]:
    """Return leaves that say nothing to a person: ids and numbers of the protocol."""
    if rules is None:
        return ()
    changed = rules.changed
    return (rules.case, rules.made.id, changed.id, changed.version, changed.previous_status)


def _view(
    agency: DeskAgency, held: HeldReferral, contents: Contents, items: Sequence[HistoryItem]
) -> ReferralView:
    row, facts, made = held.row, held.facts, held.made
    kept = None if made is None else contents.open_event(made)
    stopped: ConcordantError | None = None
    steps: tuple[Step, ...] = ()
    further: tuple[FurtherEvent, ...] = ()
    try:
        contract = referral_agreement(agency, held)[0].contract
        steps = steps_of(contract.vocabulary, row)
        further = further_events(contract, agency.id, row.counterparty)
    except ConcordantError as error:
        stopped = error
    line = Words(agency).line(
        ListedReferralRow(
            row,
            facts.service if facts else None,
            facts.urgency if facts else None,
            facts.critical if facts else False,
        )
    )
    first = next((one for one in items if made is not None and one.event_id == made.event_id), None)
    return ReferralView(
        line=line,
        version=row.version,
        status=row.status,
        ours=row.role == "referrer",
        made_by=row.event_id,
        fields=() if first is None else first.fields,
        withheld=()
        if kept is None or row.role == "referrer"
        else withheld_fields(contract_of(agency, kept), kept.event, agency.id),
        agreement=None if kept is None or made is None else _agreement(agency, kept, made),
        history=tuple(reversed(items)),
        steps=steps,
        further=further,
        stopped=stopped,
        also_to=()
        if kept is None
        else tuple(
            agency.name_of(one) for one in kept.event.to if one not in (agency.id, row.counterparty)
        ),
    )


def _agreement(agency: DeskAgency, kept: KeptEvent, made: DeskEventRow) -> Agreement:
    contract = contract_of(agency, kept)
    terms = contract.event_types[kept.event.type]
    return Agreement(
        contract.name,
        contract.version,
        contract.title,
        terms.clause,
        tuple(contract.purposes[name].text for name in terms.purposes),
        made.expires_ms,
    )
