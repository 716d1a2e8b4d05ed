"""Pages: a step with a referral, and a further event about its case.

Each form holds the status and version that the person saw, and a key. The same form sent twice is
one event. If another person was faster, the form comes back with that fact and the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import uuid4

from starlette.responses import Response

from adapters.web.desk.chosen import CASEWORKERS, address_of, chosen_referral, desk_of
from adapters.web.desk.entry_forms import MOST_ITEMS, faults_of, texts_of
from adapters.web.desk.wording import desk_page, further_words, id_of, step_words
from adapters.web.errors import PageNotFoundError
from adapters.web.pages import PageRoute
from adapters.web.texts import N_
from adapters.web.visit import Visit
from broker.codes.meanings import next_step
from broker.operations.desk.answers import Texts, read_answers
from broker.operations.desk.entry_fields import EntryField, entry_fields
from broker.operations.desk.held_referral import HeldReferral, referral_agreement
from broker.operations.desk.referral_view import HistoryItem, open_referral
from broker.operations.desk.steps import (
    FurtherEvent,
    FurtherRequest,
    Step,
    StepRequest,
    further_events,
    send_further,
    step_leaves,
    steps_of,
    take_step,
)
from broker.operations.event_acceptance import KeyReusedError
from contracts.errors import EventError
from contracts.model import Contract

KEY_CHARACTERS: Final = 64


@dataclass(frozen=True, slots=True)
class _Shown:
    """Texts and faults that a form shows again after a refusal."""

    texts: Texts
    faults: Sequence[tuple[str, str]] = ()
    refused: tuple[EventError | KeyReusedError, str | None] | None = None


def step(visit: Visit) -> Response:
    """Ask what a step needs."""
    held = chosen_referral(visit)
    chosen, fields, _ = _step(visit, held)
    return _step_page(visit, held, chosen, fields, _Shown({}))


def take(visit: Visit) -> Response:
    """Take a step."""
    held = chosen_referral(visit)
    chosen, fields, contract = _step(visit, held)
    texts = texts_of(visit.form, fields)
    changed = contract.vocabulary.referrals
    assert changed is not None
    flat, problems = read_answers(contract.vocabulary.type(changed.changed.type), fields, texts)
    faults = faults_of(problems, fields, visit.renderer.text)
    if faults:
        return _step_page(visit, held, chosen, fields, _Shown(texts, faults))
    request = StepRequest(
        chosen.status,
        chosen.business_status,
        visit.form.text("seen-status"),
        visit.form.number("seen-version", 0),
        flat,
        visit.form.text("key")[:KEY_CHARACTERS],
    )
    try:
        take_step(desk_of(visit), visit.person.actor(), held, request)
    except (EventError, KeyReusedError) as error:
        shown = _refused(texts, error)
        return _step_page(visit, held, chosen, fields, shown)
    said = visit.renderer.text(N_("Sent: %(step)s")) % {"step": chosen.label}
    return visit.redirect(address_of(held), said)


def further(visit: Visit) -> Response:
    """Ask for the content of a further event about the case."""
    held = chosen_referral(visit)
    chosen, fields, _ = _further(visit, held)
    return _further_page(visit, held, chosen, fields, _Shown({}))


def send(visit: Visit) -> Response:
    """Send a further event about the case."""
    held = chosen_referral(visit)
    chosen, fields, contract = _further(visit, held)
    texts = texts_of(visit.form, fields)
    flat, problems = read_answers(contract.vocabulary.type(chosen.type), fields, texts)
    faults = faults_of(problems, fields, visit.renderer.text)
    source, _, event_id = visit.form.text("about").partition("/")
    about = (source, event_id) if source and event_id else None
    if chosen.reference is not None and chosen.reference.required and about is None:
        faults.append(("about", visit.renderer.text(N_("Choose the message that is meant"))))
    if faults:
        return _further_page(visit, held, chosen, fields, _Shown(texts, faults))
    request = FurtherRequest(chosen.type, flat, about, visit.form.text("key")[:KEY_CHARACTERS])
    try:
        send_further(desk_of(visit), visit.person.actor(), held, request)
    except (EventError, KeyReusedError) as error:
        return _further_page(visit, held, chosen, fields, _refused(texts, error))
    return visit.redirect(address_of(held), visit.renderer.text(N_("Sent.")))


def _refused(texts: Texts, error: EventError | KeyReusedError) -> _Shown:
    return _Shown(texts, [(id_of(error.where or "key"), error.detail)], (error, next_step(error)))


def _step(visit: Visit, held: HeldReferral) -> tuple[Step, tuple[EntryField, ...], Contract]:
    """Return the step of the address, what it asks for, and the agreement.

    A step that is not possible any more is shown, so that a refusal can say why.
    """
    desk = desk_of(visit)
    in_force, rules = referral_agreement(desk, held)
    contract = in_force.contract
    status, business = visit.path["status"], visit.path.get("business")
    chosen = _chosen_step(visit, held, contract, status, business)
    fields = entry_fields(
        contract,
        desk.id,
        (held.row.counterparty,),
        rules.changed.type,
        {},
        without=_not_asked(contract, rules.changed.type, step_leaves(rules)),
    )
    if chosen.needs_reason:
        fields = tuple(
            replace(one, required=True) if one.path == rules.changed.reason else one
            for one in fields
        )
    return chosen, fields, contract


def _chosen_step(
    visit: Visit, held: HeldReferral, contract: Contract, status: str, business: str | None
) -> Step:
    """Return a step that is possible now, or was from the status that the form saw."""
    seen = visit.form.text("seen-status")
    for row in (held.row, replace(held.row, status=seen) if seen else held.row):
        for one in steps_of(contract.vocabulary, row):
            if (one.status, one.business_status) == (status, business):
                return one
    raise PageNotFoundError(visit=visit)


def _not_asked(contract: Contract, event_type: str, own: frozenset[str]) -> frozenset[str]:
    """Return the leaves that a form does not ask for: those of the protocol, and of references."""
    leaves = contract.vocabulary.type(event_type).leaves
    references = {
        path.partition(".")[0] for path, leaf in leaves.items() if leaf.form.kind == "agency"
    }
    return own | {path for path in leaves if path.partition(".")[0] in references}


def _further(
    visit: Visit, held: HeldReferral
) -> tuple[FurtherEvent, tuple[EntryField, ...], Contract]:
    desk, other = desk_of(visit), held.row.counterparty
    contract = referral_agreement(desk, held)[0].contract
    known = {one.type: one for one in further_events(contract, desk.id, other)}
    chosen = known.get(visit.path["type"])
    if chosen is None:
        raise PageNotFoundError(visit=visit)
    given = dict.fromkeys(contract.vocabulary.answers, True)
    own = frozenset({contract.vocabulary.case})
    fields = entry_fields(
        contract,
        desk.id,
        (other,),
        chosen.type,
        given,
        without=_not_asked(contract, chosen.type, own),
    )
    return chosen, fields, contract


def _step_page(
    visit: Visit, held: HeldReferral, chosen: Step, fields: Sequence[EntryField], shown: _Shown
) -> Response:
    return _form_page(
        visit,
        "desk/step.html",
        held,
        fields,
        shown,
        step=chosen,
        title=step_words(chosen, visit.renderer.text),
        seen=(held.row.status, held.row.version),
    )


def _further_page(
    visit: Visit,
    held: HeldReferral,
    chosen: FurtherEvent,
    fields: Sequence[EntryField],
    shown: _Shown,
) -> Response:
    history: tuple[HistoryItem, ...] = ()
    if chosen.reference is not None:
        history = open_referral(
            desk_of(visit), visit.person.actor(), held.referral_id, held.row.counterparty
        ).history
    return _form_page(
        visit,
        "desk/further.html",
        held,
        fields,
        shown,
        event=chosen,
        title=further_words(chosen, visit.renderer.text),
        history=history,
    )


def _form_page(
    visit: Visit,
    template: str,
    held: HeldReferral,
    fields: Sequence[EntryField],
    shown: _Shown,
    **values: object,
) -> Response:
    failed = bool(shown.faults)
    conflict = shown.refused is not None and shown.refused[0].code == "version_conflict"
    return desk_page(
        visit,
        template,
        status=422 if failed else 200,
        held=held,
        address=address_of(held),
        fields=fields,
        texts=shown.texts,
        faults=shown.faults,
        refused=shown.refused,
        conflict=conflict,
        key=visit.form.text("key") or str(uuid4()),
        most_items=MOST_ITEMS,
        **values,
    )


_STEP: Final = "/referrals/{id}/{agency}/step/{status}"
PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", _STEP, CASEWORKERS, step),
    PageRoute("POST", _STEP, CASEWORKERS, take),
    PageRoute("GET", f"{_STEP}/{{business}}", CASEWORKERS, step),
    PageRoute("POST", f"{_STEP}/{{business}}", CASEWORKERS, take),
    PageRoute("GET", "/referrals/{id}/{agency}/send/{type}", CASEWORKERS, further),
    PageRoute("POST", "/referrals/{id}/{agency}/send/{type}", CASEWORKERS, send),
)
