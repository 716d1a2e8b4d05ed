"""Pages: find a service, all that one agency offers, and the start of a referral to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from starlette.responses import Response

from adapters.web.desk.chosen import CASEWORKERS, desk_of
from adapters.web.directory.chosen import READERS, choice_of
from adapters.web.directory.words import service_page
from adapters.web.errors import PageNotFoundError
from adapters.web.pages import PageRoute
from adapters.web.visit import Visit
from broker.directory.listing import known_capacity
from broker.operations.desk.drafts import start_draft
from broker.operations.desk.new_referral import possible_recipients
from broker.operations.desk.proposals import answer_deadlines
from broker.operations.directory.held_listings import held_listings
from broker.operations.directory.publishing import agreed_codes
from broker.operations.directory.searching import find_services

ROWS: Final = 25
"""Results a page."""


def search(visit: Visit) -> Response:
    """Show the services that fit, the best fit first."""
    choice, store = choice_of(visit), visit.agency.state()
    if store is None:
        return visit.page("directory/no_state.html")
    desk = desk_of(visit)
    found = find_services(desk.participant, store, choice.query, desk.clock())
    last = max(-(-len(found.offers) // ROWS), 1)
    at = min(visit.query.number("page", 1), last)
    recipients = {one.agency: one.agreement for one in possible_recipients(desk)}
    return service_page(
        visit,
        "directory/search.html",
        choice=choice,
        found=found,
        states=Counter(
            None if one.capacity is None else one.capacity.state for one in found.offers
        ),
        shown=found.offers[(at - 1) * ROWS : at * ROWS],
        at=at,
        last=last,
        first_row=(at - 1) * ROWS + 1,
        recipients=recipients,
        deadlines=answer_deadlines(desk),
        may_refer=visit.may(CASEWORKERS),
    )


def offered(visit: Visit) -> Response:
    """Show all that a partner offers.

    Raises:
        PageNotFoundError: it is no partner, or it has published nothing.
    """
    store = visit.agency.state()
    if store is None:
        raise PageNotFoundError(visit=visit)
    participant, now = visit.agency.participant(), visit.agency.clock()
    with store.reading() as tx:
        held = held_listings(participant, tx, now).held
    for one in held:
        if one.agency == visit.path["agency"] and not one.own:
            return service_page(
                replace(visit, route="/services"),
                "directory/offered.html",
                held=one,
                services=[
                    (name, service, known_capacity(service, now))
                    for name, service in sorted(one.listing.services.items())
                ],
                codes=agreed_codes(participant),
                recipients={each.agency for each in possible_recipients(desk_of(visit))},
                may_refer=visit.may(CASEWORKERS),
            )
    raise PageNotFoundError(visit=visit)


def refer(visit: Visit) -> Response:
    """Begin a draft to an agency, and go to its recipients."""
    desk, agency = desk_of(visit), visit.form.text("agency")
    if agency not in {one.agency for one in possible_recipients(desk)}:
        raise PageNotFoundError(visit=visit)
    draft = start_draft(desk, visit.person.actor(), recipients=(agency,))
    return visit.redirect(f"/drafts/{draft.id}/recipients?{choice_of(visit).address}")


PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", "/services", READERS, search),
    PageRoute("GET", "/services/{agency}", READERS, offered),
    PageRoute("POST", "/services/refer", CASEWORKERS, refer),
)
