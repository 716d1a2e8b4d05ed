"""Steps that a person may take with a referral: changes of its status, and further events.

The vocabulary of the agreement says which changes a side may make from which status. Further events
of the case are those that the agreement lets this agency send to the other side.
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
from broker.operations.event_acceptance import Accepted
from broker.store.rows import ReferralRow
from contracts.events import PlainEvent
from contracts.examples import permitted_recipients, permitted_types
from contracts.model import Contract
from contracts.referral import ReferralRules, referral_rules
from contracts.vocabulary import Vocabulary, unflatten


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


@dataclass(frozen=True, slots=True)
class EventReference:
    """Leaves that name an earlier event.

    Attributes:
        source: leaf path of its sender.
        id: leaf path of its id.
        required: whether the type cannot be without it.
    """

    source: str
    id: str
    required: bool


@dataclass(frozen=True, slots=True)
class FurtherEvent:
    """An event about the case that this agency may send to the other side.

    Attributes:
        type: its type.
        description: one sentence of the vocabulary.
        critical: whether it goes before all others.
        reference: leaves that name the event that it answers or corrects, if the type has them.
    """

    type: str
    description: str
    critical: bool
    reference: EventReference | None


def steps_of(vocabulary: Vocabulary, referral: ReferralRow) -> tuple[Step, ...]:
    """Return the steps that this agency's side may take from a referral's status."""
    rules = referral_rules(vocabulary)
    if rules is None:
        return ()
    found = [
        _step(vocabulary, rules, status, None)
        for status in vocabulary.code_lists[_status_list(vocabulary)].codes
        if status in rules.allowed(referral.status, referral.role)
    ]
    if referral.status in rules.open:
        found += [
            _step(vocabulary, rules, referral.status, business)
            for business in _ordered_business(vocabulary, rules, referral)
        ]
    return tuple(found)


def _status_list(vocabulary: Vocabulary) -> str:
    assert vocabulary.referrals is not None
    return vocabulary.referrals.status_list


def _ordered_business(
    vocabulary: Vocabulary, rules: ReferralRules, referral: ReferralRow
) -> list[str]:
    form = vocabulary.referrals
    assert form is not None
    side = form.referrer if referral.role == "referrer" else form.fulfiller
    return [each for each in side.business if each in rules.business[referral.role]]


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


def further_events(contract: Contract, agency: str, counterparty: str) -> tuple[FurtherEvent, ...]:
    """Return the types of event about a case that an agency may send to another one.

    Types that make or change a referral are left out: these are steps.

    Args:
        contract: the agreement.
        agency: the sender.
        counterparty: the recipient.
    """
    vocabulary = contract.vocabulary
    rules = referral_rules(vocabulary)
    steps = {rules.made.type, rules.changed.type} if rules else set()
    return tuple(
        FurtherEvent(
            name,
            vocabulary.type(name).description,
            name in vocabulary.urgent_types,
            event_reference(vocabulary, name),
        )
        for name in permitted_types(contract, agency)
        if name not in steps and counterparty in permitted_recipients(contract, agency, name)
    )


def event_reference(vocabulary: Vocabulary, event_type: str) -> EventReference | None:
    """Return the leaves of a type that name another event: an object of an agency and an id."""
    leaves = vocabulary.type(event_type).leaves
    for path, leaf in leaves.items():
        group, dot, _ = path.partition(".")
        if not dot or leaf.form.kind != "agency":
            continue
        ids = [
            other
            for other, beside in leaves.items()
            if other.startswith(f"{group}.") and beside.form.kind == "uuid"
        ]
        if len(ids) == 1:
            return EventReference(path, ids[0], leaf.required)
    return None


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
) -> Accepted:
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


@dataclass(frozen=True, slots=True)
class FurtherRequest:
    """A further event that a person sends to the other side of a referral.

    Attributes:
        type: its type.
        answers: leaves that the person filled in, by path.
        about: (sender, id) of the event that it answers or corrects.
        key: made with the form; the same form sent twice has the same key.
    """

    type: str
    answers: Mapping[str, JSON]
    about: tuple[str, str] | None
    key: str


def send_further(
    agency: DeskAgency, actor: Actor, held: HeldReferral, request: FurtherRequest
) -> Accepted:
    """Send an event about the case of a referral to its other side.

    Args:
        agency: this agency.
        actor: the person.
        held: the referral.
        request: the event.

    Raises:
        EventError: the event is refused; the refusal is in the disclosure log.
        KeyReusedError: this form was sent before with other content.
        RegistryError, StoreError, KeyAccessError: nothing can be sent now.
    """
    row = held.row
    vocabulary = agency.in_force(request.type, (row.counterparty,)).contract.vocabulary
    flat: dict[str, JSON] = {**request.answers, vocabulary.case: row.case_id}
    rules = referral_rules(vocabulary)
    if rules is not None and rules.made.id in vocabulary.type(request.type).leaves:
        flat[rules.made.id] = held.referral_id
    reference = event_reference(vocabulary, request.type)
    if reference is not None and request.about is not None:
        flat[reference.source], flat[reference.id] = request.about
    event = PlainEvent(request.type, (row.counterparty,), unflatten(flat))
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
