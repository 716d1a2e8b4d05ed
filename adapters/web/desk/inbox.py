"""Pages: received and sent referrals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from adapters.web.desk.chosen import CASEWORKERS, desk_of, keeps_events
from adapters.web.desk.wording import desk_page
from adapters.web.pages import PageRoute
from adapters.web.visit import Visit
from broker.operations.desk.critical_events import unconfirmed_events
from broker.operations.desk.referral_list import (
    PAGE_ROWS,
    ReferralQuery,
    referral_list,
)
from broker.store.desk_rows import SELECTIONS, ReferralSelection
from contracts.phrases import N_
from contracts.referral import Side

VIEWS: Final[Sequence[tuple[ReferralSelection, str]]] = (
    ("open", N_("All open")),
    ("overdue", N_("Overdue")),
    ("today", N_("Due today")),
    ("critical", N_("Critical incident")),
    ("closed", N_("Closed")),
)
MOST_REFERENCE: Final = 36


def inbox(visit: Visit) -> Response:
    """Show referrals that came to this agency, the most pressing first."""
    return _list(visit, "fulfiller", "/inbox")


def sent(visit: Visit) -> Response:
    """Show referrals that this agency made."""
    return _list(visit, "referrer", "/sent")


def _list(visit: Visit, role: Side, path: str) -> Response:
    asked = visit.query
    show = asked.text("show", "open")
    query = ReferralQuery(
        role,
        show if show in SELECTIONS else "open",
        asked.text("agency") or None,
        asked.text("service") or None,
        asked.text("reference")[:MOST_REFERENCE] or None,
        asked.number("page", 1),
    )
    desk = desk_of(visit)
    page = referral_list(desk, query)
    filters = {
        name: value
        for name, value in (
            ("agency", query.agency),
            ("service", query.service),
            ("reference", query.reference),
        )
        if value
    }
    return desk_page(
        visit,
        "desk/inbox.html" if role == "fulfiller" else "desk/sent.html",
        query=query,
        listed=page,
        views=VIEWS,
        filters=filters,
        path=path,
        base=f"{path}?{urlencode({'show': query.selection, **filters})}&",
        first_row=(page.page - 1) * PAGE_ROWS + 1,
        critical=unconfirmed_events(desk) if role == "fulfiller" else (),
        keeps=keeps_events(visit),
    )


PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", "/inbox", CASEWORKERS, inbox),
    PageRoute("GET", "/sent", CASEWORKERS, sent),
)
