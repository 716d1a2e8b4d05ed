"""Flow of each partner: events that flow, wait, are put aside and are overdue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from broker.store.transaction import Transaction
from contracts.durations import DAY_MS

FLOW_MS: Final = DAY_MS
"""Time over which `sent` and `received` are counted."""


@dataclass(frozen=True, slots=True)
class PartnerFlow:
    """One partner.

    Attributes:
        agency: its id.
        sent, received: events that it was sent, and that came from it, in the last 24 hours.
        last_sent_ms, last_received_ms: time of the last of these; None without any.
        to_send: records and copies for it that have not gone out.
        to_deliver: its events that our own system does not have.
        put_aside: its records and events on which a person decides.
        overdue: referrals to it or from it past a time limit.
    """

    agency: str
    sent: int = 0
    received: int = 0
    last_sent_ms: int | None = None
    last_received_ms: int | None = None
    to_send: int = 0
    to_deliver: int = 0
    put_aside: int = 0
    overdue: int = 0


def partner_flows(
    tx: Transaction,
    partners: Iterable[str],
    put_aside: Mapping[str, int],
    overdue: Iterable[str],
    now: int,
) -> tuple[PartnerFlow, ...]:
    """Return a line for each partner, by id.

    Args:
        tx: the agency's state.
        partners: those that have a line in any case.
        put_aside: number of items of each agency that wait for a person.
        overdue: the partner of each overdue referral.
        now: milliseconds since the epoch.
    """
    sent = {one.agency: one for one in tx.flow.sent_to(now - FLOW_MS)}
    received = {one.agency: one for one in tx.flow.received_from(now - FLOW_MS)}
    to_send = Counter({one.agency: one.count for one in tx.flow.waiting_for()})
    to_send.update(tx.copies.waiting_for())
    to_deliver = {one.agency: one.count for one in tx.flow.undelivered_of()}
    late = Counter(overdue)
    known = {*partners, *sent, *received, *to_send, *to_deliver, *put_aside, *late}
    return tuple(
        PartnerFlow(
            agency,
            sent[agency].count if agency in sent else 0,
            received[agency].count if agency in received else 0,
            sent[agency].time_ms if agency in sent else None,
            received[agency].time_ms if agency in received else None,
            to_send[agency],
            to_deliver.get(agency, 0),
            put_aside.get(agency, 0),
            late[agency],
        )
        for agency in sorted(known)
    )
