"""Pages: one referral, and a critical event that a person confirms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.responses import Response

from adapters.web.desk.chosen import CASEWORKERS, address_of, chosen_referral, desk_of
from adapters.web.desk.wording import DELIVERY, WITHHELD, desk_page, further_words, step_words
from adapters.web.errors import PageNotFoundError
from adapters.web.pages import PageRoute
from adapters.web.texts import N_
from adapters.web.visit import Visit
from broker.codes.meanings import next_step
from broker.operations.desk.critical_events import confirm_critical_event, open_critical_event
from broker.operations.desk.errors import DeskError
from broker.operations.desk.referral_view import open_referral


def referral(visit: Visit) -> Response:
    """Show a referral; the disclosure log records who opens it."""
    held = chosen_referral(visit)
    view = open_referral(
        desk_of(visit), visit.person.actor(), held.referral_id, held.row.counterparty
    )
    return desk_page(
        visit,
        "desk/referral.html",
        held=held,
        address=address_of(held),
        view=view,
        withheld_words=WITHHELD,
        delivery_words=DELIVERY,
        step_words={one: step_words(one, visit.renderer.text) for one in view.steps},
        further_words={one: further_words(one, visit.renderer.text) for one in view.further},
        stopped=None if view.stopped is None else (view.stopped, next_step(view.stopped)),
    )


def critical(visit: Visit) -> Response:
    """Show a critical event; the disclosure log records who opens it."""
    try:
        event, fields = open_critical_event(
            desk_of(visit), visit.person.actor(), visit.path["agency"], visit.path["id"]
        )
    except DeskError:
        raise PageNotFoundError(visit=visit) from None
    return desk_page(visit, "desk/critical.html", event=event, fields=fields)


def confirm(visit: Visit) -> Response:
    """Note that the person has seen a critical event."""
    try:
        first = confirm_critical_event(
            desk_of(visit), visit.person.actor(), visit.path["agency"], visit.path["id"]
        )
    except DeskError:
        raise PageNotFoundError(visit=visit) from None
    said = (
        N_("You have confirmed the critical incident. Our log records that you have seen it.")
        if first
        else N_("Another person confirmed this critical incident before.")
    )
    return visit.redirect("/inbox", said)


PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", "/referrals/{id}/{agency}", CASEWORKERS, referral),
    PageRoute("GET", "/critical/{agency}/{id}", CASEWORKERS, critical),
    PageRoute("POST", "/critical/{agency}/{id}", CASEWORKERS, confirm),
)
