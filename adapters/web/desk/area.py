"""Area of the caseworker: its pages and its entries of the navigation."""

from __future__ import annotations

from typing import Final

from adapters.web.desk import check, drafts, further, inbox, new_referral, reason, referral, steps
from adapters.web.desk.chosen import CASEWORKERS
from adapters.web.pages import NavigationEntry, PageArea
from contracts.phrases import N_

AREA: Final = PageArea(
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
        NavigationEntry("/inbox", N_("Inbox"), CASEWORKERS),
        NavigationEntry("/sent", N_("Sent referrals"), CASEWORKERS),
        NavigationEntry("/drafts", N_("New referral"), CASEWORKERS),
        NavigationEntry("/services", N_("Find a service"), CASEWORKERS),
        NavigationEntry("/our-services", N_("Our services"), CASEWORKERS),
    ),
)
