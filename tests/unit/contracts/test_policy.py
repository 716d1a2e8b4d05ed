"""Compiled policy for a sender, its recipients and a type."""

from __future__ import annotations

import pytest

from contracts import policy as module
from contracts.errors import EventError
from contracts.events import JSON
from contracts.model import Contract
from contracts.policy import FieldDecision, LeftOut, group_fields, policy_for
from contracts.status import ContractStatus
from tests.unit.contracts.asked import Asked

SENDER = "csu-camden"
TO = ("csu-lewisham", "council-camden", "haven-support")


def with_field(contract: Contract, event_type: str, path: str, **changed: object) -> Contract:
    """The contract with one field of one type in other terms."""
    terms = contract.event_types[event_type]
    field = terms.fields[path].model_copy(update=changed)
    changed_terms = terms.model_copy(update={"fields": {**terms.fields, path: field}})
    return contract.model_copy(
        update={"event_types": {**contract.event_types, event_type: changed_terms}}
    )


def test_a_field_for_all_is_granted_and_another_withheld_from_those_who_may_not_read_it(
    contract: Contract,
) -> None:
    policy = policy_for(contract, SENDER, TO, "referral.made")
    terms = contract.event_types["referral.made"]
    assert policy.denial is None
    assert policy.clause == terms.clause
    assert policy.fields["victim.name"] == FieldDecision(
        "victim.name", "granted", frozenset(TO), terms.fields["victim.name"].clause, "granted"
    )
    assert policy.fields["victim.address"] == FieldDecision(
        "victim.address",
        "withheld",
        frozenset({"csu-lewisham", "council-camden"}),
        terms.fields["victim.address"].clause,
        "not_a_reader",
    )


def test_the_policy_holds_exactly_the_fields_this_sender_may_send(
    contract: Contract,
) -> None:
    policy = policy_for(contract, "council-camden", ("csu-camden",), "case.updated")
    assert policy.grouping is not None
    terms = contract.event_types["case.updated"]
    own = {
        path
        for path in policy.grouping.group_of
        if not terms.fields[path].senders or "council" in terms.fields[path].senders
    }
    assert policy.fields.keys() == own < policy.grouping.group_of.keys()


def test_only_what_may_be_sent_and_read_is_required(contract: Contract) -> None:
    other = with_field(contract, "case.updated", "victim.name", required=True)
    assert policy_for(other, SENDER, ("csu-lewisham",), "case.updated").required == {
        "case_id",
        "victim.name",
    }
    council = policy_for(other, "council-camden", ("csu-camden",), "case.updated")
    assert council.required == {"case_id"}


def test_a_type_that_only_the_contract_knows_is_unknown(contract: Contract) -> None:
    types = {**contract.event_types, "imagined": contract.event_types["referral.made"]}
    other = contract.model_copy(update={"event_types": types})
    denial = policy_for(other, SENDER, TO, "imagined").denial
    assert denial is not None
    assert denial.code == "type_unknown"


def test_a_policy_is_compiled_once_and_for_exactly_what_was_asked(contract: Contract) -> None:
    first = policy_for(contract, SENDER, TO, "referral.made")
    assert policy_for(contract, SENDER, TO, "referral.made") is first
    for other in (
        policy_for(contract, "csu-lewisham", TO[1:], "referral.made"),
        policy_for(contract, SENDER, TO[1:], "referral.made"),
        policy_for(contract, SENDER, TO, "referral.status-changed"),
    ):
        assert other is not first


def test_the_cache_of_policies_is_bounded(
    contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = contract.model_copy()
    fresh.policies.clear()
    monkeypatch.setattr(module, "CACHED_MAX", 3)
    kept = []
    for agency in ("council-camden", "council-lewisham", "csu-lewisham", "cps-london", "x"):
        for event_type in ("referral.made", "case.updated"):
            policy_for(fresh, SENDER, (agency,), event_type)
            kept.append(len(fresh.policies))
    assert kept == [1, 2, 3, 1, 2, 3, 1, 2, 2, 2]


def test_a_policy_says_of_what_it_is(contract: Contract) -> None:
    for sender, recipients, event_type in (
        (SENDER, TO, "referral.made"),
        ("haven-support", ("csu-camden",), "case.updated"),
        (SENDER, TO, "made.up"),
    ):
        policy = policy_for(contract, sender, recipients, event_type)
        assert policy.contract is contract
        assert (policy.event_type, policy.addressed) == (event_type, recipients)


def test_names_that_the_contract_does_not_have_are_not_kept(contract: Contract) -> None:
    """Whoever signs a record chooses them, and each may be as long as an event."""
    fresh = contract.model_copy()
    for sender, recipients, event_type in (
        ("made-up", TO, "referral.made"),
        (SENDER, ("made-up",), "referral.made"),
        (SENDER, TO, "made.up"),
        (SENDER, (), "referral.made"),
        (SENDER, (TO[0], TO[0]), "referral.made"),
        (SENDER, (SENDER,), "referral.made"),
    ):
        assert policy_for(fresh, sender, recipients, event_type).denial is not None
    assert not fresh.policies


def test_a_denied_policy_has_the_groups_that_a_reader_compares(contract: Contract) -> None:
    denied = policy_for(contract, "haven-support", ("csu-camden",), "case.updated")
    if denied.denial is None:
        pytest.fail("the shipped terms let this sender publish; take another")
    expected = group_fields(contract, "case.updated", frozenset({"csu-camden"}))
    assert denied.grouping.order == expected.order
    assert denied.grouping is denied.grouping
    unknown = policy_for(contract, SENDER, TO, "made.up")
    with pytest.raises(EventError) as caught:
        _ = unknown.grouping
    assert caught.value.code == "type_unknown"


# --- what consent leaves out ---------------------------------------------------------------------


def test_a_field_left_out_has_no_reader_and_names_its_clause(contract: Contract) -> None:
    policy = policy_for(contract, SENDER, ("csu-lewisham",), "referral.made")
    consented = policy.consented({"consent.statistics": True})
    blocked = consented.blocked
    assert blocked.keys() == policy.needs.keys() == consented.left_out.keys()
    assert consented.narrowed == {}
    clause = contract.event_types["referral.made"].fields["victim.name"].clause
    assert blocked["victim.name"] == FieldDecision(
        "victim.name", "left_out", frozenset(), clause, "consent_missing"
    )
    assert policy.consented({"consent.statistics": True}) is consented
    assert consented.left_out["victim.name"] == (
        LeftOut("victim.name", "csu-lewisham", "consent_missing"),
    )


def test_exactly_the_scopes_that_a_field_needs_are_enough(contract: Contract) -> None:
    for agency in ("csu-lewisham", "haven-support"):
        policy = policy_for(contract, "lantern-centre", (agency,), "referral.made")
        needed = policy.needs["victim.name"] | {policy.role_needs[agency]}
        given: dict[str, JSON] = {f"consent.{scope}": True for scope in needed}
        assert len(needed) > 1
        assert "victim.name" not in policy.consented(given).left_out
        for missing in given:
            less = {path: path != missing for path in given}
            assert "victim.name" in policy.consented(less).left_out


def test_the_scope_of_one_role_takes_a_field_from_that_role_only(contract: Contract) -> None:
    to = ("council-camden", "csu-camden", "haven-support")
    policy = policy_for(contract, "lantern-centre", to, "referral.made")
    consented = policy.consented({"consent.share_identity": True, "consent.pass_to_police": True})
    clause = contract.event_types["referral.made"].fields["victim.name"].clause
    assert consented.narrowed["victim.name"] == FieldDecision(
        "victim.name",
        "withheld",
        frozenset(("council-camden", "csu-camden")),
        clause,
        "consent_missing",
    )
    assert consented.left_out["victim.name"] == (
        LeftOut("victim.name", "haven-support", "consent_missing"),
    )
    groups = policy.grouping
    for agency in to:
        refused = agency == "haven-support"
        assert consented.keys[agency] == tuple(
            may and not (bound and refused)
            for may, bound in zip(groups.may_read[agency], groups.bound, strict=True)
        )
    assert any(groups.bound)


@pytest.mark.parametrize("answer", [None, False, "true", 1, [True]])
def test_only_true_is_consent(contract: Contract, answer: JSON) -> None:
    policy = policy_for(contract, SENDER, ("csu-lewisham",), "referral.made")
    assert "victim.name" not in policy.consented({"consent.share_identity": True}).left_out
    assert "victim.name" in policy.consented({"consent.share_identity": answer}).left_out


def test_an_identifying_field_without_a_scope_needs_identity_beside_the_readers_own(
    contract: Contract,
) -> None:
    other = with_field(contract, "referral.made", "victim.name", consent=())
    policy = policy_for(other, "lantern-centre", ("csu-camden",), "referral.made")
    assert policy.needs["victim.name"] == {"share_identity"}
    assert policy.role_needs == {"csu-camden": "pass_to_police"}


def test_a_type_that_asks_no_consent_needs_none_for_identity(contract: Contract) -> None:
    policy = policy_for(contract, SENDER, ("cps-london",), "case.updated")
    assert "victim.name" in policy.fields
    assert "victim.name" not in policy.needs


# --- incidents that are no crime -----------------------------------------------------------------


def test_of_an_incident_that_is_no_crime_exactly_what_identifies_is_left_out(
    contract: Contract,
) -> None:
    policy = policy_for(contract, "council-camden", ("csu-camden",), "case.updated")
    terms = contract.event_types["case.updated"]
    identifying = {path for path in policy.fields if terms.fields[path].identifies}
    assert policy.depersonalised == identifying
    incident: dict[str, JSON] = {"record_type": "hate_incident"}
    blocked = policy.consented(incident).blocked
    assert blocked.keys() == identifying
    for path, decision in blocked.items():
        clause = terms.fields[path].clause
        assert decision == FieldDecision(
            path, "left_out", frozenset(), clause, "incident_depersonalised"
        )
    assert policy.consented({"record_type": "hate_crime"}).left_out == {}
    other = policy.consented({"incident.record_type": "hate_incident"})
    assert other.blocked.keys() == identifying == other.forbidden


def test_a_type_that_may_identify_with_consent_is_not_depersonalised(contract: Contract) -> None:
    policy = policy_for(contract, SENDER, ("csu-lewisham",), "referral.made")
    assert policy.depersonalised == frozenset()
    given: dict[str, JSON] = {
        "consent.share_identity": True,
        "incident.record_type": "hate_incident",
    }
    assert "victim.name" not in policy.consented(given).left_out


def test_lack_of_consent_is_named_before_the_kind_of_record(contract: Contract) -> None:
    terms = contract.event_types["referral.made"].model_copy(
        update={"incident_identifiers": "never"}
    )
    types = {**contract.event_types, "referral.made": terms}
    policy = policy_for(
        contract.model_copy(update={"event_types": types}),
        SENDER,
        ("csu-lewisham",),
        "referral.made",
    )
    incident: dict[str, JSON] = {"incident.record_type": "hate_incident"}
    assert policy.consented(incident).blocked["victim.name"].reason == "consent_missing"
    given = {**incident, "consent.share_identity": True}
    blocked = policy.consented(given).blocked
    assert blocked["victim.name"].reason == "incident_depersonalised"


def test_a_field_that_is_left_out_is_reported_by_name() -> None:
    one = LeftOut("victim.name", "haven-support", "consent_missing")
    assert one.as_json() == {
        "field": "victim.name",
        "agency": "haven-support",
        "reason": "consent_missing",
    }


def test_the_decision_names_the_groups_and_why_a_case_cannot_be_left_out(
    contract: Contract, ask: Asked, in_force: ContractStatus
) -> None:
    decision = ask()
    assert decision.grouping is policy_for(contract, SENDER, TO, "referral.made").grouping
    torn = with_field(contract, "referral.made", "case_id", consent=("statistics",))
    denied = ask(contract=torn, data={"consent": {"share_identity": True}})
    clause = contract.event_types["referral.made"].fields["case_id"].clause
    assert (denied.code, denied.clause) == ("event_invalid", clause)
    assert denied.detail.startswith("case_id: ")
