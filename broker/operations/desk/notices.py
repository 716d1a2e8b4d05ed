"""Referrals of which people should be told: new, urgent and overdue, without personal data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final, Literal, TypeAlias

from broker.operations.desk.agency import DeskAgency
from broker.operations.desk.referral_list import ReferralLine, Words, day_end
from broker.store.desk_rows import ListedReferralRow, ReferralFilter, ReferralSelection
from broker.store.transaction import Transaction
from contracts.referral import Side

NoticeCause: TypeAlias = Literal["new", "urgent", "overdue"]
PAGE_ROWS: Final = 500
"""Referrals that are read at once."""
_LISTS: Final[Sequence[tuple[Side, ReferralSelection]]] = (
    ("fulfiller", "open"),
    ("referrer", "overdue"),
)


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


def notice_candidates(agency: DeskAgency) -> Iterator[NoticeCandidate]:
    """Yield the causes for a notice now, the most pressing referrals of each side first.

    The lists are read page by page, as far as the caller goes on.

    Raises:
        StoreError: the state cannot be read.
    """
    now, words = agency.clock(), Words(agency)
    with agency.store.reading() as tx:
        for role, selection in _LISTS:
            asked = ReferralFilter(role, selection, now, day_end(now))
            for row in _rows(tx, asked):
                for candidate in _of(words.line(row), role, row.referral.acknowledge_by_ms, now):
                    if role == "fulfiller" or candidate.cause == "overdue":
                        yield candidate


def _rows(tx: Transaction, asked: ReferralFilter) -> Iterator[ListedReferralRow]:
    """Yield every referral of a list."""
    for offset in count(0, PAGE_ROWS):
        page = tx.referral_lists.page(asked, PAGE_ROWS, offset)
        yield from page
        if len(page) < PAGE_ROWS:
            return


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
