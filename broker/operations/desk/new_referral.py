"""A new referral: possible recipients, questions about consent, fields, and what each will see."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from broker.errors import RegistryError
from broker.event import JSON
from broker.operations.desk.agency import DeskAgency
from broker.operations.desk.answers import AnswerProblem, Texts, read_answers
from broker.operations.desk.entry_fields import EntryField, entry_fields
from broker.operations.desk.shown_fields import leaf_label
from broker.registry.contract_in_force import ContractInForce
from contracts.consent_needs import consent_needs
from contracts.errors import ConcordantError, EventError
from contracts.events import PlainEvent
from contracts.examples import permitted_recipients
from contracts.model import Contract
from contracts.phrases import N_
from contracts.policy import policy_for
from contracts.referral import ReferralRules, referral_rules
from contracts.simulation import Simulated, simulate
from contracts.vocabulary import unflatten


@dataclass(frozen=True, slots=True)
class RecipientChoice:
    """An agency to which a referral may be made.

    Attributes:
        agency: its id.
        name: its legal name.
        role: its role in the agreement.
        role_text: the role in words of the agreement.
        agreement: name of the agreement.
        title: title of the agreement.
    """

    agency: str
    name: str
    role: str
    role_text: str
    agreement: str
    title: str


@dataclass(frozen=True, slots=True)
class ConsentQuestion:
    """A question about consent, in the words of the vocabulary.

    Attributes:
        path: leaf path of the answer.
        text: what the person is asked, to be read out.
        for_agencies: recipients for which some field depends on the answer, sorted.
        fields: labels of the fields that depend on it.
    """

    path: str
    text: str
    for_agencies: tuple[str, ...]
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReferralPlan:
    """The agreement, the questions and the fields for some recipients.

    Attributes:
        in_force: the agreement that applies.
        rules: its rules of referrals.
        recipients: the addressed agencies, sorted.
        questions: questions about consent; empty if the vocabulary has none.
        fields: fields that the recipients may receive with the consent that was entered.
    """

    in_force: ContractInForce
    rules: ReferralRules
    recipients: tuple[str, ...]
    questions: tuple[ConsentQuestion, ...]
    fields: tuple[EntryField, ...]

    @property
    def contract(self) -> Contract:
        """Return the terms of the agreement."""
        return self.in_force.contract

    @property
    def event_type(self) -> str:
        """Return the type of the event that makes the referral."""
        return self.rules.made.type


def possible_recipients(agency: DeskAgency) -> tuple[RecipientChoice, ...]:
    """Return the agencies to which this agency may make referrals now, by agreement and name.

    Raises:
        RegistryError: two versions of one agreement apply at once.
    """
    try:
        found = agency.participant.contracts_in_force(agency.clock())
    except RegistryError as error:
        if error.code in ("contract_missing", "contract_not_in_force"):
            return ()
        raise
    choices = []
    for in_force in found:
        contract = in_force.contract
        rules = referral_rules(contract.vocabulary)
        if rules is None:
            continue
        departed = in_force.status(agency.clock()).departed
        for other in permitted_recipients(contract, agency.id, rules.made.type):
            party = contract.by_id[other]
            if other not in departed:
                choices.append(
                    RecipientChoice(
                        other,
                        party.legal_name,
                        party.role,
                        contract.roles[party.role],
                        contract.name,
                        contract.title,
                    )
                )
    return tuple(sorted(choices, key=lambda one: (one.title, one.role, one.name)))


def referral_plan(agency: DeskAgency, recipients: Collection[str], texts: Texts) -> ReferralPlan:
    """Return what can be written to some recipients.

    Args:
        agency: this agency.
        recipients: at least one agency.
        texts: what the person typed so far; only the answers about consent are read.

    Raises:
        EventError: `recipient_not_permitted`: no agreement allows a referral to all of them.
        RegistryError: the agreement is not in force.
    """
    addressed = tuple(sorted(set(recipients)))
    in_force, rules = _agreement(agency, addressed)
    contract = in_force.contract
    vocabulary = contract.vocabulary
    of_type = vocabulary.type(rules.made.type)
    questions = _questions(contract, agency.id, addressed, rules.made.type)
    asked = [question.path for question in questions]
    all_given: dict[str, JSON] = dict.fromkeys(vocabulary.answers, True)
    everything = entry_fields(contract, agency.id, addressed, rules.made.type, all_given)
    consent = read_answers(of_type, [one for one in everything if one.path in asked], texts)[0]
    own = {rules.case, rules.made.id, *vocabulary.answers}
    fields = entry_fields(contract, agency.id, addressed, rules.made.type, consent, without=own)
    return ReferralPlan(in_force, rules, addressed, questions, fields)


def consent_fields(agency: DeskAgency, plan: ReferralPlan) -> tuple[EntryField, ...]:
    """Return the fields that hold the answers about consent, in the order of the questions."""
    given: dict[str, JSON] = dict.fromkeys(plan.contract.vocabulary.answers, True)
    found = entry_fields(plan.contract, agency.id, plan.recipients, plan.event_type, given)
    asked = {question.path for question in plan.questions}
    return tuple(field for field in found if field.path in asked)


def referral_event(
    agency: DeskAgency, plan: ReferralPlan, texts: Texts, case_id: str, referral_id: str
) -> tuple[PlainEvent, tuple[AnswerProblem, ...]]:
    """Return the event that the texts state, and every problem.

    Args:
        agency: this agency.
        plan: what can be written.
        texts: what the person typed.
        case_id: the shared id of the case.
        referral_id: the id of the referral.
    """
    of_type = plan.contract.vocabulary.type(plan.event_type)
    asked = (*consent_fields(agency, plan), *plan.fields)
    flat, problems = read_answers(of_type, asked, texts)
    flat |= {plan.rules.case: case_id, plan.rules.made.id: referral_id}
    return PlainEvent(plan.event_type, plan.recipients, unflatten(flat)), problems


def preview(agency: DeskAgency, plan: ReferralPlan, event: PlainEvent) -> Simulated:
    """Return what each recipient will see of an event, and why not more.

    Raises:
        ContractError: the agreement itself is at fault.
    """
    return simulate(plan.contract, agency.id, event, agency.clock())


def _agreement(
    agency: DeskAgency, recipients: tuple[str, ...]
) -> tuple[ContractInForce, ReferralRules]:
    """Return the agreement under which a referral to all these agencies would be sent."""
    last: ConcordantError | None = None
    for contract in reversed(agency.known_contracts()):
        rules = referral_rules(contract.vocabulary)
        if rules is None:
            continue
        if not set(recipients) <= set(permitted_recipients(contract, agency.id, rules.made.type)):
            continue
        try:
            in_force = agency.in_force(rules.made.type, recipients)
        except (EventError, RegistryError) as error:
            last = error
            continue
        current = referral_rules(in_force.contract.vocabulary)
        if current is not None:
            return in_force, current
    raise last or EventError(
        N_("No agreement lets this agency make one referral to all of these agencies."),
        code="recipient_not_permitted",
        where="recipients",
    )


def _questions(
    contract: Contract, sender: str, recipients: Sequence[str], event_type: str
) -> tuple[ConsentQuestion, ...]:
    vocabulary, terms = contract.vocabulary, contract.event_types[event_type]
    policy = policy_for(contract, sender, tuple(recipients), event_type)
    if policy.denial is not None:
        return ()
    leaves = vocabulary.type(event_type).leaves
    found = []
    for path, scope in vocabulary.answers.items():
        if path not in policy.fields:
            continue
        labels: list[str] = []
        agencies: set[str] = set()
        for field in policy.fields:
            needs = consent_needs(contract, terms, terms.fields[field])
            readers = {
                one
                for one in policy.fields[field].readers
                if scope in needs.everyone
                or any(
                    need.scope == scope
                    and need.role == contract.role_of[one]
                    and contract.role_of[sender] not in need.unless_from
                    for need in needs.by_role
                )
            }
            if readers:
                labels.append(leaf_label(leaves[field]))
                agencies |= readers
        found.append(
            ConsentQuestion(path, vocabulary.scopes[scope], tuple(sorted(agencies)), tuple(labels))
        )
    return tuple(found)
