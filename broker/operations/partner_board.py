"""Board of partners: for each, when it was heard, what is missing, what waits, and its state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from broker.agency.participant import Participant
from broker.operations.agency_status import Status
from broker.operations.health.partner_troubles import missing_records
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import GenerationPlace
from broker.transport.topics import all_readable_topics

PartnerState: TypeAlias = Literal[
    "stopped", "left", "suspended", "never_heard", "silent", "missing", "put_aside", "up_to_date"
]
"""The most pressing state of a partner, in this order."""


@dataclass(frozen=True, slots=True)
class PartnerLine:
    """One partner as this agency sees it.

    Attributes:
        agency: its id.
        heard_ms: time of its last heartbeat, milliseconds since the epoch; None if never.
        missing: its records that did not arrive, or without their content.
        waiting: our records that it has not confirmed, and our events that wait for it.
        put_aside: its records and events that wait for a person here.
        state: see `PartnerState`.
    """

    agency: str
    heard_ms: int | None
    missing: int
    waiting: int
    put_aside: int
    state: PartnerState


def partner_board(
    participant: Participant, tx: Transaction, status: Status
) -> tuple[PartnerLine, ...]:
    """Return a line for each partner, by id.

    Args:
        participant: the agency.
        tx: its state.
        status: its status in the same transaction.
    """
    missing = missing_records(status)
    waiting = _unconfirmed(participant, tx, status)
    for copy in tx.copies.waiting():
        waiting[copy.agency] = waiting.get(copy.agency, 0) + 1
    heard = {one.agency: one for one in status.heartbeats}
    gone = {
        agency: state
        for one in status.contracts
        if one.state == "in_force"
        for agency, state in one.departed.items()
    }
    stopped = {one.agency for one in status.received if one.stopped}
    return tuple(
        PartnerLine(
            agency,
            heard[agency].heard_ms if agency in heard else None,
            missing.get(agency, 0),
            waiting.get(agency, 0),
            status.put_aside.get(agency, 0),
            _state(
                stopped=agency in stopped,
                departed=gone.get(agency),
                heard=agency not in heard or heard[agency].heard_ms is not None,
                silent=agency in heard and heard[agency].silent,
                missing=bool(missing.get(agency)),
                put_aside=bool(status.put_aside.get(agency)),
            ),
        )
        for agency in sorted({*heard, *gone, *stopped, *status.put_aside, *waiting})
        if agency != participant.agency
    )


def _state(
    *,
    stopped: bool,
    departed: str | None,
    heard: bool,
    silent: bool,
    missing: bool,
    put_aside: bool,
) -> PartnerState:
    states: tuple[tuple[bool, PartnerState], ...] = (
        (stopped, "stopped"),
        (departed == "left", "left"),
        (departed is not None, "suspended"),
        (not heard, "never_heard"),
        (silent, "silent"),
        (missing, "missing"),
        (put_aside, "put_aside"),
    )
    return next((state for holds, state in states if holds), "up_to_date")


def _unconfirmed(participant: Participant, tx: Transaction, status: Status) -> dict[str, int]:
    """Return the number of records of our present streams that no receipt of a reader covers."""
    contracts = [signed.contract for signed in participant.contracts.live(status.time_ms)]
    agencies = {party.id for contract in contracts for party in contract.parties}
    found: dict[str, int] = {}
    for agency in sorted(agencies - {participant.agency}):
        topics = all_readable_topics(contracts, agency)
        for own in status.streams:
            if own.topic not in topics:
                continue
            place = GenerationPlace(participant.agency, own.topic, own.partition, own.generation)
            best = tx.receipts.best(place.origin(participant.deployment).format(), agency)
            left = own.size - (0 if best is None else min(best.size, own.size))
            found[agency] = found.get(agency, 0) + left
    return {agency: count for agency, count in found.items() if count}
