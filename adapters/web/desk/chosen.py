"""The desk of a visit, and the referral that its address names."""

from __future__ import annotations

from typing import Final

from adapters.web.errors import PageNotFoundError
from adapters.web.people import Role
from adapters.web.visit import Visit
from broker.agency.config_sections import DESK
from broker.operations.desk.agency import DeskAgency
from broker.operations.desk.errors import DeskError
from broker.operations.desk.held_referral import HeldReferral, find_referral

CASEWORKERS: Final = frozenset({Role.CASEWORKER})
INBOX: Final = "/inbox"
SENT: Final = "/sent"


def desk_of(visit: Visit) -> DeskAgency:
    """Return the agency for the desk's use cases.

    Raises:
        ConcordantError: the folder cannot be loaded, or there is no state yet.
    """
    return DeskAgency(visit.agency.participant(), visit.agency.store(), visit.agency.clock)


def keeps_events(visit: Visit) -> bool:
    """Return whether received events are kept for the desk."""
    return visit.agency.participant().config.adapter.sink == DESK


def chosen_referral(visit: Visit) -> HeldReferral:
    """Return the referral of the address.

    Raises:
        PageNotFoundError: there is none; the page is the same for a referral of others.
    """
    try:
        return find_referral(desk_of(visit), visit.path["id"], visit.path["agency"])
    except DeskError:
        raise PageNotFoundError(visit=visit) from None


def address_of(held: HeldReferral) -> str:
    """Return the address of a referral's page."""
    return f"/referrals/{held.referral_id}/{held.row.counterparty}"


def list_of(held: HeldReferral) -> str:
    """Return the address of the list that has a referral: the inbox, or the sent referrals."""
    return SENT if held.row.role == "referrer" else INBOX
