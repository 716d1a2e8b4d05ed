"""What is worked out once for a sender, its recipients and a type, before any value is seen."""

from __future__ import annotations

import pytest

from contracts import policy as module
from contracts.events import JSON
from contracts.model import Contract
from contracts.policy import Denial, FieldDecision, LeftOut, plan

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
    planned = plan(contract, SENDER, TO, "referral.made")
    terms = contract.event_types["referral.made"]
    assert planned.denial is None
    assert planned.clause == terms.clause
    assert planned.fields["victim.name"] == FieldDecision(
        "victim.name", "granted", frozenset(TO), terms.fields["victim.name"].clause, "granted"
    )
    assert planned.fields["victim.address"] == FieldDecision(
        "victim.address",
        "withheld",
        frozenset({"csu-lewisham", "council-camden"}),
        terms.fields["victim.address"].clause,
        "not_a_reader",
    )


def test_what_this_sender_may_not_send_is_no_part_of_it_and_all_else_is(
    contract: Contract,
) -> None:
    planned = plan(contract, "council-camden", ("csu-camden",), "case.updated")
    assert planned.grouping is not None
    terms = contract.event_types["case.updated"]
    own = {
        path
        for path in planned.grouping.group_of
        if not terms.fields[path].senders or "council" in terms.fields[path].senders
    }
    assert planned.fields.keys() == own < planned.grouping.group_of.keys()


def test_only_what_may_be_sent_and_read_is_required(contract: Contract) -> None:
    other = with_field(contract, "case.updated", "victim.name", required=True)
    assert plan(other, SENDER, ("csu-lewisham",), "case.updated").required == {
        "case_id",
        "victim.name",
    }
    council = plan(other, "council-camden", ("csu-camden",), "case.updated")
    assert council.required == {"case_id"}


def test_a_type_that_only_the_contract_knows_is_unknown(contract: Contract) -> None:
    types = {**contract.event_types, "imagined": contract.event_types["referral.made"]}
    other = contract.model_copy(update={"event_types": types})
    assert plan(other, SENDER, TO, "imagined").denial == Denial(
        "type_unknown", "the contract has no event type of this name"
    )


def test_a_plan_is_made_once_and_for_exactly_what_was_asked(contract: Contract) -> None:
    first = plan(contract, SENDER, TO, "referral.made")
    assert plan(contract, SENDER, TO, "referral.made") is first
    for other in (
        plan(contract, "csu-lewisham", TO[1:], "referral.made"),
        plan(contract, SENDER, TO[1:], "referral.made"),
        plan(contract, SENDER, TO, "referral.status-changed"),
    ):
        assert other is not first


def test_plans_of_a_sender_that_makes_up_recipients_do_not_fill_the_memory(
    contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = contract.model_copy()
    fresh.memo.clear()
    monkeypatch.setattr(module, "_KEPT_MAX", 3)
    kept = []
    for number in range(5):
        plan(fresh, SENDER, (f"made-up-{number}",), "referral.made")
        kept.append(len(fresh.memo))
    fresh.memo.clear()
    assert kept == [1, 2, 3, 1, 2]


# --- what consent leaves out ---------------------------------------------------------------------


def test_what_is_left_out_goes_to_nobody_and_names_its_clause(contract: Contract) -> None:
    planned = plan(contract, SENDER, ("csu-lewisham",), "referral.made")
    consented = planned.consented({"consent.statistics": True})
    blocked = consented.blocked
    assert blocked.keys() == planned.needs.keys() == consented.left_out.keys()
    assert consented.narrowed == {}
    clause = contract.event_types["referral.made"].fields["victim.name"].clause
    assert blocked["victim.name"] == FieldDecision(
        "victim.name", "left_out", frozenset(), clause, "consent_missing"
    )
    assert planned.consented({"consent.statistics": True}) is consented
    assert consented.left_out["victim.name"] == (
        LeftOut("victim.name", "csu-lewisham", "consent_missing"),
    )


def test_exactly_the_scopes_that_a_field_needs_are_enough(contract: Contract) -> None:
    for agency in ("csu-lewisham", "haven-support"):
        planned = plan(contract, "lantern-centre", (agency,), "referral.made")
        needed = planned.needs["victim.name"] | {planned.role_needs[agency]}
        given: dict[str, JSON] = {f"consent.{scope}": True for scope in needed}
        assert len(needed) > 1
        assert "victim.name" not in planned.consented(given).left_out
        for missing in given:
            less = {path: path != missing for path in given}
            assert "victim.name" in planned.consented(less).left_out


def test_the_scope_of_one_role_takes_a_field_from_that_role_only(contract: Contract) -> None:
    to = ("council-camden", "csu-camden", "haven-support")
    planned = plan(contract, "lantern-centre", to, "referral.made")
    consented = planned.consented({"consent.share_identity": True, "consent.pass_to_police": True})
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
    groups = planned.grouping
    assert groups is not None
    for agency in to:
        refused = agency == "haven-support"
        assert consented.keys[agency] == tuple(
            may and not (bound and refused)
            for may, bound in zip(groups.may_read[agency], groups.bound, strict=True)
        )
    assert any(groups.bound)


@pytest.mark.parametrize("answer", [None, False, "true", 1, [True]])
def test_only_true_is_consent(contract: Contract, answer: JSON) -> None:
    planned = plan(contract, SENDER, ("csu-lewisham",), "referral.made")
    assert "victim.name" not in planned.consented({"consent.share_identity": True}).left_out
    assert "victim.name" in planned.consented({"consent.share_identity": answer}).left_out


def test_an_identifying_field_without_a_scope_needs_identity_beside_the_readers_own(
    contract: Contract,
) -> None:
    other = with_field(contract, "referral.made", "victim.name", consent=())
    planned = plan(other, "lantern-centre", ("csu-camden",), "referral.made")
    assert planned.needs["victim.name"] == {"share_identity"}
    assert planned.role_needs == {"csu-camden": "pass_to_police"}


def test_a_type_that_asks_no_consent_needs_none_for_identity(contract: Contract) -> None:
    planned = plan(contract, SENDER, ("cps-london",), "case.updated")
    assert "victim.name" in planned.fields
    assert "victim.name" not in planned.needs


# --- incidents that are no crime -----------------------------------------------------------------


def test_of_an_incident_that_is_no_crime_exactly_what_identifies_is_left_out(
    contract: Contract,
) -> None:
    planned = plan(contract, "council-camden", ("csu-camden",), "case.updated")
    terms = contract.event_types["case.updated"]
    identifying = {path for path in planned.fields if terms.fields[path].identifies}
    assert planned.depersonalised == identifying
    incident: dict[str, JSON] = {"record_type": "hate_incident"}
    blocked = planned.consented(incident).blocked
    assert blocked.keys() == identifying
    for path, decision in blocked.items():
        clause = terms.fields[path].clause
        assert decision == FieldDecision(
            path, "left_out", frozenset(), clause, "incident_depersonalised"
        )
    assert planned.consented({"record_type": "hate_crime"}).left_out == {}
    other = planned.consented({"incident.record_type": "hate_incident"})
    assert other.blocked.keys() == identifying == other.forbidden


def test_a_type_that_may_identify_with_consent_is_not_depersonalised(contract: Contract) -> None:
    planned = plan(contract, SENDER, ("csu-lewisham",), "referral.made")
    assert planned.depersonalised == frozenset()
    given: dict[str, JSON] = {
        "consent.share_identity": True,
        "incident.record_type": "hate_incident",
    }
    assert "victim.name" not in planned.consented(given).left_out


def test_lack_of_consent_is_named_before_the_kind_of_record(contract: Contract) -> None:
    terms = contract.event_types["referral.made"].model_copy(
        update={"incident_identifiers": "never"}
    )
    types = {**contract.event_types, "referral.made": terms}
    planned = plan(
        contract.model_copy(update={"event_types": types}),
        SENDER,
        ("csu-lewisham",),
        "referral.made",
    )
    incident: dict[str, JSON] = {"incident.record_type": "hate_incident"}
    assert planned.consented(incident).blocked["victim.name"].reason == "consent_missing"
    given = {**incident, "consent.share_identity": True}
    blocked = planned.consented(given).blocked
    assert blocked["victim.name"].reason == "incident_depersonalised"
