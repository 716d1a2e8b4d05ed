"""Pages: what this agency offers, and the statement of the capacity of one service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Final, get_args

from starlette.responses import Response

from adapters.web.directory.chosen import READERS, WRITERS
from adapters.web.directory.words import service_page
from adapters.web.errors import PageNotFoundError
from adapters.web.pages import PageRoute
from adapters.web.people import Role
from adapters.web.visit import Visit
from broker.directory.listing import CapacityState, Service, known_capacity
from broker.operations.agreement_state import shell_path
from broker.operations.directory.held_listings import HeldListing, held_listings
from broker.operations.directory.publishing import (
    DEFAULT_DAYS,
    LONGEST_DAYS,
    MOST_PLACES,
    StatedCapacity,
    agreed_codes,
    state_capacity,
)
from contracts.phrases import N_

STATES: Final[Sequence[tuple[CapacityState, str]]] = (
    ("capacity", N_("There is capacity now")),
    ("waitlist", N_("People wait")),
    ("additional-assessment-required", N_("We decide after an assessment")),
    ("no-capacity", N_("There is no capacity now")),
)
_OPERATORS: Final = frozenset({Role.OPERATOR})
SAID: Final = N_("The capacity is stated. The running adapter tells the partners within a minute.")


def own_services(visit: Visit) -> Response:
    """Show what partners read of this agency."""
    store, held = visit.agency.state(), _own(visit)
    services = {} if held is None else held.listing.services
    now = visit.agency.clock()
    return service_page(
        visit,
        "directory/own.html",
        has_state=store is not None,
        held=held if services else None,
        services=[
            (name, service, known_capacity(service, now))
            for name, service in sorted(services.items())
        ],
        codes=agreed_codes(visit.agency.participant()),
        may_state=visit.may(WRITERS),
        folder=shell_path(visit.agency.root) if visit.may(_OPERATORS) else None,
    )


def ask_capacity(visit: Visit) -> Response:
    """Ask for the capacity of a service."""
    return _form_page(visit, _service(visit))


def take_capacity(visit: Visit) -> Response:
    """Publish the capacity of a service."""
    service, text = _service(visit), visit.form.text
    state = next((one for one in get_args(CapacityState) if one == text("state")), None)
    places = _whole(text("places"), 0, MOST_PLACES)
    days = _whole(text("days"), 1, LONGEST_DAYS)
    again_on = _day(text("again"))
    faults = [
        (field, fault)
        for field, fault, wrong in (
            ("state-capacity", N_("Choose whether there is capacity"), state is None),
            (
                "places",
                N_("Enter a whole number of places, or nothing"),
                places is None and text("places"),
            ),
            ("days", N_("Enter a number of days from 1 to 92"), days is None),
            ("again", N_("Enter a day, or nothing"), again_on is None and text("again")),
        )
        if wrong
    ]
    if faults or state is None or days is None:
        return _form_page(visit, service, faults)
    stated = StatedCapacity(state, places, days, again_on)
    state_capacity(visit.agency.root, visit.path["service"], stated, visit.agency.clock())
    return visit.redirect("/our-services", SAID)


def _own(visit: Visit) -> HeldListing | None:
    """Return this agency's listing; None if it has published nothing."""
    store = visit.agency.state()
    if store is None:
        return None
    with store.reading() as tx:
        held = held_listings(visit.agency.participant(), tx, visit.agency.clock()).held
    return next((one for one in held if one.own), None)


def _service(visit: Visit) -> Service:
    """Return the service of the address.

    Raises:
        PageNotFoundError: this agency has published none of this id.
    """
    held = _own(visit)
    service = None if held is None else held.listing.services.get(visit.path["service"])
    if service is None:
        raise PageNotFoundError(visit=visit)
    return service


def _form_page(visit: Visit, service: Service, faults: Sequence[tuple[str, str]] = ()) -> Response:
    return service_page(
        replace(visit, route="/our-services"),
        "directory/capacity.html",
        status=422 if faults else 200,
        faults=faults,
        service=service,
        now=known_capacity(service, visit.agency.clock()),
        states=STATES,
        default_days=DEFAULT_DAYS,
        longest_days=LONGEST_DAYS,
    )


def _whole(text: str, least: int, most: int) -> int | None:
    """Return a whole number within limits; None if the text is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most))):
        return None
    return int(text) if least <= int(text) <= most else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", "/our-services", READERS, own_services),
    PageRoute("GET", "/our-services/{service}", WRITERS, ask_capacity),
    PageRoute("POST", "/our-services/{service}", WRITERS, take_capacity),
)
