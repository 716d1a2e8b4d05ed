"""Page: other agencies, and the comparison of their fingerprints by telephone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, get_args

from starlette.responses import Response

from adapters.web.errors import PageNotFoundError
from adapters.web.officer.chosen import DECIDERS, READERS
from adapters.web.pages import PageRoute
from adapters.web.visit import Visit
from broker.codes.meanings import next_step
from broker.keys.instant import parse_instant
from broker.operations.partner_checks import (
    Channel,
    Partner,
    check_partner,
    checked_partners,
    own_words,
)
from contracts.errors import ConcordantError
from contracts.phrases import N_

CHANNELS: Final[Sequence[tuple[Channel, str]]] = (
    ("telephone", N_("By telephone, on a number that we had before")),
    ("in-person", N_("In person")),
    ("video", N_("In a video call, with a person whom we know")),
)


def all_partners(visit: Visit) -> Response:
    """List the other agencies, those that were not checked first."""
    participant = visit.agency.participant()
    found = checked_partners(participant)
    return visit.page(
        "officer/partners.html",
        words=own_words(participant),
        partners=sorted(found, key=lambda one: one.check is not None),
        unchecked=sum(one.check is None for one in found),
        parse_instant=parse_instant,
    )


def partner(visit: Visit) -> Response:
    """Show one agency, and ask for the words that it reads out."""
    return _page(visit, _chosen(visit))


def check(visit: Visit) -> Response:
    """Compare the words that the agency read out, and record that they are the same."""
    visit.require_recent_sign_in()
    one = _chosen(visit)
    words, by = visit.form.text("words"), visit.form.text("by")
    channel = next((each for each in get_args(Channel) if each == visit.form.text("channel")), None)
    faults = [
        (name, text)
        for name, text, wrong in (
            ("words", N_("Enter the twelve words that the agency reads out"), not words),
            ("by", N_("Enter the name of the person who compared the words"), not by),
            ("channel-telephone", N_("Choose how the words were read out"), channel is None),
        )
        if wrong
    ]
    if faults or channel is None:
        return _page(visit, one, faults)
    try:
        check_partner(visit.agency.root, one.agency, words, by, channel, visit.agency.clock())
    except ConcordantError as error:
        return _page(visit, one, [("words", N_("The words were not accepted"))], error)
    return visit.redirect("/partners", N_("The words are the same. The check is recorded."))


def _chosen(visit: Visit) -> Partner:
    for one in checked_partners(visit.agency.participant()):
        if one.agency == visit.path["agency"]:
            return one
    raise PageNotFoundError(visit=visit)


def _page(
    visit: Visit,
    one: Partner,
    faults: Sequence[tuple[str, str]] = (),
    refused: ConcordantError | None = None,
) -> Response:
    return visit.page(
        "officer/partner.html",
        status=422 if faults else 200,
        partner=one,
        channels=CHANNELS,
        faults=faults,
        refused=None if refused is None else (refused, next_step(refused)),
        may_check=visit.may(DECIDERS),
        parse_instant=parse_instant,
    )


PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", "/partners", READERS, all_partners),
    PageRoute("GET", "/partners/{agency}", READERS, partner),
    PageRoute("POST", "/partners/{agency}", DECIDERS, check),
)
