"""Area of the caseworker: its pages and its entries of the navigation."""

from __future__ import annotations

from typing import Final

from adapters.web.desk import check, drafts, further, inbox, new_referral, reason, referral, steps
from adapters.web.desk.chosen import CASEWORKERS
from adapters.web.pages import Area, Entry
from contracts.phrases import N_

AREA: Final = Area(
    title=N_("Referrals"),
    pages=(
        *inbox.PAGES,
        *referral.PAGES,
        *reason.PAGES,
        *steps.PAGES,
        *further.PAGES,
        *drafts.PAGES,
        *new_referral.PAGES,
        *check.PAGES,
    ),
    entries=(
        Entry("/inbox", N_("Inbox"), CASEWORKERS),
        Entry("/sent", N_("Sent referrals"), CASEWORKERS),
        Entry("/drafts", N_("New referral"), CASEWORKERS),
        Entry("/services", N_("Find a service"), CASEWORKERS),
        Entry("/our-services", N_("Our services"), CASEWORKERS),
    ),
)
