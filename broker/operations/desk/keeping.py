"""Keeping of events for the agency's people, received and sent, as long as the agreement says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from broker import pseudonyms
from broker.audit import recording
from broker.audit.entries import NewLogEntry
from broker.audit.log import append_entries
from broker.event import JSON, OpenedEvent
from broker.keys.instant import format_instant
from broker.operations.desk.contents import Contents, KeptEvent
from broker.operations.event_acceptance import AddedEvent
from broker.referrals import key
from broker.store.desk_rows import DeskReferralRow, NewDeskEventRow
from broker.store.transaction import Transaction
from contracts.durations import DAY_MS
from contracts.events import PlainEvent
from contracts.model import Contract
from contracts.referral import referral_rules, service_path

OURS: Final = ""
"""Source of an event that this agency sent."""
UNSTATED_YEARS: Final = 1
"""Years for which an event stays if the agreement does not say."""
DRAFT_DAYS: Final = 30
"""Days after its last change for which a draft stays."""


class EventKeeper:
    """Keeps events of one agency; an event that is kept already stays as it is.

    Args:
        secret: the agency's secret.
        agency: the agency's id.
    """

    def __init__(self, secret: bytes, agency: str) -> None:
        self._secret = secret
        self._agency = agency
        self._contents = Contents(secret, agency)

    def received(self, tx: Transaction, event: OpenedEvent, contract: Contract, now: int) -> None:
        """Keep a received event.

        Args:
            tx: the transaction that marks it as delivered.
            event: the event.
            contract: its agreement.
            now: ms.

        Raises:
            StoreError: nothing was kept.
        """
        self._keep(tx, KeptEvent(event), contract, (event.source,), now)

    def sent(self, tx: Transaction, event: PlainEvent, published: AddedEvent, now: int) -> None:
        """Keep an event that this agency has just sent.

        Args:
            tx: the transaction that accepts it.
            event: as a person wrote it.
            published: its acceptance.
            now: ms.

        Raises:
            StoreError: nothing was kept.
        """
        in_force = published.in_force
        vocabulary = in_force.contract.vocabulary
        flat = vocabulary.type(event.type).flatten(event.data)
        opened = OpenedEvent(
            id=published.event_id,
            type=event.type,
            source=self._agency,
            time=format_instant(now),
            to=tuple(sorted(event.recipients)),
            flat=flat,
            withheld=(),
            contract=in_force.reference,
            log_time=now // 1000,
            urgent=event.type in vocabulary.urgent_types,
            case_id=str(flat[vocabulary.case]),
        )
        not_sealed = tuple((one.agency, one.reason) for one in published.not_sealed)
        kept = KeptEvent(opened, published.left_out, not_sealed)
        self._keep(tx, kept, in_force.contract, event.recipients, now)

    def _keep(
        self,
        tx: Transaction,
        kept: KeptEvent,
        contract: Contract,
        others: tuple[str, ...],
        now: int,
    ) -> None:
        """Add the row of an event, and the facts about each referral that it makes."""
        event = kept.event
        source = OURS if event.source == self._agency else event.source
        if tx.desk_events.find(source, event.id) is not None:
            return
        case_key = pseudonyms.case_key(self._secret, event.case_id)
        tx.desk_events.add(
            NewDeskEventRow(
                source,
                event.id,
                event.type,
                case_key,
                referral_of(contract, event.flat),
                event.urgent,
                now,
                kept_until(contract, event.type, now),
                self._contents.seal_event(kept),
            )
        )
        for row in _referrals_made(contract, event, others, case_key):
            if tx.desk_events.referral(row.referral_id) is None:
                tx.desk_events.add_referral(row)


def _referrals_made(
    contract: Contract, event: OpenedEvent, others: tuple[str, ...], case_key: bytes
) -> Iterator[DeskReferralRow]:
    """Yield the facts about each referral that an event makes, one for each other side."""
    rules = referral_rules(contract.vocabulary)
    made = rules.new_referral(event.type, event.flat) if rules else None
    if made is None:
        return
    path = service_path(contract.vocabulary)
    service = event.flat.get(path) if path else None
    for other in others:
        yield DeskReferralRow(
            key(made.referral_id, other),
            case_key,
            service if isinstance(service, str) else None,
            made.urgency,
            critical=False,
        )


def referral_of(contract: Contract, flat: Mapping[str, JSON]) -> str | None:
    """Return the id of the referral that an event names, whatever its type."""
    rules = referral_rules(contract.vocabulary)
    found = flat.get(rules.made.id) if rules else None
    return found if isinstance(found, str) else None


def kept_until(contract: Contract, event_type: str, now: int) -> int:
    """Return until when a recipient keeps an event of this type that comes now, in milliseconds."""
    stated = contract.event_types[event_type].retention
    years = stated.recipient_years if stated else UNSTATED_YEARS
    day, of_day = divmod(now, DAY_MS)
    came = datetime.fromtimestamp(day * DAY_MS // 1000, UTC)
    leap_day = (came.month, came.day) == (2, 29)
    ends = came.replace(year=came.year + years, day=28 if leap_day else came.day)
    return int(ends.timestamp()) * 1000 + of_day


def remove_expired(tx: Transaction, now: int) -> tuple[int, int]:
    """Remove content whose time is over, and log it.

    Args:
        tx: the transaction.
        now: ms.

    Returns:
        Number of events and of drafts.

    Raises:
        StoreError: nothing was removed.
    """
    events = tx.desk_events.forget_expired(now)
    drafts = tx.drafts.forget_unchanged_since(now - DRAFT_DAYS * DAY_MS)
    removed = (("desk_retention.events", events), ("desk_retention.drafts", drafts))
    entries: list[NewLogEntry] = [
        recording.erased(reason, count, now) for reason, count in removed if count
    ]
    if entries:
        append_entries(tx, entries)
    return events, drafts
