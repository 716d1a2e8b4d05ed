"""Steps that a person may take with a referral: changes of its status.

The vocabulary of the agreement says which changes a side may make from which status.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from broker.audit.actor import Actor
from broker.event import JSON
from broker.operations.desk.agency import DeskAgency
from broker.operations.desk.held_referral import HeldReferral, referral_agreement
from broker.operations.desk.sending import send_once
from broker.operations.desk.subject import code_label
from broker.operations.event_acceptance import AcceptedEvent
from broker.store.rows import ReferralRow
from contracts.events import PlainEvent
from contracts.referral import ReferralRules, referral_rules
from contracts.vocabulary import Vocabulary, unflatten
from contracts.vocabulary.part_forms import SideForm


@dataclass(frozen=True, slots=True)
class Step:
    """A change of status that a side may make now.

    Attributes:
        status: code of the status afterwards.
        business_status: code of the progress afterwards; None if the step sets none.
        label: the step in words of the vocabulary: the status, or the progress.
        ends: whether the referral is then closed.
        needs_reason: whether a reason must be given.
    """

    status: str
    business_status: str | None
    label: str
    ends: bool
    needs_reason: bool


def steps_of(vocabulary: Vocabulary, referral: ReferralRow) -> tuple[Step, ...]:
    """Return the steps that this agency's side may take from a referral's status.

    The order is that of the vocabulary; progress within the status comes last.
    """
    rules = referral_rules(vocabulary)
    if rules is None:
        return ()
    allowed = rules.allowed(referral.status, referral.role)
    side = _side(vocabulary, referral)
    found = [
        _step(vocabulary, rules, status, None)
        for status in side.transitions.get(referral.status, ())
        if status in allowed
    ]
    if referral.status in rules.open:
        found += [
            _step(vocabulary, rules, referral.status, business)
            for business in side.business
            if business in rules.business[referral.role]
        ]
    return tuple(found)


def _side(vocabulary: Vocabulary, referral: ReferralRow) -> SideForm:
    form = vocabulary.referrals
    assert form is not None
    return form.referrer if referral.role == "referrer" else form.fulfiller


def _step(vocabulary: Vocabulary, rules: ReferralRules, status: str, business: str | None) -> Step:
    changed = rules.changed
    path, code = (
        (changed.status, status) if business is None else (changed.business_status, business)
    )
    return Step(
        status=status,
        business_status=business,
        label=code_label(vocabulary, changed.type, path, code),
        ends=status in rules.terminal,
        needs_reason=status in rules.reason_required,
    )


@dataclass(frozen=True, slots=True)
class StepRequest:
    """A step that a person takes.

    Attributes:
        status: code of the status afterwards.
        business_status: code of the progress afterwards; None if the step sets none.
        previous_status: status that the person saw.
        version: version of the referral that the person saw.
        answers: further leaves of the event, by path, such as reason and note.
        key: made with the form; the same form sent twice has the same key.
    """

    status: str
    business_status: str | None
    previous_status: str
    version: int
    answers: Mapping[str, JSON]
    key: str


def take_step(
    agency: DeskAgency, actor: Actor, held: HeldReferral, request: StepRequest
) -> AcceptedEvent:
    """Change the status of a referral, by the event that an adapter would send.

    Args:
        agency: this agency.
        actor: the person.
        held: the referral.
        request: the step.

    Raises:
        EventError: the event is refused: `version_conflict` if another step came before,
            `transition_not_allowed`, `reason_required`, or a code that names the field. The refusal
            is in the disclosure log.
        KeyReusedError: this form was sent before with other content.
        DeskError: `referral_not_kept`: no agreement has such referrals any more.
        RegistryError, StoreError, KeyAccessError: nothing can be sent now.
    """
    rules = referral_agreement(agency, held)[1]
    changed, row = rules.changed, held.row
    flat: dict[str, JSON] = {
        **request.answers,
        rules.case: row.case_id,
        changed.id: held.referral_id,
        changed.version: request.version + 1,
        changed.previous_status: request.previous_status,
        changed.status: request.status,
    }
    if request.business_status is not None:
        flat[changed.business_status] = request.business_status
    event = PlainEvent(changed.type, (row.counterparty,), unflatten(flat))
    return send_once(agency, actor, event, request.key)


def step_leaves(rules: ReferralRules) -> frozenset[str]:
    """Return the leaves of a status change that the desk fills in by itself."""
    changed = rules.changed
    return frozenset(
        {
            rules.case, changed.id, changed.version, changed.previous_status, changed.status,
            changed.business_status,
        }
    )  # fmt: skip
