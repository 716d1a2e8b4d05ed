"""Form of one event about a referral: it is shown, read, sent, and shown again after a refusal.

Each form holds a key. The same form sent twice is one event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from uuid import uuid4

from starlette.responses import Response

from adapters.web.desk.chosen import address_of, list_of
from adapters.web.desk.entry_forms import MOST_ITEMS, Faults, faults_of, typed_texts
from adapters.web.desk.wording import desk_page, id_of
from adapters.web.visit import Visit
from broker.codes.meanings import next_step
from broker.event import JSON
from broker.operations.desk.answers import Texts, read_answers
from broker.operations.desk.entry_fields import EntryField
from broker.operations.desk.held_referral import HeldReferral
from broker.operations.event_acceptance import KeyReusedError
from contracts.errors import EventError
from contracts.model import Contract

_KEY_CHARACTERS: Final = 64

Flat: TypeAlias = Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class EventForm:
    """The form of an event.

    Attributes:
        template: its page.
        held: the referral.
        contract: the agreement.
        type: the type of the event.
        fields: what is asked for.
        given: texts that the empty form has already, by leaf path.
        values: further values for the template.
    """

    template: str
    held: HeldReferral
    contract: Contract
    type: str
    fields: tuple[EntryField, ...]
    given: Texts = field(default_factory=dict)
    values: Mapping[str, object] = field(default_factory=dict)


def form_key(visit: Visit) -> str:
    """Return the key that a form sent."""
    return visit.form.text("key")[:_KEY_CHARACTERS]


def form_page(
    visit: Visit,
    form: EventForm,
    texts: Texts | None = None,
    faults: Faults = (),
    refused: EventError | KeyReusedError | None = None,
) -> Response:
    """Show a form, with what was typed and why it was not sent."""
    if refused is not None:
        faults = [(id_of(refused.where or "key"), visit.renderer.explained(refused))]
    return desk_page(
        visit,
        form.template,
        status=422 if faults else 200,
        under=list_of(form.held),
        held=form.held,
        address=address_of(form.held),
        fields=form.fields,
        texts=form.given if texts is None else texts,
        faults=faults,
        refused=None if refused is None else (refused, next_step(refused)),
        conflict=refused is not None and refused.code == "version_conflict",
        key=form_key(visit) or str(uuid4()),
        most_items=MOST_ITEMS,
        **form.values,
    )


def answer_form(
    visit: Visit,
    form: EventForm,
    check: Callable[[Flat], Faults],
    send: Callable[[Flat], str],
) -> Response:
    """Send the event of a form, or show the form again.

    Args:
        visit: the request.
        form: the form.
        check: returns further faults of the leaves that were typed.
        send: sends them, and returns the sentence that the next page shows.
    """
    texts = typed_texts(visit.form, form.fields)
    flat, problems = read_answers(form.contract.vocabulary.type(form.type), form.fields, texts)
    faults = [*check(flat), *faults_of(problems, form.fields)]
    if faults:
        return form_page(visit, form, texts, faults)
    try:
        said = send(flat)
    except (EventError, KeyReusedError) as error:
        return form_page(visit, form, texts, refused=error)
    return visit.redirect(address_of(form.held), said)
