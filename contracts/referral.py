"""Referral status: who may change it, from what to what, with which reason, and by when.

Status is FHIR `Task.status` without `ready`; business status stands beside it (reference:
referrals.md, "Referral status"). The referring agency asks, withdraws what was entered in error and
requests cancellation; only the fulfilling agency changes the rest. A change must start from the
status and version that the other side holds, so that two changes never cross unseen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from contracts.durations import duration_ms
from contracts.errors import EventError
from contracts.terms import ServiceLevels
from contracts.vocabulary import codes

__all__ = [
    "FIRST_VERSION",
    "OPEN",
    "REASON_REQUIRED",
    "TERMINAL",
    "Clocks",
    "Side",
    "allowed",
    "check_transition",
    "check_version",
    "clocks",
    "overdue",
]

Side: TypeAlias = Literal["referrer", "fulfiller"]

FIRST_VERSION = 1
"""Version of a referral as made; every change of status adds one."""
TERMINAL = frozenset({"rejected", "cancelled", "failed", "completed", "entered-in-error"})
"""A new attempt after these is a new referral, linked to the old one."""
OPEN = frozenset({"requested", "received", "accepted", "in-progress", "on-hold"})
REASON_REQUIRED = frozenset({"rejected", "cancelled", "failed"})

_FULFILLER: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        # received: a person has taken ownership; it is not the technical receipt.
        "requested": frozenset({"received", "accepted", "rejected", "cancelled"}),
        "received": frozenset({"accepted", "rejected", "cancelled"}),
        "accepted": frozenset({"in-progress", "on-hold", "completed", "failed", "cancelled"}),
        "in-progress": frozenset({"on-hold", "completed", "failed", "cancelled"}),
        "on-hold": frozenset({"in-progress", "completed", "failed", "cancelled"}),
    }
)
_REFERRER: Mapping[str, frozenset[str]] = MappingProxyType(
    {"draft": frozenset({"requested"}), **{s: frozenset({"entered-in-error"}) for s in OPEN}}
)
_REFERRER_BUSINESS = frozenset({"cancellation-requested", "consent-withdrawn"})
_FULFILLER_BUSINESS = frozenset(
    {"awaiting-information", "no-contact", "unattended", "consent-withdrawn", "redirected"}
)


def allowed(current: str, by: Side) -> frozenset[str]:
    """Return the statuses to which `by` may move a referral from `current`."""
    return (_REFERRER if by == "referrer" else _FULFILLER).get(current, frozenset())


def check_transition(
    current: str, new: str, by: Side, reason: str | None, business_status: str | None = None
) -> None:
    """Check one change of status.

    Keeping the status is a change only of business status, so it needs one.

    Args:
        current: status that both sides hold.
        new: status asked for.
        by: which side asks.
        reason: code of the list `referral_reason`, if given.
        business_status: code of the list `business_status`, if given.

    Raises:
        EventError: `transition_not_allowed`, `reason_required`, `reason_unknown`.
    """
    business = _REFERRER_BUSINESS if by == "referrer" else _FULFILLER_BUSINESS
    if business_status is not None and business_status not in business:
        raise EventError(
            f"the {by} may not set this business status", code="transition_not_allowed"
        )
    kept = new == current and current in OPEN and business_status is not None
    if not kept and new not in allowed(current, by):
        start = current if current in codes("referral_status") else "an unknown status"
        raise EventError(
            f"the {by} may not make this change from {start}",
            code="transition_not_allowed",
            where="status",
        )
    if new in REASON_REQUIRED and reason is None:
        raise EventError(f"{new} needs a reason code", code="reason_required", where="reason")
    if reason is not None and reason not in codes("referral_reason"):
        raise EventError(
            "the reason is not in its code list", code="reason_unknown", where="reason"
        )


def check_version(
    held_version: int, held_status: str, new_version: int, previous_status: str
) -> None:
    """Check that a change starts from what the other side holds (optimistic concurrency).

    Raises:
        EventError: `version_conflict`.
    """
    if new_version != held_version + 1 or previous_status != held_status:
        raise EventError(
            f"the change does not start from version {held_version}, the current one",
            code="version_conflict",
            where="version",
            fix="read the current status, then decide again",
        )


@dataclass(frozen=True, slots=True)
class Clocks:
    """When a referral is due, milliseconds since the epoch, UTC.

    Attributes:
        acknowledge_due: by then the status is no longer `requested`.
        respond_due: by then it is neither `requested` nor `received`.
    """

    acknowledge_due: int
    respond_due: int


def clocks(levels: ServiceLevels, started: int, urgency: str | None = None) -> Clocks:
    """Return the due times of a referral made at log time `started` (ms); urgent ones are shorter.

    Args:
        levels: service levels of the event type.
        started: milliseconds since the epoch, UTC.
        urgency: code of the list `urgency`, if stated.
    """
    urgent = urgency in {"urgent", "immediate"}
    acknowledge = (urgent and levels.urgent_acknowledge_within) or levels.acknowledge_within
    respond = (urgent and levels.urgent_respond_within) or levels.respond_within
    return Clocks(started + duration_ms(acknowledge), started + duration_ms(respond))


def overdue(
    status: str, due: Clocks, now: int
) -> Literal["not_acknowledged", "not_answered"] | None:
    """Return which minimum standard a referral in `status` has missed at `now` (ms), if any."""
    if status == "requested" and now >= due.acknowledge_due:
        return "not_acknowledged"
    if status in {"requested", "received"} and now >= due.respond_due:
        return "not_answered"
    return None
