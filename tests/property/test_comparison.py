"""Comparison of any two versions: no agency gets more without a change that widens.

The oracle asks the compiled policy, which the engine enforces, and not the comparison's own rules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.comparison import compare
from contracts.model import UNSTATED_KAFKA_DAYS, Contract
from contracts.policy import policy_for
from contracts.terms import RetentionTerms
from tests.property.test_contracts import CONTRACT

ROLES = ("police", "prosecution", "council", "support")
SCOPES = ("pass_to_police", "support_contact", "share_identity", "statistics")
PURPOSES = ("support-victims", "monitor", "prosecute", "protect-and-investigate")
LEAVES = ("victim.name", "victim.needs", "urgency")
TYPES = ("referral.made", "case.updated")
UNLIMITED = 1_000

Edit: TypeAlias = Callable[[Contract], Contract]
Access: TypeAlias = tuple[frozenset[str], frozenset[str], int, int]
"""Consent that is needed, purposes, days on Kafka, years at the recipient."""


def of_type(contract: Contract, name: str, **update: Any) -> Contract:
    terms = contract.event_types[name].model_copy(update=update)
    return contract.model_copy(update={"event_types": {**contract.event_types, name: terms}})


def of_field(contract: Contract, name: str, leaf: str, **update: Any) -> Contract:
    fields = contract.event_types[name].fields
    if leaf not in fields:
        return contract
    changed = fields[leaf].model_copy(update=update)
    return of_type(contract, name, fields={**fields, leaf: changed})


def without_field(contract: Contract, name: str, leaf: str) -> Contract:
    fields = contract.event_types[name].fields
    kept = {path: terms for path, terms in fields.items() if path != leaf}
    return of_type(contract, name, fields=kept)


def role_of(contract: Contract, at: int, role: str) -> Contract:
    parties = list(contract.parties)
    parties[at] = parties[at].model_copy(update={"role": role})
    return contract.model_copy(update={"parties": tuple(parties)})


def consent_of(contract: Contract, role: str, scope: str | None) -> Contract:
    rules = {name: rule for name, rule in contract.consent_by_role.items() if name != role}
    if scope is not None:
        some = next(iter(contract.consent_by_role.values()))
        rules[role] = some.model_copy(update={"scope": scope})
    return contract.model_copy(update={"consent_by_role": rules})


def subset(values: tuple[str, ...], smallest: int = 0) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), min_size=smallest, unique=True).map(tuple)


def edits(draw: st.DrawFn) -> Edit:
    name, leaf = draw(st.sampled_from(TYPES)), draw(st.sampled_from(LEAVES))
    kind = draw(st.integers(0, 9))
    roles = draw(subset(ROLES, 1))
    match kind:
        case 0:
            return lambda c: of_field(c, name, leaf, readers=roles)
        case 1:
            return lambda c: of_field(c, name, leaf, senders=roles)
        case 2:
            scopes = draw(subset(SCOPES))
            return lambda c: of_field(c, name, leaf, consent=scopes)
        case 3:
            purposes = draw(subset(PURPOSES, 1))
            return lambda c: of_field(c, name, leaf, purposes=purposes)
        case 4:
            identifies = draw(st.booleans())
            return lambda c: of_field(c, name, leaf, identifies=identifies)
        case 5:
            member = draw(st.sampled_from(("publishers", "recipients")))
            return lambda c: of_type(c, name, **{member: roles})
        case 6:
            days, years = draw(st.integers(1, 366)), draw(st.integers(1, 100))
            kept = draw(st.sampled_from((None, RetentionTerms(
                kafka_days=days, recipient_years=years))))  # fmt: skip
            return lambda c: of_type(c, name, retention=kept)
        case 7:
            at = draw(st.integers(0, 3))
            return lambda c: role_of(c, at, roles[0])
        case 8:
            scope = draw(st.sampled_from((None, *SCOPES)))
            return lambda c: consent_of(c, roles[0], scope)
    return lambda c: without_field(c, name, leaf)


@st.composite
def histories(draw: st.DrawFn) -> list[Edit]:
    return [edits(draw) for _ in range(draw(st.integers(1, 4)))]


def access(contract: Contract) -> dict[tuple[str, str, str, str], Access]:
    """Fields that each agency may read of the events of each other, with the conditions."""
    found: dict[tuple[str, str, str, str], Access] = {}
    agencies = [party.id for party in contract.parties]
    for name in TYPES:
        terms = contract.event_types[name]
        kept = terms.retention
        days = kept.kafka_days if kept else UNSTATED_KAFKA_DAYS
        years = kept.recipient_years if kept else UNLIMITED
        for sender in agencies:
            for reader in agencies:
                if sender == reader:
                    continue
                policy = policy_for(contract, sender, (reader,), name)
                if policy.denial is not None:
                    continue
                bound = policy.grouping.unbound[reader]
                for leaf in policy.fields:
                    scopes = set(policy.needs.get(leaf, frozenset()))
                    if leaf not in bound and reader in policy.role_needs:
                        scopes.add(policy.role_needs[reader])
                    purposes = frozenset(terms.fields[leaf].purposes)
                    found[sender, reader, name, leaf] = (frozenset(scopes), purposes, days, years)
    return found


def more(before: Access | None, after: Access) -> bool:
    if before is None:
        return True
    return (
        not before[0] <= after[0]
        or not after[1] <= before[1]
        or after[2] > before[2]
        or after[3] > before[3]
    )


def apply(contract: Contract, history: list[Edit]) -> Contract:
    for edit in history:
        contract = edit(contract)
    return contract


@settings(max_examples=150, deadline=None)
@given(first=histories(), second=histories())
def test_an_agency_that_gets_more_is_reported_as_widening(
    first: list[Edit], second: list[Edit]
) -> None:
    before = apply(CONTRACT, first)
    after = apply(before, second)
    old = access(before)
    wider = [flow for flow, now in access(after).items() if more(old.get(flow), now)]
    if wider:
        assert compare(before, after).widening, wider[:3]
