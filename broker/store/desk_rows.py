"""Row types of the desk's tables; see `broker.store.rows` for the units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from broker.store.rows import ReferralRow

ReferralSelection: TypeAlias = Literal["open", "overdue", "today", "critical", "closed"]
"""Referrals of one list: open, open with a missed deadline, open with a deadline of today, open in
a case with a critical event, closed."""

SELECTIONS: Final[tuple[ReferralSelection, ...]] = get_args(ReferralSelection)


@dataclass(frozen=True, slots=True)
class NewDeskEventRow:
    """An event to be kept for the agency's people; `content` is encrypted."""

    source: str
    event_id: str
    type: str
    case_key: bytes
    referral_id: str | None
    critical: bool
    received_ms: int
    expires_ms: int
    content: bytes


@dataclass(frozen=True, slots=True)
class DeskEventRow:
    """An event that is kept for the agency's people; `content` is None once it is removed."""

    seq: int
    source: str
    event_id: str
    type: str
    case_key: bytes
    referral_id: str | None
    critical: bool
    received_ms: int
    expires_ms: int
    confirmed_ms: int | None
    content: bytes | None


@dataclass(frozen=True, slots=True)
class DeskReferralRow:
    """Facts about a referral for lists; `referral_id` is the key of `ReferralRow`."""

    referral_id: str
    case_key: bytes
    service: str | None
    urgency: str | None
    critical: bool


@dataclass(frozen=True, slots=True)
class ListedReferralRow:
    """A referral in a list; facts of a referral that the desk did not keep are None."""

    referral: ReferralRow
    service: str | None
    urgency: str | None
    critical: bool


@dataclass(frozen=True, slots=True)
class ReferralFilter:
    """Referrals that a list asks for.

    Attributes:
        role: this agency's side.
        selection: which of them.
        now: ms.
        day_end: ms; the end of the day in which a deadline is one of today.
        counterparty: only those with this agency.
        service: only those for this code.
        reference: only those whose id begins with these characters.
    """

    role: Literal["referrer", "fulfiller"]
    selection: ReferralSelection
    now: int
    day_end: int
    counterparty: str | None = None
    service: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class DraftRow:
    """A draft; `version` counts its changes, and `content` is encrypted."""

    draft_id: str
    owner: str
    version: int
    case_key: bytes
    made_ms: int
    changed_ms: int
    content: bytes
