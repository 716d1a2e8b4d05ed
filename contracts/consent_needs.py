"""Consent that a field needs: from every recipient, and from recipients of one role.

The answer for people and for lint. `contracts/plan.py` enforces the same rules for one event
(docs/spec/contracts.md, "Consent"); a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass

from contracts.model import Contract
from contracts.terms import ConsentScope, EventTerms, FieldTerms

__all__ = ["ConsentNeeds", "RoleNeed", "consent_needs"]

_CONSENT_LEAVES = "consent."


@dataclass(frozen=True, slots=True)
class RoleNeed:
    """A further consent without which one role gets nothing that identifies.

    Attributes:
        role: of the recipient.
        scope: the consent.
        clause: of the agreement that says so.
        unless_from: roles of senders to whom it does not apply.
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
        """Return every scope that a recipient of this role needs, whoever sends."""
        own = [need.scope for need in self.by_role if need.role == role]
        return tuple(dict.fromkeys((*self.everyone, *own)))


def consent_needs(contract: Contract, terms: EventTerms, field: FieldTerms) -> ConsentNeeds:
    """Return what consent a field of one event type needs."""
    everyone: set[ConsentScope] = set(field.consent)
    by_role: list[RoleNeed] = []
    if field.identifies and any(path.startswith(_CONSENT_LEAVES) for path in terms.fields):
        everyone.add("share_identity")
        for role in dict.fromkeys(field.readers):
            rule = contract.consent_by_role.get(role)
            if rule is not None:
                by_role.append(RoleNeed(role, rule.scope, rule.clause, rule.unless_from))
    return ConsentNeeds(tuple(sorted(everyone)), tuple(by_role))
