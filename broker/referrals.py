"""State of referrals on both sides: status, versions and deadlines.

The shared rules are pure functions in contracts/referral.py. This module keeps each referral's
current status in the store and refuses a change that does not start from it. One event that makes a
referral with two agencies makes two referrals with one id, each with its own course. Agencies that
are no side of a referral learn of a change if the agreement says so; they keep no status.
"""

from __future__ import annotations

from dataclasses import replace

from broker.event import OpenedEvent
from broker.store.rows import ReferralRow
from broker.store.transaction import Transaction
from contracts.errors import EventError
from contracts.events import PlainEvent
from contracts.model import Contract
from contracts.referral import (
    FIRST_VERSION,
    NewReferral,
    ReferralRules,
    Side,
    StatusChange,
    referral_rules,
)
from contracts.terms import ServiceLevels


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
        rules = referral_rules(contract.vocabulary)
        if rules is None or event.type not in {rules.made.type, rules.changed.type}:
            return
        flat = contract.vocabulary.type(event.type).flatten(event.data)
        made, change = rules.new_referral(event.type, flat), rules.status_change(event.type, flat)
        said = made or change
        if said is None:
            return
        known = self._known([key(said.referral_id, party) for party in event.recipients])
        rows: list[ReferralRow] = []  # check all of them before the first is recorded
        told: list[str] = []  # no side of the referral
        for counterparty in event.recipients:
            row = known.get(key(said.referral_id, counterparty))
            if made is not None:
                levels = contract.event_types[event.type].service_levels
                rows.append(
                    _made(rules, row, "referrer", counterparty, "", made, levels, event_id, now)
                )
            elif row is None and _informed(contract, event.type, counterparty):
                told.append(counterparty)
            elif change is not None:
                rows.append(_changed(rules, row, change, ours=True, now=now))
        if told and not any(row.role == "fulfiller" for row in rows):
            raise EventError(
                "only the fulfiller informs others of a change, together with the referrer",
                code="referral_unknown",
            )
        for row in rows:
            self._rows[row.referral_id] = row

    def received(self, event: OpenedEvent, contract: Contract, now: int, agency: str) -> None:
        """Record what another agency says about a referral with this one, as far as we may read it.

        A change of a referral between others is recorded nowhere. It is taken if the agreement
        informs this agency's role, if a fulfiller may make such a change, and if this agency did
        not make a referral of this id: its own referrals change only by their other side.

        Args:
            event: the event.
            contract: its agreement.
            now: ms.
            agency: this agency.

        Raises:
            EventError: as ``published``; a change that does not start from the current status.
        """
        rules = referral_rules(contract.vocabulary)
        if rules is None:
            return
        made = rules.new_referral(event.type, event.flat)
        change = rules.status_change(event.type, event.flat)
        said = made or change
        if said is None:
            return
        source = event.source
        name = key(said.referral_id, source)
        row = self._known([name]).get(name)
        if made is not None:
            # deadlines run from the log time, so that both sides compute the same ones
            started = min(event.log_time * 1000, now)
            levels = contract.event_types[event.type].service_levels
            row = _made(rules, row, "fulfiller", source, source, made, levels, event.id, started)
            self._rows[name] = row
        elif change is not None and not (
            row is None
            and _informed(contract, event.type, agency)
            and _of_fulfiller(rules, change)
            and not self._made_here(said.referral_id)
        ):
            self._rows[name] = _changed(rules, row, change, ours=False, now=now)

    def _made_here(self, referral_id: str) -> bool:
        """Return whether this agency made a referral of this id."""
        stored = self._tx.referrals.of_id(referral_id)
        return any(
            row.role == "referrer" and row.referral_id == key(referral_id, row.counterparty)
            for row in (*stored, *self._rows.values())
        )

    def write(self) -> None:
        """Write the recorded changes."""
        self._tx.referrals.save_many(self._rows.values())

    def _known(self, names: list[str]) -> dict[str, ReferralRow]:
        stored = self._tx.referrals.get_many([name for name in names if name not in self._rows])
        return stored | {name: self._rows[name] for name in names if name in self._rows}


def _informed(contract: Contract, event_type: str, agency: str) -> bool:
    """Return whether an agency may learn of a change of a referral between others."""
    role = contract.role_of.get(agency)
    return role is not None and role in contract.event_types[event_type].informed


def _of_fulfiller(rules: ReferralRules, change: StatusChange) -> bool:
    """Return whether a fulfiller may make a change from the status that it states."""
    try:
        rules.check_transition(
            change.previous_status,
            change.status,
            "fulfiller",
            change.reason,
            change.business_status,
        )
    except EventError:
        return False
    return True


def _made(
    rules: ReferralRules,
    known: ReferralRow | None,
    role: Side,
    counterparty: str,
    source: str,
    made: NewReferral,
    levels: ServiceLevels | None,
    event_id: str,
    now: int,
) -> ReferralRow:
    if known is not None:
        raise EventError("this referral was made before", code="referral_exists")
    due = rules.clocks(levels, now, made.urgency) if levels else None
    return ReferralRow(
        referral_id=key(made.referral_id, counterparty),
        case_id=made.case_id,
        role=role,
        counterparty=counterparty,
        status=rules.first,
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
    rules: ReferralRules, row: ReferralRow | None, change: StatusChange, *, ours: bool, now: int
) -> ReferralRow:
    """Apply one side's status change; both sides then have the same version."""
    if row is None:
        raise EventError("no referral of this id is known", code="referral_unknown")
    rules.check_version(row.version, row.status, change.version, change.previous_status)
    other: Side = "fulfiller" if row.role == "referrer" else "referrer"
    rules.check_transition(
        row.status,
        change.status,
        row.role if ours else other,
        change.reason,
        change.business_status,
    )
    status = change.status
    return replace(
        row,
        status=status,
        business_status=change.business_status,
        version=change.version,
        # remove a deadline that was met, so that only missed ones show as overdue
        acknowledge_by_ms=row.acknowledge_by_ms if status in rules.unacknowledged else None,
        respond_by_ms=row.respond_by_ms if status in rules.unanswered else None,
        updated_ms=now,
        closed=status in rules.terminal,
    )
