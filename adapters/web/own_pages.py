"""Pages at the foot of each page: help, accessibility, records about the person."""

from __future__ import annotations

from starlette.responses import Response

from adapters.web.pages import Area, PageRoute
from adapters.web.people import EVERY_ROLE
from adapters.web.texts import N_
from adapters.web.visit import Visit


def help_page(visit: Visit) -> Response:
    """Show what each page is for."""
    return visit.page("own/help.html")


def accessibility(visit: Visit) -> Response:
    """Show the accessibility statement."""
    return visit.page("own/accessibility.html")


def recorded(visit: Visit) -> Response:
    """Show what is recorded about the person who reads."""
    return visit.page("own/recorded.html", actor=visit.person.actor())


AREA = Area(
    title=N_("Help"),
    pages=(
        PageRoute("GET", "/help", EVERY_ROLE, help_page),
        PageRoute("GET", "/accessibility", EVERY_ROLE, accessibility),
        PageRoute("GET", "/what-we-record", EVERY_ROLE, recorded),
    ),
    entries=(),
)
