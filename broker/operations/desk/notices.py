"""Referrals of which people should be told: new, urgent and overdue, without personal data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from broker.operations.desk.agency import DeskAgency
from broker.operations.desk.referral_list import ReferralLine, Words, day_end
from broker.store.desk_rows import ReferralFilter
from contracts.referral import Side

NoticeCause: TypeAlias = Literal["new", "urgent", "overdue"]
MOST: Final = 500
"""Most candidates of one look; the most pressing come first."""


@dataclass(frozen=True, slots=True)
class NoticeCandidate:
    """A reason to tell the agency's people of a referral.

    Attributes:
        cause: `new`: received and not acknowledged. `urgent`: new, with shorter deadlines or in a
            case with a critical event. `overdue`: a deadline was missed.
        role: this agency's side.
        referral_id: id of the referral.
        agency: the other side.
        due_ms: the next deadline; None if none runs.
        key: stable for this cause of this referral, so that a notice is sent once.
    """

    cause: NoticeCause
    role: Side
    referral_id: str
    agency: str
    due_ms: int | None
    key: str


def notice_candidates(agency: DeskAgency) -> tuple[NoticeCandidate, ...]:
    """Return the causes for a notice now, the most pressing referrals first.

    Raises:
        StoreError: the state cannot be read.
    """
    now = agency.clock()
    asked = ReferralFilter("fulfiller", "open", now, day_end(now))
    sent = ReferralFilter("referrer", "overdue", now, day_end(now))
    with agency.store.reading() as tx:
        received = tx.referral_lists.page(asked, MOST, 0)
        late = tx.referral_lists.page(sent, MOST, 0)
    words = Words(agency)
    found = [
        candidate
        for row in received
        for candidate in _of(words.line(row), "fulfiller", row.referral.acknowledge_by_ms, now)
    ]
    found += [
        candidate
        for row in late
        for candidate in _of(words.line(row), "referrer", row.referral.acknowledge_by_ms, now)
        if candidate.cause == "overdue"
    ]
    return tuple(found)


def _of(
    line: ReferralLine, role: Side, acknowledge_by_ms: int | None, now: int
) -> tuple[NoticeCandidate, ...]:
    causes: list[NoticeCause] = []
    if line.overdue(now):
        causes.append("overdue")
    if acknowledge_by_ms is not None:
        causes.append("urgent" if line.urgent or line.critical else "new")
    return tuple(
        NoticeCandidate(
            cause,
            role,
            line.referral_id,
            line.agency,
            line.due_ms,
            f"{cause}/{line.referral_id}/{line.agency}"
            + (f"/{line.due_ms}" if cause == "overdue" else ""),
        )
        for cause in causes
    )
