"""Comparison of two agreements: every changed leaf is reported, and what discloses more widens."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.comparison import AgreementComparison, TermChange, compare
from contracts.model import Contract
from contracts.parties import key_fingerprint
from contracts.terms import FieldTerms
from tests.unit.contracts.alterations import Alteration, altered, by_member, filled

MADE = "referral.made"


@pytest.fixture(scope="module")
def full(contract: Contract) -> Contract:
    complete: Contract = filled(contract)
    name, terms = next(iter(complete.event_types.items()))
    fields = dict(list(terms.fields.items())[:6])
    return complete.model_copy(
        update={"event_types": {name: terms.model_copy(update={"fields": fields})}}
    )


@pytest.fixture(scope="module")
def changes(full: Contract) -> list[Alteration]:
    return list(altered(full))


def reported(found: AgreementComparison, where: tuple[str | int, ...]) -> bool:
    """Return True if a change names the altered part of the agreement."""
    keys = [key for key in where if isinstance(key, str)]
    return any(change.path.startswith(keys[0]) and change.text for change in found.changes)


def test_an_agreement_does_not_differ_from_itself(full: Contract) -> None:
    assert compare(full, full).changes == ()


def test_a_change_of_any_member_is_reported(full: Contract, changes: list[Alteration]) -> None:
    for found in by_member(iter(changes)).values():
        for how in dict.fromkeys(each.how for each in found):
            one = next(each for each in found if each.how == how)
            assert reported(compare(full, one.value), one.where), (one.where, one.how)


def test_a_change_of_any_leaf_is_reported_in_both_directions(
    full: Contract, changes: list[Alteration]
) -> None:
    @settings(max_examples=100, deadline=None)
    @given(index=st.integers(0, len(changes) - 1))
    def holds(index: int) -> None:
        one = changes[index]
        assert reported(compare(full, one.value), one.where), (one.where, one.how)
        assert reported(compare(one.value, full), one.where), (one.where, one.how)

    holds()


def field(contract: Contract, path: str = "victim.name", **update: Any) -> Contract:
    terms = contract.event_types[MADE]
    fields = {**terms.fields, path: terms.fields[path].model_copy(update=update)}
    return of_type(contract, fields=fields)


def of_type(contract: Contract, **update: Any) -> Contract:
    terms = contract.event_types[MADE].model_copy(update=update)
    return contract.model_copy(update={"event_types": {**contract.event_types, MADE: terms}})


def without_consent_leaves(contract: Contract) -> Contract:
    terms = contract.event_types[MADE]
    return of_type(
        contract,
        fields={p: f for p, f in terms.fields.items() if not p.startswith("consent.")},
    )


def part(name: str, **update: Any) -> Callable[[Contract], Contract]:
    return lambda c: c.model_copy(update={name: getattr(c, name).model_copy(update=update)})


WIDENING: dict[str, Callable[[Contract], Contract]] = {
    "reader": lambda c: field(c, "victim.address", readers=("police", "council", "support")),
    "purpose": lambda c: field(c, purposes=("support-victims", "monitor")),
    "another purpose": lambda c: field(c, purposes=("monitor",)),
    "consent": lambda c: field(c, consent=()),
    "mark of identity": lambda c: field(c, identifies=False),
    "consent leaves of the type": without_consent_leaves,
    "consent by role": lambda c: c.model_copy(update={"consent_by_role": {}}),
    "exception from consent": lambda c: c.model_copy(
        update={
            "consent_by_role": {
                role: rule.model_copy(update={"unless_from": ("council", *rule.unless_from)})
                for role, rule in c.consent_by_role.items()
            }
        }
    ),
    "publisher": lambda c: of_type(c, publishers=(*c.event_types[MADE].publishers, "court")),
    "recipient": lambda c: of_type(c, recipients=(*c.event_types[MADE].recipients, "prosecution")),
    "identifiers of incidents": lambda c: of_type(c, incident_identifiers="allowed"),
    "years": lambda c: of_type(c, retention=c.event_types[MADE].retention.model_copy(  # type: ignore[union-attr]
        update={"recipient_years": 99})),
    "no retention": lambda c: of_type(c, retention=None),
    "required": lambda c: field(c, "urgency", required=True),
    "type": lambda c: c.model_copy(update={
        "event_types": {**c.event_types, "more": c.event_types[MADE]}}),
    "party": lambda c: c.model_copy(update={
        "parties": (*c.parties, c.parties[0].model_copy(update={"id": "another"}))}),
    "end": lambda c: c.model_copy(update={"ends": c.ends + timedelta(days=1)}),
    "grace": part("retention", grace_days=366),
    "suppression": part("statistics", suppress_below=2),
    "suppression of areas": part("statistics", suppress_area_below=2),
    "no suppression of areas": part("statistics", suppress_area_below=None),
    "a role that tallies unions": part("statistics", tally="analyst"),
    "no disclosure control": lambda c: c.model_copy(update={"statistics": None}),
    "a text": part("use", onward_disclosure="To anyone."),
    "a prohibition less": lambda c: c.model_copy(update={
        "use": c.use.model_copy(update={"prohibited": c.use.prohibited[1:]})}),
    "what a role is": lambda c: c.model_copy(update={"roles": {**c.roles, "support": "Anyone."}}),
    "the summary": lambda c: c.model_copy(update={"summary": "Anything may be shared."}),
    "the title": lambda c: c.model_copy(update={"title": "Open data"}),
    "an acknowledgement that permits": lambda c: c.model_copy(update={
        "acknowledgements": {**c.acknowledgements, "all": "All may be read by anyone."}}),
    "a processor's terms": lambda c: c.model_copy(update={
        "processors": (c.processors[0].model_copy(update={"terms": "None."}),)}),
}  # fmt: skip


@pytest.mark.parametrize("name", WIDENING)
def test_more_longer_other_purpose_and_less_consent_widen(contract: Contract, name: str) -> None:
    found = compare(contract, WIDENING[name](contract))
    assert found.widening
    assert all(change.text and change.parties for change in found.changes)


NARROWING: dict[str, Callable[[Contract], Contract]] = {
    "reader": lambda c: field(c, readers=("police",)),
    "purpose": lambda c: field(c, purposes=("support-victims",)),
    "consent": lambda c: field(c, consent=("share_identity", "support_contact")),
    "senders": lambda c: field(c, senders=("police",)),
    "end": lambda c: c.model_copy(update={"ends": c.ends - timedelta(days=1)}),
    "years": lambda c: of_type(c, retention=c.event_types[MADE].retention.model_copy(  # type: ignore[union-attr]
        update={"recipient_years": 1})),
    "prohibition": lambda c: c.model_copy(update={
        "use": c.use.model_copy(update={"prohibited": (*c.use.prohibited, "Advertising.")})}),
    "a party that alone publishes figures": part("statistics", published_by="csu-camden"),
    "more suppression of areas": part("statistics", suppress_area_below=20),
    "a reason that is asked": lambda c: c.model_copy(update={"reason_asked_of": ("support",)}),
}  # fmt: skip


def test_a_changed_signing_key_is_shown_by_its_fingerprints(contract: Contract) -> None:
    agency = contract.parties[0].id
    before = contract.governance_keys[agency]
    after = before.model_copy(update={"ed25519": base64.b64encode(bytes(range(32))).decode()})
    keys = {**contract.governance_keys, agency: after}
    (change,) = compare(contract, contract.model_copy(update={"governance_keys": keys})).changes
    assert change.widening
    assert key_fingerprint("governance", "ed25519", before.pairs[None].ed25519_raw) in change.text
    assert key_fingerprint("governance", "ed25519", after.pairs[None].ed25519_raw) in change.text
    assert after.ed25519 not in change.text


def _pursued(contract: Contract, *roles: str) -> Contract:
    purpose = contract.purposes["prosecute"].model_copy(update={"pursued_by": roles})
    return contract.model_copy(update={"purposes": {**contract.purposes, "prosecute": purpose}})


def test_roles_that_pursue_a_purpose_are_compared_as_a_set_and_none_means_all(
    contract: Contract,
) -> None:
    def effects(before: Contract, after: Contract) -> set[str]:
        return {change.effect for change in compare(before, after).changes}

    two, all_ = _pursued(contract, "police", "prosecution"), _pursued(contract)
    assert effects(two, all_) == {"widens"}
    assert effects(all_, two) == {"narrows"}
    assert effects(two, _pursued(contract, "police", "council")) == {"both"}
    assert effects(all_, _pursued(contract, *contract.roles)) == {"neutral"}


@pytest.mark.parametrize(
    ("days", "effect"), [(14, "narrows"), (30, "narrows"), (31, "both"), (366, "both")]
)
def test_retention_that_is_added_is_compared_with_what_held_without_it(
    contract: Contract, days: int, effect: str
) -> None:
    retention = contract.event_types[MADE].retention
    assert retention is not None
    without = of_type(contract, retention=None)
    agreed = of_type(contract, retention=retention.model_copy(update={"kafka_days": days}))
    assert [each.effect for each in compare(without, agreed).changes] == [effect]


def test_a_party_that_leaves_narrows_and_its_keys_say_nothing_of_their_own(
    contract: Contract,
) -> None:
    gone = contract.parties[-1].id
    after = contract.model_copy(
        update={
            "parties": contract.parties[:-1],
            "governance_keys": {k: v for k, v in contract.governance_keys.items() if k != gone},
            "review_by": tuple(each for each in contract.review_by if each != gone),
        }
    )
    effects = {each.path: each.effect for each in compare(contract, after).changes}
    assert effects[f"parties.{gone}"] == "narrows"
    assert effects[f"governance_keys.{gone}"] == "neutral"


@pytest.mark.parametrize("name", NARROWING)
def test_less_is_narrowing_and_its_reverse_widens(contract: Contract, name: str) -> None:
    changed = NARROWING[name](contract)
    assert {c.effect for c in compare(contract, changed).changes} == {"narrows"}
    assert {c.effect for c in compare(changed, contract).changes} == {"widens"}


_ROLES = ("police", "prosecution", "council", "support")
_SCOPES = ("pass_to_police", "support_contact", "share_identity", "statistics")


def _subset(values: tuple[str, ...], smallest: int = 0) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), min_size=smallest, unique=True).map(tuple)


_TERMS = st.fixed_dictionaries(
    {
        "readers": _subset(("police", "council", "support"), 1),
        "senders": _subset(_ROLES),
        "purposes": _subset(("support-victims", "monitor", "prosecute"), 1),
        "consent": _subset(_SCOPES),
        "identifies": st.booleans(),
    }
)


@settings(max_examples=100, deadline=None)
@given(before=_TERMS, after=_TERMS)
def test_no_field_gets_more_readers_senders_purposes_or_less_consent_unreported(
    contract: Contract, before: dict[str, Any], after: dict[str, Any]
) -> None:
    old, new = field(contract, **before), field(contract, **after)

    def terms(contract: Contract) -> FieldTerms:
        return contract.event_types[MADE].fields["victim.name"]

    a, b = terms(old), terms(new)
    publishers = contract.event_types[MADE].publishers
    wider = (
        not {*b.readers} <= {*a.readers}
        or not {*(b.senders or publishers)} <= {*(a.senders or publishers)}
        or not {*b.purposes} <= {*a.purposes}
        or not {*a.consent} <= {*b.consent}
        or (a.identifies and not b.identifies)
    )
    assert compare(old, new).widening == wider


def test_a_change_names_clause_and_the_parties_that_it_concerns(contract: Contract) -> None:
    changed = field(contract, "victim.address", readers=("police", "council", "support"))
    (change,) = compare(contract, changed).changes
    assert change.path == "event_types.referral.made.fields.victim.address.readers[support]"
    assert (change.clause, change.effect) == ("4.1.13", "widens")
    assert "haven-support" in change.parties
    intelligence = field(contract, "intelligence.source_grade", senders=("police",))
    (change,) = compare(contract, intelligence).changes[:1]
    assert isinstance(change, TermChange)
    assert "csu-camden" in change.parties


def test_the_second_consent_of_the_police_is_lost_loudly(contract: Contract) -> None:
    rules = {role: rule for role, rule in contract.consent_by_role.items() if role != "police"}
    found = compare(contract, contract.model_copy(update={"consent_by_role": rules}))
    assert any(
        change.path == "consent_by_role.police" and change.widening for change in found.changes
    )
    assert any("pass_to_police" in c.text and "victim.name" in c.path for c in found.changes)
