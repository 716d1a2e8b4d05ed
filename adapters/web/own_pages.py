"""Pages at the foot of each page: help, accessibility, records and sessions of the person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from adapters.web.pages import PageArea, PageRoute
from adapters.web.people import EVERY_ROLE, LINK, PROVIDER, PROXY
from adapters.web.visit import Visit
from contracts.phrases import N_

_VOUCHED: Final[Mapping[str, str]] = {
    LINK: N_("a link from the terminal"),
    PROVIDER: N_("your organisation’s sign-in page"),
    PROXY: N_("your organisation’s proxy"),
}


def help_page(visit: Visit) -> Response:
    """Show what each page is for."""
    return visit.page("own/help.html")


def accessibility(visit: Visit) -> Response:
    """Show the accessibility statement."""
    return visit.page("own/accessibility.html")


def recorded(visit: Visit) -> Response:
    """Show what is recorded about the person who reads."""
    return visit.page("own/recorded.html", actor=visit.person.actor())


def sessions(visit: Visit) -> Response:
    """Show where the reader has signed in."""
    found = visit.sessions.of_person(visit.person, visit.agency.clock())
    return visit.page("own/sessions.html", sessions=found, vouched=_VOUCHED)


def end_sessions(visit: Visit) -> Response:
    """End one other session of the reader, or all others."""
    found = visit.sessions.of_person(visit.person, visit.agency.clock())
    others = {one.id for one in found} - {visit.session.id}
    chosen = visit.form.text("session")
    ended = visit.sessions.end_of_person(
        visit.person, frozenset(others if chosen == "others" else others & {chosen})
    )
    said = N_("The session has ended.") if ended else N_("There was no such session.")
    if ended > 1:
        said = N_("The other sessions have ended.")
    return visit.redirect("/sessions", said)


AREA = PageArea(
    title=N_("Help"),
    pages=(
        PageRoute("GET", "/help", EVERY_ROLE, help_page),
        PageRoute("GET", "/accessibility", EVERY_ROLE, accessibility),
        PageRoute("GET", "/what-we-record", EVERY_ROLE, recorded),
        PageRoute("GET", "/sessions", EVERY_ROLE, sessions),
        PageRoute("POST", "/sessions", EVERY_ROLE, end_sessions),
    ),
    entries=(),
)
