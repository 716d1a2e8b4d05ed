"""Page: who may read what of an event, with and without consent, before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.responses import Response

from adapters.web.officer.chosen import READERS, chosen_agreement, state_of
from adapters.web.officer.words import SHORT_REASONS
from adapters.web.pages import PageRoute
from adapters.web.visit import Visit
from contracts.consent_needs import asks_consent
from contracts.examples import permitted_recipients, permitted_types
from contracts.model import Contract
from contracts.phrases import N_
from contracts.simulation import Simulated, simulate_example
from contracts.wording import field_label, type_title

MOST_COLUMNS: Final = 6
"""Recipients beside each other; a person chooses others by name."""


def who_may_read(visit: Visit) -> Response:
    """Show each field of a kind of event, and which recipients would read it."""
    signed = chosen_agreement(visit)
    contract, query = signed.contract, visit.query
    own = visit.agency.participant().agency
    sender = query.text("from") if query.text("from") in contract.by_id else own
    types = permitted_types(contract, sender)
    event_type = query.text("type") if query.text("type") in types else next(iter(types), None)
    possible = () if event_type is None else permitted_recipients(contract, sender, event_type)
    wanted = tuple(one for one in possible if one in query.all("to"))
    faults = _faults(possible, wanted, asked=sender == query.text("from"))
    recipients = () if faults else wanted or possible[:MOST_COLUMNS]
    scopes = _scopes(contract, event_type)
    chosen = query.all("consent") if query.text("asked") else tuple(scopes)
    answer = None
    if event_type is not None and recipients:
        answer = simulate_example(contract, sender, event_type, recipients, chosen)
    return visit.page(
        "officer/who_may_read.html",
        status=422 if faults else 200,
        faults=faults,
        wanted=wanted or recipients,
        signed=signed,
        contract=contract,
        state=state_of(visit, signed),
        sender=sender,
        types=types,
        event_type=event_type,
        possible=possible,
        recipients=recipients,
        scopes={one: contract.vocabulary.scopes[one] for one in scopes},
        chosen=chosen,
        answer=answer,
        rows=() if answer is None or event_type is None else _rows(contract, event_type, answer),
        type_title=type_title,
        short_words=SHORT_REASONS,
        most=MOST_COLUMNS,
        own_id=own,
    )


def _faults(
    possible: Sequence[str], wanted: Sequence[str], *, asked: bool
) -> Sequence[tuple[str, str]]:
    """Return what is wrong with the recipients of a form.

    Another sender may have other recipients, so that none of those in the form is possible.
    """
    if not possible or not asked:
        return ()
    if not wanted:
        return [(f"to-{possible[0]}", N_("Choose at least one recipient"))]
    if len(wanted) > MOST_COLUMNS:
        return [(f"to-{possible[0]}", N_("Choose at most 6 recipients"))]
    return ()


def _scopes(contract: Contract, event_type: str | None) -> Sequence[str]:
    """Return the scopes of consent that an event type asks for."""
    if event_type is None or not asks_consent(contract, contract.event_types[event_type]):
        return ()
    fields = contract.event_types[event_type].fields
    return [scope for path, scope in contract.vocabulary.answers.items() if path in fields]


def _rows(
    contract: Contract, event_type: str, answer: Simulated
) -> Sequence[tuple[str, Sequence[str | None]]]:
    """Return label, and for each recipient the reason for which it does not read; None if it does.

    Fields that the first recipient reads come first.
    """
    views = tuple(answer.recipients.values())
    reasons = [{one.field: one.reason for one in view.left_out} for view in views]
    paths = dict.fromkeys(
        path for view in views for path in (*view.reads, *(one.field for one in view.left_out))
    )
    return [
        (
            field_label(contract.vocabulary, event_type, path),
            [found.get(path) for found in reasons],
        )
        for path in paths
    ]


PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", "/agreements/{sha256}/who-may-read", READERS, who_may_read),
)
