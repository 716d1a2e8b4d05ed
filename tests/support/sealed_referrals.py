"""Sealed referrals from the police to the council, each one of its own."""

from __future__ import annotations

from tests.support.forged_events import draft_event
from tests.support.founded_partnership import COUNCIL, MADE

_NUMBERS = iter(range(1, 2**32))


def value(**changes: object) -> bytes:
    """One sealed referral; ``changes`` are leaves."""
    referral = f"{next(_NUMBERS):08x}-0000-4000-8000-000000000000"
    return draft_event(MADE, to=(COUNCIL,), **{"referral_id": referral, **changes}).value()  # type: ignore[arg-type]  # JSON values


def values(count: int) -> list[bytes]:
    return [value() for _ in range(count)]
