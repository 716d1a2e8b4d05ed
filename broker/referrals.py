"""Referrals as both sides keep them: status, versions and clocks (design, "minimum standards").

The shared rules (who may change what) are pure and in contracts/referral.py; this module keeps each
referral's current status in the store and refuses a change that does not start from it. One
``referral.made`` to two agencies is two referrals of one id, each with its own course.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from broker.event import JSON, OpenedEvent
from broker.store.interfaces import Transaction
from broker.store.rows import ReferralRow
from contracts.errors import EventError
from contracts.events import PlainEvent
from contracts.model import Contract
from contracts.referral import (
    FIRST_VERSION,
    TERMINAL,
    Side,
    check_transition,
    check_version,
    clocks,
)
from contracts.schema import flatten

MADE = "referral.made"
CHANGED = "referral.status-changed"
_NEEDED = {
    MADE: frozenset({"referral_id", "case_id"}),
    CHANGED: frozenset({"referral_id", "status", "version", "previous_status"}),
}
"""Without these a referral cannot be kept; a contract may withhold them from a recipient."""
_ACKNOWLEDGED = frozenset({"requested"})
_ANSWERED = frozenset({"requested", "received"})


def key(referral_id: str, counterparty: str) -> str:
    """The store's name of a referral between this agency and one other."""
    return f"{referral_id}/{counterparty}"


def on_publish(
    tx: Transaction, event: PlainEvent, contract: Contract, event_id: str, now: int
) -> None:
    """Keep what this agency says about referrals.

    Raises:
        EventError: ``referral_unknown``, ``referral_exists``, ``version_conflict`` or a code of
            ``contracts.referral.check_transition``.
    """
    if event.type not in {MADE, CHANGED}:
        return
    flat = flatten(event.type, event.data)
    rows: list[ReferralRow] = []  # all are checked before one is kept: a refusal leaves no trace
    for counterparty in event.recipients:
        if event.type == MADE:
            made = _made("referrer", counterparty, flat, contract, event_id, now)
            rows.append(replace(_new(tx, made), event_source=""))
        else:
            rows.append(_changed(tx, counterparty, flat, ours=True, now=now))
    for row in rows:
        tx.referrals.save(row)


def on_receive(tx: Transaction, event: OpenedEvent, contract: Contract, now: int) -> None:
    """Keep what another agency says about a referral with this one, where we may read what it is.

    Raises:
        EventError: as ``on_publish``; a change that does not start from the current status.
    """
    if not _NEEDED.get(event.type, frozenset()) <= event.flat.keys():
        return
    if event.type == MADE:
        made = _made("fulfiller", event.source, event.flat, contract, event.id, now)
        tx.referrals.save(_new(tx, made))
    elif event.type == CHANGED:
        tx.referrals.save(_changed(tx, event.source, event.flat, ours=False, now=now))


def _made(
    role: Side,
    counterparty: str,
    flat: Mapping[str, JSON],
    contract: Contract,
    event_id: str,
    now: int,
) -> ReferralRow:
    levels = contract.event_types[MADE].service_levels
    urgency = flat.get("urgency")
    due = clocks(levels, now, str(urgency) if urgency else None) if levels else None
    return ReferralRow(
        referral_id=key(str(flat["referral_id"]), counterparty),
        case_id=str(flat["case_id"]),
        role=role,
        counterparty=counterparty,
        status="requested",
        business_status=None,
        version=FIRST_VERSION,
        made_ms=now,
        acknowledge_by_ms=due.acknowledge_due if due else None,
        respond_by_ms=due.respond_due if due else None,
        updated_ms=now,
        closed=False,
        event_source=counterparty,
        event_id=event_id,
    )


def _new(tx: Transaction, row: ReferralRow) -> ReferralRow:
    if tx.referrals.get(row.referral_id) is not None:
        raise EventError("this referral was made before", code="referral_exists")
    return row


def _changed(
    tx: Transaction, counterparty: str, flat: Mapping[str, JSON], *, ours: bool, now: int
) -> ReferralRow:
    """One side changes a referral's status; both keep the same version."""
    row = tx.referrals.get(key(str(flat["referral_id"]), counterparty))
    if row is None:
        raise EventError("no referral of this id is known", code="referral_unknown")
    status = str(flat["status"])
    version, previous = flat["version"], str(flat["previous_status"])
    assert isinstance(version, int)
    check_version(row.version, row.status, version, previous)
    other: Side = "fulfiller" if row.role == "referrer" else "referrer"
    check_transition(
        row.status,
        status,
        row.role if ours else other,
        _text(flat.get("reason")),
        _text(flat.get("business_status")),
    )
    return replace(
        row,
        status=status,
        business_status=_text(flat.get("business_status")),
        version=version,
        # a clock that was met is taken away, so that only what is missed shows as overdue
        acknowledge_by_ms=row.acknowledge_by_ms if status in _ACKNOWLEDGED else None,
        respond_by_ms=row.respond_by_ms if status in _ANSWERED else None,
        updated_ms=now,
        closed=status in TERMINAL,
    )


def _text(value: JSON | None) -> str | None:
    return None if value is None else str(value)
