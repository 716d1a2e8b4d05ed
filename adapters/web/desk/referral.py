"""Pages: one referral, and a critical event that a person confirms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.responses import Response

from adapters.web.desk.chosen import (
    CASEWORKERS,
    INBOX,
    address_of,
    chosen_referral,
    desk_of,
    list_of,
)
from adapters.web.desk.reason import looking
from adapters.web.desk.step_words import (
    ASKS,
    further_words,
    history_words,
    is_main_step,
    ordered_steps,
    step_words,
)
from adapters.web.desk.wording import DELIVERY, NOT_READ, WITHHELD, desk_page
from adapters.web.errors import PageNotFoundError
from adapters.web.pages import PageRoute
from adapters.web.visit import Visit
from broker.codes.meanings import next_step
from broker.operations.desk.critical_events import confirm_critical_event, open_critical_event
from broker.operations.desk.errors import DeskError
from broker.operations.desk.held_referral import HeldReferral
from broker.operations.desk.history import HistoryItem
from broker.operations.desk.referral_view import open_referral
from contracts.phrases import N_


def referral(visit: Visit) -> Response:
    """Show a referral; the disclosure log records who opens it."""
    held = chosen_referral(visit)
    desk, other = desk_of(visit), held.row.counterparty
    view = looking(visit, lambda actor: open_referral(desk, actor, held.referral_id, other))
    return desk_page(
        visit,
        "desk/referral.html",
        under=list_of(held),
        held=held,
        address=address_of(held),
        view=view,
        question=_question(held, view.history),
        withheld_words=WITHHELD,
        not_read=NOT_READ,
        delivery_words=DELIVERY,
        steps=[(one, step_words(one), is_main_step(one)) for one in ordered_steps(view.steps)],
        further=[(one, further_words(one)) for one in view.further],
        history=[(one, history_words(one)) for one in view.history],
        stopped=None if view.stopped is None else (view.stopped, next_step(view.stopped)),
    )


def _question(held: HeldReferral, history: Sequence[HistoryItem]) -> HistoryItem | None:
    """Return the event by which the other side asks for information, while it waits for it."""
    if held.row.closed or held.row.business_status != ASKS:
        return None
    newest = next((one for one in history if one.status is not None), None)
    return newest if newest is not None and not newest.ours else None


def critical(visit: Visit) -> Response:
    """Show a critical event; the disclosure log records who opens it."""
    desk, (source, event_id) = desk_of(visit), _named(visit)
    try:
        event, fields = looking(
            visit, lambda actor: open_critical_event(desk, actor, source, event_id)
        )
    except DeskError:
        raise PageNotFoundError(visit=visit) from None
    return desk_page(visit, "desk/critical.html", under=INBOX, event=event, fields=fields)


def confirm(visit: Visit) -> Response:
    """Note that the person has seen a critical event."""
    desk, (source, event_id) = desk_of(visit), _named(visit)
    try:
        first = looking(visit, lambda actor: confirm_critical_event(desk, actor, source, event_id))
    except DeskError:
        raise PageNotFoundError(visit=visit) from None
    said = (
        N_(
            "You have confirmed the critical incident. Our log records that you have seen it. "
            "Nothing was sent to the other agency."
        )
        if first
        else N_("Another person confirmed this critical incident before.")
    )
    return visit.redirect(INBOX, said)


def _named(visit: Visit) -> tuple[str, str]:
    """Return sender and id of the event of the address."""
    return visit.path["agency"], visit.path["id"]


PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", "/referrals/{id}/{agency}", CASEWORKERS, referral),
    PageRoute("GET", "/critical/{agency}/{id}", CASEWORKERS, critical),
    PageRoute("POST", "/critical/{agency}/{id}", CASEWORKERS, confirm),
)
