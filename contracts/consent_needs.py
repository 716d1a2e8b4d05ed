"""Consent that a field needs: for every recipient, and for recipients of one role.

These are the rules of docs/spec/contracts.md, "Consent". `contracts/policy.py` applies them to the
events of one sender and its recipients; explain, matrix and lint show them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.model import Contract
from contracts.terms import ConsentScope, EventTerms, FieldTerms

__all__ = [
    "ConsentNeeds",
    "RoleNeed",
    "asks_consent",
    "consent_bound",
    "consent_needs",
    "given",
    "role_need",
]


@dataclass(frozen=True, slots=True)
class RoleNeed:
    """Further consent that recipients of one role need for the consent-bound fields.

    Attributes:
        role: the recipients' role.
        scope: the consent.
        clause: clause of the agreement that requires it.
        unless_from: roles of senders. Their events do not need this consent.
    """

    role: str
    scope: ConsentScope
    clause: str
    unless_from: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConsentNeeds:
    """Consent that one field of one event type needs.

    Attributes:
        everyone: scopes without which the field is sent to no recipient, in alphabetical order.
        by_role: further needs of the roles that read the field, in the order of its readers.
    """

    everyone: tuple[ConsentScope, ...]
    by_role: tuple[RoleNeed, ...]

    def scopes_for(self, role: str) -> tuple[ConsentScope, ...]:
        """Return every scope that a recipient of this role needs from any sender."""
        own = [need.scope for need in self.by_role if need.role == role]
        return tuple(dict.fromkeys((*self.everyone, *own)))


def consent_needs(contract: Contract, terms: EventTerms, field: FieldTerms) -> ConsentNeeds:
    """Return what consent a field of one event type needs."""
    everyone: set[ConsentScope] = set(field.consent)
    by_role: list[RoleNeed] = []
    if consent_bound(contract, terms, field):
        # Also if a draft does not name this scope: identity is never shared without consent.
        identity = contract.vocabulary.identity_scope
        assert identity is not None  # the type carries answers, so the vocabulary has scopes
        everyone.add(identity)
        for role in dict.fromkeys(field.readers):
            rule = contract.consent_by_role.get(role)
            if rule is not None:
                by_role.append(RoleNeed(role, rule.scope, rule.clause, rule.unless_from))
    return ConsentNeeds(tuple(sorted(everyone)), tuple(by_role))


def consent_bound(contract: Contract, terms: EventTerms, field: FieldTerms) -> bool:
    """Return whether a field identifies and its event type asks for consent.

    Such fields are sealed in separate groups, whose keys depend on each recipient's own consent.
    """
    return field.identifies and asks_consent(contract, terms)


def asks_consent(contract: Contract, terms: EventTerms) -> bool:
    """Return whether an event type carries answers about consent."""
    return not contract.vocabulary.answers.keys().isdisjoint(terms.fields)


def role_need(contract: Contract, sender: str, recipient: str) -> ConsentScope | None:
    """Return the scope that a recipient's role needs for consent-bound fields of this sender.

    It is None if the role needs none.

    Args:
        contract: the agreement.
        sender: agency id of a party.
        recipient: agency id of a party.
    """
    rule = contract.consent_by_role.get(contract.role_of[recipient])
    if rule is None or contract.role_of[sender] in rule.unless_from:
        return None
    return rule.scope


def given(contract: Contract, scope: ConsentScope | None, flat: Mapping[str, object]) -> bool:
    """Return whether an event's own answers give a scope; only `true` is consent."""
    return scope is None or flat.get(contract.vocabulary.answer_to[scope]) is True
