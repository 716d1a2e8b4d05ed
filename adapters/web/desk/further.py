"""Pages: a further message about the case of a referral, such as an update or a correction.

A correction shows the fields of the message that it corrects, with what they say now. A person
enters new values, or marks fields as withdrawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from starlette.responses import Response

from adapters.web.desk.chosen import CASEWORKERS, address_of, chosen_referral, desk_of, list_of
from adapters.web.desk.entry_forms import Faults
from adapters.web.desk.event_forms import (
    EventForm,
    Flat,
    answer_form,
    form_key,
    form_page,
)
from adapters.web.desk.reason import looking
from adapters.web.desk.step_words import further_words, history_words
from adapters.web.desk.wording import NOT_READ, desk_page, heading_words, id_of
from adapters.web.errors import PageNotFoundError
from adapters.web.pages import PageRoute
from adapters.web.visit import Visit
from broker.operations.desk.answers import Texts
from broker.operations.desk.correction_form import correction_fields, recorded_consent
from broker.operations.desk.entry_fields import EntryField, entry_fields
from broker.operations.desk.further_content import ContentFault, content_problems
from broker.operations.desk.further_events import (
    FurtherEvent,
    FurtherRequest,
    further_events,
    reference_leaves,
    send_further,
    unsent_fields,
)
from broker.operations.desk.held_referral import HeldReferral, referral_agreement
from broker.operations.desk.history import HistoryItem
from broker.operations.desk.referral_view import open_referral
from contracts.model import Contract
from contracts.phrases import N_, phrase


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The message that the address names.

    Attributes:
        event: its type.
        held: the referral.
        contract: the agreement.
        earlier: messages that it may answer or correct, the newest first.
        about: the one that was chosen, or the only one; None if none is.
    """

    event: FurtherEvent
    held: HeldReferral
    contract: Contract
    earlier: tuple[HistoryItem, ...]
    about: HistoryItem | None

    @property
    def corrects(self) -> bool:
        """Return whether it is a correction."""
        return self.event.withdraws is not None


_CONTENT: Final[Mapping[ContentFault, str]] = {
    "corrected_and_withdrawn": N_("Correct or withdraw, not both: %(field)s"),
    "nothing_corrected": N_("Enter a new value, or choose a field to withdraw"),
    "nothing_said": N_("Enter something to send"),
}


def further(visit: Visit) -> Response:
    """Ask for the content of a message; of a correction, first for the message that is wrong."""
    chosen = _chosen(visit)
    if chosen.corrects and chosen.about is None:
        return _choose_page(visit, chosen)
    return form_page(visit, _form(visit, chosen))


def send(visit: Visit) -> Response:
    """Send a message about the case."""
    chosen = _chosen(visit, seen=visit.session.shown.get(visit.route) or frozenset())
    if chosen.corrects and chosen.about is None:
        return _choose_page(visit, chosen)
    form = _form(visit, chosen)

    def request(flat: Flat) -> FurtherRequest:
        about = None if chosen.about is None else (chosen.about.source, chosen.about.event_id)
        return FurtherRequest(chosen.event.type, flat, about, form_key(visit))

    def check(flat: Flat) -> Faults:
        faults = [*_missing_reference(visit, chosen), *_empty(visit, chosen, form, flat)]
        return faults or _unsent(visit, form, request(flat))

    def sent(flat: Flat) -> str:
        send_further(desk_of(visit), visit.person.actor(), chosen.held, request(flat))
        return N_("Sent. The history shows whether it has arrived.")

    return answer_form(visit, form, check, sent)


def _missing_reference(visit: Visit, chosen: _Chosen) -> Faults:
    reference = chosen.event.reference
    if reference is None or not reference.required or chosen.about is not None:
        return ()
    return (("about", N_("Choose the message that is meant")),)


def _empty(visit: Visit, chosen: _Chosen, form: EventForm, flat: Flat) -> Faults:
    """Return the faults of a message that says nothing, or withdraws a field that it corrects."""
    corrected = {} if chosen.about is None else chosen.about.flat
    labels = {one.path: heading_words(one.label) for one in form.fields}
    return [
        (
            "about" if one.path is None else id_of(one.path),
            phrase(_CONTENT[one.fault], field=labels.get(one.path or "", "")),
        )
        for one in content_problems(chosen.event, form.fields, flat, corrected)
    ]


def _unsent(visit: Visit, form: EventForm, request: FurtherRequest) -> Faults:
    """Return a fault for each field that was typed and that the other side would not receive."""
    labels = {one.path: heading_words(one.label) for one in form.fields}
    return [
        (
            id_of(one.field),
            phrase(
                "%(field)s would not be sent: %(why)s",
                field=labels[one.field],
                why=NOT_READ.get(one.reason, one.reason),
            ),
        )
        for one in unsent_fields(desk_of(visit), form.held, request)
        if one.field in labels
    ]


def _chosen(visit: Visit, seen: frozenset[tuple[str, str]] = frozenset()) -> _Chosen:
    """Return the message that the address names; the log records what was not seen before."""
    held, desk = chosen_referral(visit), desk_of(visit)
    other = held.row.counterparty
    contract = referral_agreement(desk, held)[0].contract
    known = {one.type: one for one in further_events(contract, desk.id, other)}
    event = known.get(visit.path["type"])
    if event is None:
        raise PageNotFoundError(visit=visit)
    if event.reference is None:
        return _Chosen(event, held, contract, (), None)
    view = looking(
        visit, lambda actor: open_referral(desk, actor, held.referral_id, other, seen=seen)
    )
    history = view.history
    visit.session.shown.put(visit.route, frozenset((one.source, one.event_id) for one in history))
    earlier = tuple(one for one in history if one.fields and (event.withdraws is None or one.ours))
    named = visit.form.text("about") or visit.query.text("about")
    about = next((one for one in earlier if f"{one.source}/{one.event_id}" == named), None)
    if about is None and event.reference.required and len(earlier) == 1:
        about = earlier[0]
    return _Chosen(event, held, contract, earlier, about)


def _form(visit: Visit, chosen: _Chosen) -> EventForm:
    fields, given = _fields(visit, chosen)
    return EventForm(
        "desk/correction.html" if chosen.corrects else "desk/further.html",
        chosen.held,
        chosen.contract,
        chosen.event.type,
        fields,
        given,
        {
            "event": chosen.event,
            "title": further_words(chosen.event),
            "about": chosen.about,
            "earlier": [(one, history_words(one)) for one in chosen.earlier],
        },
    )


def _fields(visit: Visit, chosen: _Chosen) -> tuple[tuple[EntryField, ...], Texts]:
    """Return the fields of a message, and what they already hold."""
    desk, contract, event_type = desk_of(visit), chosen.contract, chosen.event.type
    vocabulary = contract.vocabulary
    fields = entry_fields(
        contract,
        desk.id,
        (chosen.held.row.counterparty,),
        event_type,
        dict.fromkeys(vocabulary.answers, True),
        without={vocabulary.case, *reference_leaves(vocabulary, event_type)},
    )
    if not chosen.corrects or chosen.about is None:
        return fields, {}
    asked = correction_fields(
        contract, desk, chosen.held.row.counterparty, chosen.event, chosen.about, fields
    )
    return (
        tuple(_named(one) if one.path == chosen.event.withdraws else one for one in asked),
        recorded_consent(vocabulary, chosen.about),
    )


def _named(withdrawn: EntryField) -> EntryField:
    """Return the choice of withdrawn fields with their labels as headings."""
    options = {path: heading_words(label) for path, label in withdrawn.options.items()}
    return replace(withdrawn, options=options)


def _choose_page(visit: Visit, chosen: _Chosen) -> Response:
    asked = "about" in visit.query.texts or visit.form.texts
    faults = _missing_reference(visit, chosen) if asked else ()
    return desk_page(
        visit,
        "desk/message.html",
        status=422 if faults else 200,
        under=list_of(chosen.held),
        held=chosen.held,
        address=address_of(chosen.held),
        title=further_words(chosen.event),
        earlier=[(one, history_words(one)) for one in chosen.earlier],
        faults=faults,
    )


_FURTHER: Final = "/referrals/{id}/{agency}/send/{type}"
PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", _FURTHER, CASEWORKERS, further),
    PageRoute("POST", _FURTHER, CASEWORKERS, send),
)
