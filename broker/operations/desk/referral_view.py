"""One referral for a person: what was shared, what was not and why, and the history of both sides.

Opening a referral writes a consultation of each event that is shown into the disclosure log, with
the person who opened it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from broker.audit.actor import Actor
from broker.audit.log import append_entries
from broker.audit.reasons import attributed
from broker.operations.desk.agency import DeskAgency
from broker.operations.desk.consultation import consultation_entry, contract_of
from broker.operations.desk.contents import Contents, KeptEvent
from broker.operations.desk.corrections import FieldCorrection, corrections_of, with_added
from broker.operations.desk.further_events import FurtherEvent, further_events
from broker.operations.desk.held_referral import HeldReferral, held_referral, referral_agreement
from broker.operations.desk.history import HistoryItem, history_item
from broker.operations.desk.referral_list import ReferralLine, Words
from broker.operations.desk.shown_fields import (
    ShownField,
    WithheldField,
    withheld_fields,
)
from broker.operations.desk.steps import Step, steps_of
from broker.store.desk_rows import DeskEventRow, ListedReferralRow
from broker.store.transaction import Transaction
from contracts.errors import ConcordantError


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
        fields: what was shared, or what this agency wrote, with fields that were added later.
        corrections: path to the latest correction of the field by its sender.
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
    corrections: Mapping[str, FieldCorrection]
    withheld: tuple[WithheldField, ...]
    agreement: Agreement | None
    history: tuple[HistoryItem, ...]
    steps: tuple[Step, ...]
    further: tuple[FurtherEvent, ...]
    stopped: ConcordantError | None
    also_to: tuple[str, ...]


def open_referral(
    agency: DeskAgency,
    actor: Actor,
    referral_id: str,
    counterparty: str,
    *,
    seen: Collection[tuple[str, str]] = (),
) -> ReferralView:
    """Return a referral, after the disclosure log has recorded who opens it.

    Args:
        agency: this agency.
        actor: the person, and the reason if one is asked for.
        referral_id: its id.
        counterparty: the other side.
        seen: (sender, id) of events that this look showed before, when the person opened the form
            that now comes back. They are in the log already.

    Raises:
        DeskError: `referral_not_kept`.
        ReasonMissingError: an agreement of the events asks for a reason, and the person states
            none.
        StoreError: the state cannot be read or the log cannot be written; nothing is shown.
        KeyAccessError: the agency's secret is not available.
    """
    contents, now = agency.contents(), agency.clock()
    with agency.store.transaction() as tx:
        held = held_referral(tx, referral_id, counterparty)
        rows = _of_referral(tx, agency, held)
        kept = [(row, contents.open_event(row)) for row in rows]
        entries = [
            consultation_entry(agency, actor, row, one, now)
            for row, one in kept
            if one is not None and (row.source or agency.id, row.event_id) not in seen
        ]
        append_entries(tx, attributed(tx, actor, agency.secret, entries))
        items = [history_item(tx, agency, row, one, now) for row, one in kept]
    return _view(agency, held, contents, items)


def _of_referral(tx: Transaction, agency: DeskAgency, held: HeldReferral) -> list[DeskEventRow]:
    """Return the events of a referral, and those of its case that name no other referral."""
    rows = tx.desk_events.of_case(agency.case_key(held.row.case_id))
    return [row for row in rows if row.referral_id in (None, held.referral_id)]


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
    first = next(
        (
            one
            for one in items
            if made is not None
            and (one.source, one.event_id) == (made.source or agency.id, made.event_id)
        ),
        None,
    )
    corrections = {} if first is None else corrections_of(first, items)
    return ReferralView(
        line=line,
        version=row.version,
        status=row.status,
        ours=row.role == "referrer",
        made_by=row.event_id,
        fields=() if first is None else with_added(first, corrections),
        corrections=corrections,
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
