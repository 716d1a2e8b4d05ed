"""Further events about the case of a referral, to its other side: updates and corrections.

The agreement says which types this agency may send to the other side. A type may name an earlier
event that it answers or corrects. A correction may also withdraw fields of that event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from broker.audit.actor import Actor
from broker.event import JSON
from broker.operations.desk.agency import DeskAgency
from broker.operations.desk.held_referral import HeldReferral
from broker.operations.desk.sending import send_once
from broker.operations.event_acceptance import AcceptedEvent
from contracts.events import PlainEvent
from contracts.examples import permitted_recipients, permitted_types
from contracts.model import Contract
from contracts.referral import referral_rules
from contracts.simulation import NotRead, simulate
from contracts.vocabulary import Vocabulary, unflatten


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
        withdraws: leaf with the paths of withdrawn fields, if the type has one: it is a correction.
    """

    type: str
    description: str
    critical: bool
    reference: EventReference | None
    withdraws: str | None


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
            withdrawal_path(vocabulary, name),
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


def reference_leaves(vocabulary: Vocabulary, event_type: str) -> frozenset[str]:
    """Return the leaves of a type that name other events, which no person fills in."""
    leaves = vocabulary.type(event_type).leaves
    groups = {path.partition(".")[0] for path, leaf in leaves.items() if leaf.form.kind == "agency"}
    return frozenset(path for path in leaves if path.partition(".")[0] in groups)


def withdrawal_path(vocabulary: Vocabulary, event_type: str) -> str | None:
    """Return the leaf that lists withdrawn fields by their paths; None if the type has none."""
    for path, leaf in vocabulary.type(event_type).leaves.items():
        if leaf.form.longest is not None and leaf.form.value.kind == "leaf_path":
            return path
    return None


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


def unsent_fields(
    agency: DeskAgency, held: HeldReferral, request: FurtherRequest
) -> tuple[NotRead, ...]:
    """Return the fields of an event that the other side would not receive, and why.

    Args:
        agency: this agency.
        held: the referral.
        request: the event.

    Raises:
        RegistryError: no agreement is in force.
    """
    contract, event = _event(agency, held, request)
    simulated = simulate(contract, agency.id, event, agency.clock())
    view = simulated.recipients.get(held.row.counterparty)
    return () if view is None else view.left_out


def send_further(
    agency: DeskAgency, actor: Actor, held: HeldReferral, request: FurtherRequest
) -> AcceptedEvent:
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
    return send_once(agency, actor, _event(agency, held, request)[1], request.key)


def _event(
    agency: DeskAgency, held: HeldReferral, request: FurtherRequest
) -> tuple[Contract, PlainEvent]:
    """Return the agreement and the event that a request states."""
    row = held.row
    contract = agency.in_force(request.type, (row.counterparty,)).contract
    vocabulary = contract.vocabulary
    flat: dict[str, JSON] = {**request.answers, vocabulary.case: row.case_id}
    rules = referral_rules(vocabulary)
    if rules is not None and rules.made.id in vocabulary.type(request.type).leaves:
        flat[rules.made.id] = held.referral_id
    reference = event_reference(vocabulary, request.type)
    if reference is not None and request.about is not None:
        flat[reference.source], flat[reference.id] = request.about
    return contract, PlainEvent(request.type, (row.counterparty,), unflatten(flat))
