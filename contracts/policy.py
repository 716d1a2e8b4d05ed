"""Compiled policy of a contract for one sender, event type and set of recipients.

Sender and recipient use the policy for every event (`contracts/decision.py`). So everything that
does not depend on the values of an event is computed once and cached with the contract:

- `Denial`: the reason why nothing may be shared;
- `Grouping`: the fields that share one key, and their readers (docs/spec/envelope.md, "Groups");
- `Policy`: the decision for each field, and the consent that each agency needs for it
  (docs/spec/contracts.md, "Consent");
- `Consented`: the effect of the consent answers in an event, cached for each combination.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

from contracts.consent_needs import consent_bound, consent_needs, role_need
from contracts.errors import ContractError, EventError
from contracts.events import JSON
from contracts.legal_codes import party_kind
from contracts.model import Contract, midnight_ms
from contracts.phrases import N_, phrase
from contracts.terms import ConsentScope, EventTerms
from contracts.values import value_class

__all__ = [
    "GROUPS_MAX",
    "Consented",
    "Denial",
    "FieldDecision",
    "FieldVerdict",
    "Grouping",
    "LeftOut",
    "Policy",
    "granted_from",
    "group_fields",
    "policy_for",
]  # fmt: skip

GROUPS_MAX = 16
"""Maximum number of groups in one event (docs/spec/README.md, "Conventions")."""
CACHED_MAX = 4096
"""Maximum number of cached policies.

Seven parties have at most 63 sets of recipients for each sender and event type.
"""
FieldVerdict: TypeAlias = Literal["granted", "withheld", "left_out", "refused"]
_NO_SCOPES: frozenset[ConsentScope] = frozenset()


# --- groups ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """The groups of one event type for one set of addressed agencies (recipients).

    A group is a set of fields that are encrypted with one key.

    Attributes:
        readers: for each group, the recipients that may read it. All may read group 0.
        bound: for each group, True if it is consent-bound. A recipient gets the key of such a group
            only with the consent that its role needs.
        fields: leaf paths of each group, as a set.
        order: leaf paths of each group, in the order of the contract.
        group_of: maps a leaf path to its group. It holds only fields with a reader.
        granted: maps a recipient to the leaf paths that it may read if all consent is given.
        unbound: maps a recipient to the leaf paths of its groups that are not consent-bound.
        may_read: maps a recipient to one boolean per group: readable if all consent is given.
    """

    readers: tuple[frozenset[str], ...]
    bound: tuple[bool, ...]
    fields: tuple[frozenset[str], ...]
    order: tuple[tuple[str, ...], ...]
    group_of: Mapping[str, int]
    granted: Mapping[str, frozenset[str]]
    unbound: Mapping[str, frozenset[str]]
    may_read: Mapping[str, tuple[bool, ...]]


def group_fields(contract: Contract, event_type: str, addressed: frozenset[str]) -> Grouping:
    """Compute the groups of an event type for a set of recipients. `Policy.grouping` caches them.

    Grouping is a function of contract, event type and addressed agencies, never of the values.
    Group 0 holds the fields that all addressed agencies read and that are not consent-bound. The
    other fields are grouped by their readers and by whether they are consent-bound. These groups
    are in the order in which the contract first names a field of each. Each readable
    field is in exactly one group, and a field that no addressed agency may read is in none. So a
    reader can recompute which groups it should have, and a sender cannot show two readers two
    values of one field. An agency that is not a party reads nothing.

    Raises:
        EventError: `type_unknown`: the contract or this software has no such type.
        ContractError: `contract_field_unknown`: the contract grants a leaf that the type does not
            have; `contract_invalid`: more than 16 groups.
    """
    terms = contract.event_types.get(event_type)
    if terms is None:
        raise EventError("the contract has no event type of this name", code="type_unknown")
    for path in terms.fields.keys() - contract.vocabulary.type(event_type).leaves.keys():
        raise ContractError(
            f"the contract lists a field that {event_type} does not have",
            code="contract_field_unknown",
            where=f"event_types.{event_type}.fields.{path}",
        )
    roles = {agency: contract.role_of.get(agency) for agency in addressed}
    members: dict[tuple[frozenset[str], bool], list[str]] = {(addressed, False): []}  # group 0
    for path, field_terms in terms.fields.items():
        readers = frozenset(a for a, role in roles.items() if role in field_terms.readers)
        if readers:
            members.setdefault((readers, consent_bound(contract, terms, field_terms)), []).append(
                path
            )
    if len(members) > GROUPS_MAX:
        raise ContractError(
            f"the fields of {event_type} form {len(members)} groups, and at most {GROUPS_MAX} are "
            "possible: give more fields the same readers",
            where=f"event_types.{event_type}",
        )
    readers_of = tuple(readers for readers, _ in members)
    bound = tuple(is_bound for _, is_bound in members)
    order = tuple(tuple(paths) for paths in members.values())

    def granted(agency: str, *, with_bound: bool) -> frozenset[str]:
        return frozenset(
            path
            for (readers, is_bound), paths in members.items()
            if agency in readers and (with_bound or not is_bound)
            for path in paths
        )

    everyone = sorted(addressed)
    return Grouping(
        readers=readers_of,
        bound=bound,
        fields=tuple(frozenset(paths) for paths in order),
        order=order,
        group_of=MappingProxyType({p: i for i, paths in enumerate(order) for p in paths}),
        granted=MappingProxyType({a: granted(a, with_bound=True) for a in everyone}),
        unbound=MappingProxyType({a: granted(a, with_bound=False) for a in everyone}),
        may_read=MappingProxyType({a: tuple(a in r for r in readers_of) for a in everyone}),
    )


def granted_from(contract: Contract, sender: str, reader: str, event_type: str) -> frozenset[str]:
    """Return the leaves that the reader may get from the sender under a contract, or none."""
    terms = contract.event_types.get(event_type)
    role_of = contract.role_of
    if (
        terms is None
        or role_of.get(sender) not in terms.publishers
        or role_of.get(reader) not in terms.recipients
    ):
        return frozenset()
    return frozenset(
        path
        for path, field in terms.fields.items()
        if role_of[reader] in field.readers
        and (not field.senders or role_of[sender] in field.senders)
    )


# --- policy ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FieldDecision:
    """Decision on one field of one event, with its reason.

    - `granted`: every recipient gets the field.
    - `withheld`: some recipients do not get it: they are not granted it, or consent is missing.
    - `left_out`: no recipient gets it: consent is missing, or the incident identifies no person.
    - `refused`: no recipient may read it, or the sender may not send it.

    Attributes:
        path: leaf path.
        verdict: one of the four.
        readers: recipients that get the field.
        clause: clause of the contract on which the decision rests, or None.
        reason: one of the codes `granted`, `not_a_reader`, `consent_missing`,
            `incident_depersonalised`, `field_not_granted`, `sender_not_granted`.
    """

    path: str
    verdict: FieldVerdict
    readers: frozenset[str]
    clause: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Denial:
    """Reason why an event may not go from this sender to these recipients.

    Attributes:
        field: leaf path of the field at fault, with which ``detail`` begins; None if there is none.
    """

    code: str
    detail: str
    clause: str | None = None
    field: str | None = None


class LeftOut(NamedTuple):
    """One field of an event that one addressed agency does not get.

    Attributes:
        path: leaf path.
        agency: the agency that does not get it.
        reason: `consent_missing` or `incident_depersonalised`. If the adapter removed fields that
            the contract does not allow, also `field_not_granted` or `sender_not_granted`.
    """

    path: str
    agency: str
    reason: str

    def as_json(self) -> dict[str, str]:
        """Return a JSON object for scripts and reports."""
        return {"field": self.path, "agency": self.agency, "reason": self.reason}


@value_class(frozen=True, slots=True, eq=False)
class Consented:
    """Effect of the consent answers in an event, and of its kind of incident, on its fields.

    Attributes:
        blocked: leaf paths that no recipient gets. The sender removes them from the event.
        forbidden: leaf paths that no event with these answers may hold, to any recipient.
            Unlike `blocked`, it does not contain paths that are removed only because the roles of
            these recipients need a further consent.
        narrowed: leaf paths that only some of the entitled recipients get.
        keys: maps a recipient to one boolean per group: it gets the key of the group.
        left_out: maps a leaf path to the entitled recipients that do not get it.
        obtained: maps a recipient to its granted leaf paths, without those that consent keeps back.
    """

    blocked: Mapping[str, FieldDecision]
    forbidden: frozenset[str]
    narrowed: Mapping[str, FieldDecision]
    keys: Mapping[str, tuple[bool, ...]]
    left_out: Mapping[str, tuple[LeftOut, ...]]
    obtained: Mapping[str, frozenset[str]]


@dataclass(eq=False)
class Policy:
    """The part of a decision that does not depend on values, time or status.

    Attributes:
        contract: the agreement.
        event_type: name of the event type.
        addressed: ids of the recipients.
        denial: reason why nothing may be shared, or None. If it is set, the attributes below are
            empty.
        clause: clause of the event type.
        fields: maps each leaf path to its decision. It holds the paths that this sender may send
            and a recipient may read.
        required: leaf paths that every event must have.
        needs: maps a leaf path to the scopes that must all be given, for every recipient. It holds
            the consent-bound paths, which need the scope of identity even if the contract does not
            say so, and the paths for which the contract itself names a scope.
        role_needs: maps a recipient to the further scope that its role needs for consent-bound
            fields.
        depersonalised: leaf paths that are removed from an incident that identifies no person.
        closed: leaf path and code to the time, in milliseconds, from which the sender no longer
            uses the code.
    """

    contract: Contract = field(repr=False)
    event_type: str
    addressed: tuple[str, ...]
    denial: Denial | None
    clause: str | None = None
    fields: Mapping[str, FieldDecision] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    needs: Mapping[str, frozenset[ConsentScope]] = field(default_factory=dict)
    role_needs: Mapping[str, ConsentScope] = field(default_factory=dict)
    depersonalised: frozenset[str] = frozenset()
    closed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Store the paths and codes of the vocabulary that `consented` needs."""
        words = self.contract.vocabulary
        self._answers = tuple(words.answers) if self.needs else ()
        self._scopes = tuple(words.answers.values()) if self.needs else ()
        self._kinds = words.record_kinds if self.depersonalised else ()
        self._impersonal_codes = words.depersonalised_kinds
        self._by_answers: dict[tuple[bool, ...], Consented] = {}  # at most 2**5

    @cached_property
    def grouping(self) -> Grouping:
        """Return the groups of the addressed agencies.

        Raises:
            EventError: `type_unknown`; possible only if `denial` is set.
            ContractError: the contract is at fault; possible only if `denial` is set.
        """
        return group_fields(self.contract, self.event_type, frozenset(self.addressed))

    def consented(self, flat: Mapping[str, JSON]) -> Consented:
        """Return which recipients get which fields with the consent in this event.

        Only the value `true` is consent. Without consent, or with consent to statistics only, no
        consent-bound field is sent, because each needs the scope `share_identity`.
        """
        get = flat.get
        answers = [get(path) is True for path in self._answers] if self._answers else ()
        state = (*answers, self.impersonal(flat) if self._kinds else False)
        found = self._by_answers.get(state)
        if found is None:
            given = frozenset(
                [scope for scope, agreed in zip(self._scopes, state, strict=False) if agreed]
            )
            found = self._by_answers[state] = self._work_out(given, impersonal=state[-1])
        return found

    def closed_code(self, flat: Mapping[str, JSON], now: int) -> str | None:
        """Return the first leaf path with a code that the sender no longer uses at a time."""
        for path, codes in self.closed.items():
            value = flat.get(path)
            for code in value if isinstance(value, list) else (value,):
                if isinstance(code, str) and now >= codes.get(code, now + 1):
                    return path
        return None

    def impersonal(self, flat: Mapping[str, JSON]) -> bool:
        """Return True for an incident of a kind that identifies no person.

        Args:
            flat: all leaves of the event, before fields are removed. The field with the kind of
                incident counts even if it may not be sent.
        """
        for path in self._kinds:  # noqa: SIM110 - a loop is faster than any() here
            if flat.get(path) in self._impersonal_codes:
                return True
        return False

    def _work_out(self, given: frozenset[ConsentScope], *, impersonal: bool) -> Consented:
        """Apply three rules to each field.

        1. No recipient gets a field if a scope that all recipients need for it is missing.
        2. A recipient gets no consent-bound field if the scope that its role needs is missing.
        3. No recipient gets an identifying field of an incident that identifies no person.
        """
        groups = self.grouping
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
                mine = refused.get(agency) if groups.bound[index] else None
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
        kept_back: dict[str, set[str]] = {}
        for path, each in left_out.items():
            for one in each:
                if one.reason == "consent_missing":
                    kept_back.setdefault(one.agency, set()).add(path)
        return Consented(
            blocked,
            frozenset(forbidden),
            narrowed,
            keys,
            left_out,
            {
                agency: granted.difference(kept_back.get(agency, ()))
                for agency, granted in groups.granted.items()
            },
        )


def policy_for(
    contract: Contract, sender: str, recipients: tuple[str, ...], event_type: str
) -> Policy:
    """Return the policy for one sender, its addressed agencies and a type.

    If nothing may be shared, `denial` gives the reason, and no error is raised.

    The policy is cached with the contract. A policy with an unknown agency or type is not cached:
    an attacker could fill the memory with invented names (denial of service).

    Raises:
        ContractError: `contract_field_unknown`, `contract_invalid`: the contract is at fault.
    """
    kept: dict[tuple[str, tuple[str, ...], str], Policy] = contract.policies
    key = (sender, recipients, event_type)
    found = kept.get(key)
    if found is not None:
        return found
    unknown = _unknown(contract, sender, recipients, event_type)
    if unknown is not None:
        return Policy(contract, event_type, recipients, unknown)
    denial = _not_permitted(contract, sender, recipients, event_type)
    built = (
        Policy(contract, event_type, recipients, denial)
        if denial is not None
        else _compile(contract, sender, recipients, event_type)
    )
    if len(kept) >= CACHED_MAX:
        kept.clear()
    kept[key] = built
    return built


def _unknown(  # noqa: PLR0911 - one return for each reason to deny
    contract: Contract, sender: str, recipients: tuple[str, ...], event_type: str
) -> Denial | None:
    if not recipients:
        return Denial("recipients_invalid", N_("the event has no recipient"))
    if len(set(recipients)) != len(recipients):
        return Denial("recipients_invalid", N_("the event names a recipient twice"))
    if sender in recipients:
        return Denial("recipients_invalid", N_("the sender is also a recipient"))
    role_of = contract.role_of
    if sender not in role_of:
        return Denial("party_unknown", N_("the sender is not a party to the contract"))
    if any(agency not in role_of for agency in recipients):
        return Denial("party_unknown", N_("a recipient is not a party to the contract"))
    if event_type not in contract.event_types or event_type not in contract.vocabulary.event_types:
        return Denial("type_unknown", N_("the contract has no event type of this name"))
    return None


def _not_permitted(
    contract: Contract, sender: str, recipients: tuple[str, ...], event_type: str
) -> Denial | None:
    role_of, terms = contract.role_of, contract.event_types[event_type]
    if role_of[sender] not in terms.publishers:
        return Denial(
            "type_not_permitted",
            phrase(
                "the role %(role_of)s may not publish %(event_type)s",
                role_of=role_of[sender],
                event_type=event_type,
            ),
            terms.clause,
        )
    for agency in sorted(recipients):
        if role_of[agency] not in terms.recipients:
            return Denial(
                "recipient_not_permitted",
                phrase(
                    "%(agency)s may not receive %(event_type)s",
                    agency=agency,
                    event_type=event_type,
                ),
                terms.clause,
            )
    return None


def _compile(
    contract: Contract, sender: str, recipients: tuple[str, ...], event_type: str
) -> Policy:
    terms = contract.event_types[event_type]
    groups = group_fields(contract, event_type, frozenset(recipients))
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
    policy = Policy(
        contract,
        event_type,
        recipients,
        denial=None,
        clause=terms.clause,
        fields=decisions,
        required=frozenset(p for p, f in terms.fields.items() if f.required and p in decisions),
        needs=needs,
        role_needs={agency: scope for agency, scope in role_needs.items() if scope is not None},
        depersonalised=_depersonalised(terms, frozenset(decisions)),
        closed=_closed(contract, sender, event_type),
    )
    policy.grouping = groups
    return policy


def _closed(contract: Contract, sender: str, event_type: str) -> dict[str, dict[str, int]]:
    kind = party_kind(contract.by_id[sender])
    return {
        path: {code: midnight_ms(kinds[kind]) for code, kinds in codes.items() if kind in kinds}
        for path, codes in contract.vocabulary.type(event_type).closed.items()
        if any(kind in kinds for kinds in codes.values())
    }


def _depersonalised(terms: EventTerms, readable: frozenset[str]) -> frozenset[str]:
    if terms.incident_identifiers != "never":
        return frozenset()
    return frozenset(p for p, f in terms.fields.items() if f.identifies and p in readable)
