"""What a contract says of one sender, type and set of recipients, worked out once.

`contracts/decision.py` asks it for every event, on both sides of the wire, so everything that does
not depend on the values is computed here and kept with the contract: who may not, which fields may
be read by whom and under which clause, and which fields fall away with which consent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast

from contracts.events import EVENT_TYPES, JSON
from contracts.grouping import Grouping, grouping
from contracts.model import Contract
from contracts.terms import EventTerms

__all__ = ["Denial", "FieldDecision", "Plan", "Verdict", "plan"]

Verdict: TypeAlias = Literal["granted", "withheld", "left_out", "refused"]
_KEPT_MAX = 4096
"""Plans kept per contract, so that recipients chosen by a sender cannot fill the memory."""
_SCOPES = {
    "consent.pass_to_police": "pass_to_police",
    "consent.support_contact": "support_contact",
    "consent.share_identity": "share_identity",
    "consent.statistics": "statistics",
}
_RECORD_TYPES = ("incident.record_type", "record_type")
_NOT_A_CRIME = "hate_incident"


@dataclass(frozen=True, slots=True)
class FieldDecision:
    """What was decided of one field of one event, and why.

    Attributes:
        path: leaf path.
        verdict: `granted` to all addressed; `withheld` from some of them; `left_out` for lack of
            consent; `refused`, because nobody addressed may read it or
            the sender may not send it.
        readers: addressed agencies that receive it.
        clause: of the contract that decided, or None where there is none.
        reason: code: `granted`, `not_a_reader`, `consent_missing`, `incident_depersonalised`,
            `field_not_granted`, `sender_not_granted`.
    """

    path: str
    verdict: Verdict
    readers: frozenset[str]
    clause: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Denial:
    """Why nothing of this type may go from this sender to these recipients."""

    code: str
    detail: str
    clause: str | None = None


@dataclass(slots=True, eq=False)
class Plan:
    """The decision so far as it does not depend on values, time or standing.

    Attributes:
        denial: set when nothing may flow; the rest is then empty.
        clause: of the event type.
        grouping: of the addressed agencies.
        fields: leaf path that may be sent and read to its decision.
        required: leaf paths that the contract wants in every event.
        needs: identifying or consent-bound leaf path to the scopes that must each be true.
        depersonalised: leaf paths left out of the record of an incident that is not a crime.
    """

    denial: Denial | None
    clause: str | None = None
    grouping: Grouping | None = None
    fields: Mapping[str, FieldDecision] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    needs: Mapping[str, frozenset[str]] = field(default_factory=dict)
    depersonalised: frozenset[str] = frozenset()
    _blocked: dict[tuple[bool, ...], Mapping[str, FieldDecision]] = field(default_factory=dict)
    _impersonal: Mapping[str, FieldDecision] = field(default_factory=dict)

    def left_out(self, flat: Mapping[str, JSON]) -> Mapping[str, FieldDecision]:
        """Return the leaf paths that may not be in this event, given the consent it states.

        Only what is `true` counts as consent. Consent to statistics alone, or to nothing, leaves no
        identifying field, since each of them needs another scope.
        """
        blocked: Mapping[str, FieldDecision] = _NOTHING
        if self.needs:
            get = flat.get
            answers = tuple([get(path) is True for path in _SCOPES])
            found = self._blocked.get(answers)
            if found is None:  # at most 16 of them
                scopes_of = zip(_SCOPES.values(), answers, strict=True)
                given = frozenset([scope for scope, agreed in scopes_of if agreed])
                found = self._blocked[answers] = {
                    path: self._without(path, "consent_missing")
                    for path, scopes in self.needs.items()
                    if not scopes <= given
                }
            blocked = found
        if self.depersonalised and any(flat.get(p) == _NOT_A_CRIME for p in _RECORD_TYPES):
            if not self._impersonal:
                self._impersonal = {
                    path: self._without(path, "incident_depersonalised")
                    for path in self.depersonalised
                }
            blocked = {**self._impersonal, **blocked}
        return blocked

    def _without(self, path: str, reason: str) -> FieldDecision:
        return FieldDecision(path, "left_out", frozenset(), self.fields[path].clause, reason)


_NOTHING: Mapping[str, FieldDecision] = {}


def plan(contract: Contract, sender: str, recipients: tuple[str, ...], event_type: str) -> Plan:
    """Return the plan for one sender, its addressed agencies and a type; never raises a denial.

    Raises:
        ContractError: `contract_field_unknown`, `contract_invalid`: the contract is at fault.
    """
    kept = contract.memo
    key = ("plan", sender, recipients, event_type)
    found = kept.get(key)
    if found is not None:
        return cast("Plan", found)
    denial = _denial(contract, sender, recipients, event_type)
    built = (
        Plan(denial) if denial is not None else _permitted(contract, sender, recipients, event_type)
    )
    if len(kept) >= _KEPT_MAX:
        kept.clear()
    kept[key] = built
    return built


def _denial(  # noqa: PLR0911 - one return for each reason to deny
    contract: Contract, sender: str, recipients: tuple[str, ...], event_type: str
) -> Denial | None:
    if not recipients:
        return Denial("recipients_invalid", "no recipient is addressed")
    if len(set(recipients)) != len(recipients):
        return Denial("recipients_invalid", "a recipient is addressed twice")
    if sender in recipients:
        return Denial("recipients_invalid", "the sender addresses itself")
    role_of = contract.role_of
    if sender not in role_of:
        return Denial("party_unknown", "the sender is not a party to the contract")
    if any(agency not in role_of for agency in recipients):
        return Denial("party_unknown", "a recipient is not a party to the contract")
    terms = contract.event_types.get(event_type)
    if terms is None or event_type not in EVENT_TYPES:
        return Denial("type_unknown", "the contract has no event type of this name")
    if role_of[sender] not in terms.publishers:
        return Denial(
            "type_not_permitted",
            f"the role {role_of[sender]} may not publish this type",
            terms.clause,
        )
    for agency in sorted(recipients):
        if role_of[agency] not in terms.recipients:
            return Denial(
                "recipient_not_permitted",
                f"{agency} may not receive this type",
                terms.clause,
            )
    return None


def _permitted(
    contract: Contract, sender: str, recipients: tuple[str, ...], event_type: str
) -> Plan:
    terms = contract.event_types[event_type]
    groups = grouping(contract, event_type, frozenset(recipients))
    everyone = groups.readers[0]
    decisions: dict[str, FieldDecision] = {}
    needs: dict[str, frozenset[str]] = {}
    asks_consent = any(path in _SCOPES for path in terms.fields)
    for path, index in groups.group_of.items():
        readers = groups.readers[index]
        field_terms = terms.fields[path]
        if field_terms.senders and contract.role_of[sender] not in field_terms.senders:
            continue
        decisions[path] = FieldDecision(
            path=path,
            verdict="granted" if readers == everyone else "withheld",
            readers=readers,
            clause=field_terms.clause,
            reason="granted" if readers == everyone else "not_a_reader",
        )
        scopes: set[str] = set(field_terms.consent)
        if field_terms.identifies and asks_consent:
            # Even where a draft forgot the field's own scope: identity is never shared unasked.
            scopes.add("share_identity")
            scopes |= _by_role(contract, sender, readers)
        if scopes:
            needs[path] = frozenset(scopes)
    return Plan(
        denial=None,
        clause=terms.clause,
        grouping=groups,
        fields=decisions,
        required=frozenset(p for p, f in terms.fields.items() if f.required and p in decisions),
        needs=needs,
        depersonalised=_depersonalised(terms, frozenset(decisions)),
    )


def _by_role(contract: Contract, sender: str, readers: frozenset[str]) -> set[str]:
    """Return the scopes that the readers' roles need for anything that identifies."""
    from_role = contract.role_of[sender]
    scopes: set[str] = set()
    for agency in readers:
        rule = contract.consent_by_role.get(contract.role_of[agency])
        if rule is not None and from_role not in rule.unless_from:
            scopes.add(rule.scope)
    return scopes


def _depersonalised(terms: EventTerms, readable: frozenset[str]) -> frozenset[str]:
    if terms.incident_identifiers != "never":
        return frozenset()
    return frozenset(p for p, f in terms.fields.items() if f.identifies and p in readable)
