"""State of referrals on both sides: status, versions and deadlines (design, "minimum standards").

The shared rules are pure functions in contracts/referral.py. This module keeps each referral's
current status in the store and refuses a change that does not start from it. One ``referral.made``
to two agencies is two referrals with one id, each with its own course.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from broker.event import JSON, OpenedEvent
from broker.store.rows import ReferralRow
from broker.store.transaction import Transaction
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
"""Fields without which a referral cannot be kept; a contract may withhold them from a recipient."""
_ACKNOWLEDGED = frozenset({"requested"})
_ANSWERED = frozenset({"requested", "received"})


def key(referral_id: str, counterparty: str) -> str:
    """Return the store's name of a referral between this agency and one other."""
    return f"{referral_id}/{counterparty}"


class Referrals:
    """The referrals of one transaction: read on demand, written together.

    Args:
        tx: the transaction.
    """

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._rows: dict[str, ReferralRow] = {}

    def published(self, event: PlainEvent, contract: Contract, event_id: str, now: int) -> None:
        """Record what this agency publishes about referrals.

        Raises:
            EventError: ``referral_unknown``, ``referral_exists``, ``version_conflict`` or a code of
                ``contracts.referral.check_transition``; nothing of the event is then recorded.
        """
        if event.type not in {MADE, CHANGED}:
            return
        flat = flatten(event.type, event.data)
        referral_id = str(flat["referral_id"])
        known = self._known([key(referral_id, party) for party in event.recipients])
        rows: list[ReferralRow] = []  # check all of them before the first is recorded
        for counterparty in event.recipients:
            row = known.get(key(referral_id, counterparty))
            if event.type == MADE:
                rows.append(_made(row, "referrer", counterparty, "", flat, contract, event_id, now))
            else:
                rows.append(_changed(row, flat, ours=True, now=now))
        for row in rows:
            self._rows[row.referral_id] = row

    def received(self, event: OpenedEvent, contract: Contract, now: int) -> None:
        """Record what another agency says about a referral with this one, as far as we may read it.

        Raises:
            EventError: as ``published``; a change that does not start from the current status.
        """
        if not _NEEDED.get(event.type, frozenset()) <= event.flat.keys():
            return
        if event.type not in {MADE, CHANGED}:
            return
        source, flat = event.source, event.flat
        name = key(str(flat["referral_id"]), source)
        row = self._known([name]).get(name)
        if event.type == MADE:
            # deadlines run from the log time, so that both sides compute the same ones
            started = min(event.log_time * 1000, now)
            row = _made(row, "fulfiller", source, source, flat, contract, event.id, started)
        else:
            row = _changed(row, flat, ours=False, now=now)
        self._rows[name] = row

    def write(self) -> None:
        """Write the recorded changes."""
        self._tx.referrals.save_many(self._rows.values())

    def _known(self, names: list[str]) -> dict[str, ReferralRow]:
        stored = self._tx.referrals.get_many([name for name in names if name not in self._rows])
        return stored | {name: self._rows[name] for name in names if name in self._rows}


def _made(
    known: ReferralRow | None,
    role: Side,
    counterparty: str,
    source: str,
    flat: Mapping[str, JSON],
    contract: Contract,
    event_id: str,
    now: int,
) -> ReferralRow:
    if known is not None:
        raise EventError("this referral was made before", code="referral_exists")
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
        event_source=source,
        event_id=event_id,
    )


def _changed(
    row: ReferralRow | None, flat: Mapping[str, JSON], *, ours: bool, now: int
) -> ReferralRow:
    """Apply one side's status change; both sides then have the same version."""
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
        # remove a deadline that was met, so that only missed ones show as overdue
        acknowledge_by_ms=row.acknowledge_by_ms if status in _ACKNOWLEDGED else None,
        respond_by_ms=row.respond_by_ms if status in _ANSWERED else None,
        updated_ms=now,
        closed=status in TERMINAL,
    )


def _text(value: JSON | None) -> str | None:
    return None if value is None else str(value)
