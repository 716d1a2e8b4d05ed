"""Compiled policy of a contract for one sender, type and set of recipients.

`contracts/decision.py` asks it for every event, on both sides of the wire, so everything that does
not depend on the values is computed here and kept with the contract: who may not, which fields may
be read by whom and under which clause, and which agency gets which fields with which consent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias, cast

from contracts.consent_needs import (
    CONSENT_LEAVES,
    RECORD_TYPE_LEAVES,
    consent_needs,
    role_need,
)
from contracts.events import EVENT_TYPES, JSON
from contracts.grouping import Grouping, grouping
from contracts.model import Contract
from contracts.terms import ConsentScope, EventTerms
from contracts.values import value_class

__all__ = ["Consented", "Denial", "FieldDecision", "LeftOut", "Policy", "Verdict", "plan"]

Verdict: TypeAlias = Literal["granted", "withheld", "left_out", "refused"]
_KEPT_MAX = 4096
"""Plans kept per contract, so that recipients chosen by a sender cannot fill the memory."""
_NOT_A_CRIME = "hate_incident"


@dataclass(frozen=True, slots=True)
class FieldDecision:
    """What was decided of one field of one event, and why.

    Attributes:
        path: leaf path.
        verdict: `granted` to all addressed; `withheld` from some of them, by their grants or for
            lack of consent; `left_out` for all of them for lack of consent; `refused`, because no
            addressed agency may read it or the sender may not send it.
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


class LeftOut(NamedTuple):
    """One field of an event that one addressed agency does not get, although it is granted.

    Attributes:
        path: leaf path.
        agency: who does not get it.
        reason: `consent_missing` or `incident_depersonalised`.
    """

    path: str
    agency: str
    reason: str


@value_class(frozen=True, slots=True, eq=False)
class Consented:
    """What the answers in an event, and its kind of record, leave of its fields.

    Attributes:
        blocked: leaf paths that no addressed agency gets: they are not in the event.
        forbidden: those of them that may be in no such event, whoever is addressed.
        narrowed: leaf paths that fewer agencies get than are granted them.
        keys: addressed agency to one boolean per group: whether it gets the group's key.
        left_out: leaf path to the agencies that do not get it although they are granted it.
    """

    blocked: Mapping[str, FieldDecision]
    forbidden: frozenset[str]
    narrowed: Mapping[str, FieldDecision]
    keys: Mapping[str, tuple[bool, ...]]
    left_out: Mapping[str, tuple[LeftOut, ...]]


@dataclass(slots=True, eq=False)
class Policy:
    """The decision so far as it does not depend on values, time or status.

    Attributes:
        denial: set when nothing may flow; the rest is then empty.
        clause: of the event type.
        grouping: of the addressed agencies.
        fields: leaf path that may be sent and read to its decision.
        required: leaf paths that the contract wants in every event.
        needs: identifying or consent-bound leaf path to the scopes that must each be true, whoever
            is addressed.
        role_needs: addressed agency to the scope that its own role needs for what is consent-bound.
        depersonalised: leaf paths left out of the record of an incident that is not a crime.
    """

    denial: Denial | None
    clause: str | None = None
    grouping: Grouping | None = None
    fields: Mapping[str, FieldDecision] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    needs: Mapping[str, frozenset[ConsentScope]] = field(default_factory=dict)
    role_needs: Mapping[str, ConsentScope] = field(default_factory=dict)
    depersonalised: frozenset[str] = frozenset()
    _consented: dict[tuple[bool, ...], Consented] = field(default_factory=dict)

    def consented(self, flat: Mapping[str, JSON]) -> Consented:
        """Return which addressed agencies get which leaves, given the consent in this event.

        Only what is `true` counts as consent. Consent to statistics alone, or to nothing, leaves no
        identifying field, since each of them needs another scope.
        """
        get = flat.get
        answers = [get(path) is True for path in CONSENT_LEAVES] if self.needs else []
        impersonal = self.impersonal(flat)
        state = (*answers, impersonal)
        found = self._consented.get(state)
        if found is None:  # at most 32 of them
            scopes = zip(CONSENT_LEAVES.values(), answers, strict=False)
            given = frozenset([scope for scope, agreed in scopes if agreed])
            found = self._consented[state] = self._work_out(given, impersonal=impersonal)
        return found

    def impersonal(self, flat: Mapping[str, JSON]) -> bool:
        """Return whether the event records an incident of which no identifying field may be sent.

        Args:
            flat: leaves of the event as it was made; the record type decides even if it may not be
                sent itself.
        """
        return bool(self.depersonalised) and any(
            flat.get(path) == _NOT_A_CRIME for path in RECORD_TYPE_LEAVES
        )

    def _work_out(self, given: frozenset[ConsentScope], *, impersonal: bool) -> Consented:
        groups = self.grouping
        assert groups is not None
        refused = {a: frozenset((s,)) - given for a, s in self.role_needs.items()}
        keys = {
            agency: tuple(
                [
                    may and not (bound and refused.get(agency))
                    for may, bound in zip(mask, groups.bound, strict=True)
                ]
            )
            for agency, mask in groups.may_read.items()
        }
        blocked, narrowed, left_out = {}, {}, {}
        forbidden = set()
        for path, decision in self.fields.items():
            index = groups.group_of[path]
            lacking = self.needs.get(path, _NO_SCOPES) - given
            personal = impersonal and path in self.depersonalised
            gone = []
            for agency in sorted(decision.readers):
                mine = refused.get(agency, _NO_SCOPES) if groups.bound[index] else _NO_SCOPES
                if lacking or mine:
                    gone.append(LeftOut(path, agency, "consent_missing"))
                elif personal:
                    gone.append(LeftOut(path, agency, "incident_depersonalised"))
            if lacking or personal:
                forbidden.add(path)
            if not gone:
                continue
            left_out[path] = tuple(gone)
            readers = decision.readers - {one.agency for one in gone}
            reason = gone[0].reason
            if readers:
                narrowed[path] = FieldDecision(path, "withheld", readers, decision.clause, reason)
            else:
                blocked[path] = FieldDecision(path, "left_out", readers, decision.clause, reason)
        return Consented(blocked, frozenset(forbidden), narrowed, keys, left_out)


_NO_SCOPES: frozenset[ConsentScope] = frozenset()


def plan(contract: Contract, sender: str, recipients: tuple[str, ...], event_type: str) -> Policy:
    """Return the plan for one sender, its addressed agencies and a type; never raises a denial.

    Raises:
        ContractError: `contract_field_unknown`, `contract_invalid`: the contract is at fault.
    """
    kept = contract.memo
    key = ("plan", sender, recipients, event_type)
    found = kept.get(key)
    if found is not None:
        return cast("Policy", found)
    denial = _denial(contract, sender, recipients, event_type)
    built = (
        Policy(denial)
        if denial is not None
        else _permitted(contract, sender, recipients, event_type)
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
) -> Policy:
    terms = contract.event_types[event_type]
    groups = grouping(contract, event_type, frozenset(recipients))
    everyone = groups.readers[0]
    decisions: dict[str, FieldDecision] = {}
    needs: dict[str, frozenset[ConsentScope]] = {}
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
        scopes = consent_needs(contract, terms, field_terms).everyone
        if scopes:
            needs[path] = frozenset(scopes)
    role_needs = {agency: role_need(contract, sender, agency) for agency in everyone}
    return Policy(
        denial=None,
        clause=terms.clause,
        grouping=groups,
        fields=decisions,
        required=frozenset(p for p, f in terms.fields.items() if f.required and p in decisions),
        needs=needs,
        role_needs={agency: scope for agency, scope in role_needs.items() if scope is not None},
        depersonalised=_depersonalised(terms, frozenset(decisions)),
    )


def _depersonalised(terms: EventTerms, readable: frozenset[str]) -> frozenset[str]:
    if terms.incident_identifiers != "never":
        return frozenset()
    return frozenset(p for p, f in terms.fields.items() if f.identifies and p in readable)
