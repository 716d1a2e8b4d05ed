"""Pages: a step with a referral.

The form holds the status and version that the person saw. If another person was faster, the form
comes back with that fact and the input.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from starlette.responses import Response

from adapters.web.desk.chosen import CASEWORKERS, chosen_referral, desk_of
from adapters.web.desk.event_forms import EventForm, Flat, answer_form, form_key, form_page
from adapters.web.desk.step_words import ASKS, FORWARD, LEADS, REASONS, code_of, step_words
from adapters.web.desk.wording import takes_sentences
from adapters.web.errors import PageNotFoundError
from adapters.web.pages import PageRoute
from adapters.web.visit import Visit
from broker.operations.desk.entry_fields import EntryField, entry_fields
from broker.operations.desk.further_events import reference_leaves
from broker.operations.desk.held_referral import HeldReferral, referral_agreement
from broker.operations.desk.steps import Step, StepRequest, step_leaves, steps_of, take_step
from contracts.model import Contract
from contracts.phrases import N_, phrase
from contracts.referral import ReferralRules


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The step that the address names, with its referral and the agreement."""

    step: Step
    held: HeldReferral
    contract: Contract
    rules: ReferralRules


def step(visit: Visit) -> Response:
    """Ask what a step needs."""
    return form_page(visit, _form(visit, _chosen(visit)))


def take(visit: Visit) -> Response:
    """Take a step."""
    chosen = _chosen(visit)

    def send(flat: Flat) -> str:
        request = StepRequest(
            chosen.step.status,
            chosen.step.business_status,
            visit.form.text("seen-status"),
            visit.form.number("seen-version", 0),
            flat,
            form_key(visit),
        )
        take_step(desk_of(visit), visit.person.actor(), chosen.held, request)
        return phrase("Sent: %(step)s", step=chosen.step.label)

    return answer_form(visit, _form(visit, chosen), lambda _flat: (), send)


def _chosen(visit: Visit) -> _Chosen:
    """Return a step that is possible now, or was from the status that the form saw.

    A step that is not possible any more is found too, so that a refusal can say why.
    """
    held = chosen_referral(visit)
    in_force, rules = referral_agreement(desk_of(visit), held)
    contract, seen = in_force.contract, visit.form.text("seen-status")
    wanted = (visit.path["status"], visit.path.get("business"))
    for row in (held.row, replace(held.row, status=seen) if seen else held.row):
        for one in steps_of(contract.vocabulary, row):
            if (one.status, one.business_status) == wanted:
                return _Chosen(one, held, contract, rules)
    raise PageNotFoundError(visit=visit)


def _form(visit: Visit, chosen: _Chosen) -> EventForm:
    row, code = chosen.held.row, code_of(chosen.step)
    return EventForm(
        "desk/step.html",
        chosen.held,
        chosen.contract,
        chosen.rules.changed.type,
        tuple(_asked(visit, chosen)),
        values={
            "step": chosen.step,
            "title": step_words(chosen.step),
            "lead": LEADS.get(code),
            "seen": (row.status, row.version),
        },
    )


def _asked(visit: Visit, chosen: _Chosen) -> Iterator[EntryField]:
    """Yield the fields that a step asks for.

    A step that needs no reason and goes forward asks for none. A question cannot be without its
    text.
    """
    contract, step, changed = chosen.contract, chosen.step, chosen.rules.changed
    own = step_leaves(chosen.rules) | reference_leaves(contract.vocabulary, changed.type)
    recipients = (chosen.held.row.counterparty,)
    for field in entry_fields(
        contract, desk_of(visit).id, recipients, changed.type, {}, without=own
    ):
        if field.path == changed.reason:
            if _may_have_reason(step):
                words = REASONS.get(step.status, field.label)
                yield replace(field, label=words, required=step.needs_reason)
        elif code_of(step) == ASKS and takes_sentences(field):
            words = N_("What do you need to know?")
            yield replace(field, label=words, required=True, rules=())
        else:
            yield field if _may_have_reason(step) else replace(field, rules=())


def _may_have_reason(step: Step) -> bool:
    return step.needs_reason or (step.business_status is None and step.status not in FORWARD)


_STEP: Final = "/referrals/{id}/{agency}/step/{status}"
PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", _STEP, CASEWORKERS, step),
    PageRoute("POST", _STEP, CASEWORKERS, take),
    PageRoute("GET", f"{_STEP}/{{business}}", CASEWORKERS, step),
    PageRoute("POST", f"{_STEP}/{{business}}", CASEWORKERS, take),
)
