"""Fields that are left out without the needed consent (docs/spec/contracts.md, "Consent")."""

from __future__ import annotations

import pytest

from contracts.decision import (
    Decision,
    LeftOut,
    decide,
    has_consent,
    receiver_check,
    without_ungranted,
)
from contracts.errors import EventError
from contracts.events import JSON, PlainEvent
from contracts.examples import example
from contracts.model import Contract
from contracts.status import ContractStatus
from tests.unit.contracts.asked import ALL_CONSENT, CASE, SENDER, Asked


def paths(decision: Decision) -> list[str]:
    """Paths that are left out for at least one agency, each once."""
    return list(dict.fromkeys(one.path for one in decision.left_out))


IDENTITY: dict[str, JSON] = {
    "reason": "She asks for new locks.",
    "victim": {"name": "A", "address": "B", "age_band": "25_34"},
    "incident": {"narrative": "C", "strands": ["race"], "borough": "E09000007"},
}


@pytest.mark.parametrize(
    "consent",
    [
        None,
        {},
        {"statistics": True},
        {"statistics": True, "pass_to_police": True, "support_contact": True},
        {**ALL_CONSENT, "share_identity": False},
        {"share_identity": False, "statistics": False},
    ],
)
def test_without_consent_to_share_identity_nothing_that_identifies_leaves(
    ask: Asked, contract: Contract, consent: dict[str, JSON] | None
) -> None:
    data = IDENTITY if consent is None else {**IDENTITY, "consent": consent}
    decision = ask(data=data)
    assert decision.permitted
    terms = contract.event_types["referral.made"].fields
    assert not any(terms[path].identifies for path in decision.flat)
    assert paths(decision) == ["reason", "victim.name", "victim.address", "incident.narrative"]
    assert {f.reason for f in decision.fields if f.verdict == "left_out"} == {"consent_missing"}
    assert decision.flat["victim.age_band"] == "25_34"
    assert decision.flat["incident.strands"] == ["race"]


def test_the_whole_example_with_consent_to_statistics_alone_identifies_no_person(
    contract: Contract, in_force: ContractStatus, noon: int
) -> None:
    for event_type in ("referral.made", "correction.made"):
        event = example(contract, "lantern-centre", event_type)
        event.data["consent"] = {"statistics": True}
        decision = decide(contract, in_force, "lantern-centre", event.recipients, event, noon)
        assert decision.permitted
        terms = contract.event_types[event_type].fields
        assert not any(terms[path].identifies for path in decision.flat)


def test_the_police_read_identity_only_if_the_victim_agreed_to_pass_it_on(ask: Asked) -> None:
    """And what the council gets does not depend on whether the police are addressed too."""
    consent = {**ALL_CONSENT, "pass_to_police": False}
    data = {"victim": {"name": "A"}, "consent": consent}
    both = ("council-camden", "csu-camden")
    decision = ask(sender="lantern-centre", recipients=both, data=data)
    assert decision.left_out == (LeftOut("victim.name", "csu-camden", "consent_missing"),)
    assert decision.flat["victim.name"] == "A"
    (name,) = [field for field in decision.fields if field.path == "victim.name"]
    assert name.readers == frozenset(("council-camden",))
    assert decision.withheld == {"council-camden": (), "csu-camden": ("victim.name",)}
    to_council = ask(sender="lantern-centre", recipients=both[:1], data=data)
    assert (to_council.flat["victim.name"], to_council.left_out) == ("A", ())
    to_police = ask(sender="lantern-centre", recipients=both[1:], data=data)
    assert "victim.name" not in to_police.flat  # no addressed agency would get it


def test_a_reader_refuses_what_its_own_role_may_not_have(contract: Contract, ask: Asked) -> None:
    to = ("council-camden", "csu-camden")
    consent = {**ALL_CONSENT, "pass_to_police": False}
    data: dict[str, JSON] = {"victim": {"name": "A"}, "consent": consent}
    flat = ask(sender="lantern-centre", recipients=to, data=data).flat
    assert "victim.name" in flat
    receiver_check(contract, "lantern-centre", "council-camden", "referral.made", to, flat)
    with pytest.raises(EventError) as caught:
        receiver_check(contract, "lantern-centre", "csu-camden", "referral.made", to, flat)
    assert (caught.value.code, caught.value.where) == ("consent_missing", "victim.name")
    assert not has_consent(contract, "lantern-centre", "csu-camden", flat)
    assert has_consent(contract, "lantern-centre", "council-camden", flat)
    assert has_consent(contract, "csu-lewisham", "csu-camden", flat)  # `unless_from`


def test_the_police_pass_their_own_case_among_themselves_without_that_scope(ask: Asked) -> None:
    consent = {**ALL_CONSENT, "pass_to_police": False, "support_contact": False}
    data = {"victim": {"name": "A"}, "consent": consent}
    assert ask(recipients=("csu-lewisham",), data=data).flat["victim.name"] == "A"
    assert "victim.name" in paths(ask(recipients=("haven-support",), data=data))


def test_an_identifying_field_without_a_scope_of_its_own_still_needs_consent(
    contract: Contract, in_force: ContractStatus, noon: int
) -> None:
    terms = contract.event_types["referral.made"]
    careless = terms.fields["victim.name"].model_copy(update={"consent": ()})
    other = contract.model_copy(
        update={
            "event_types": {
                "referral.made": terms.model_copy(
                    update={"fields": {**terms.fields, "victim.name": careless}}
                )
            }
        }
    )
    decision = Asked(other, in_force, noon)(data={"victim": {"name": "A"}})
    assert paths(decision) == ["victim.name"]


def test_an_event_whose_case_an_addressed_agency_would_not_get_is_denied(
    contract: Contract, in_force: ContractStatus, noon: int
) -> None:
    """A contract may be that careless; its readers would refuse such an event."""
    terms = contract.event_types["referral.made"]
    case = terms.fields["case_id"].model_copy(update={"required": False, "identifies": True})
    types = {
        "referral.made": terms.model_copy(update={"fields": {**terms.fields, "case_id": case}})
    }
    ask = Asked(contract.model_copy(update={"event_types": types}), in_force, noon)
    to = ("csu-camden", "council-camden")
    data: dict[str, JSON] = {"consent": {**ALL_CONSENT, "pass_to_police": False}}
    decision = ask(sender="lantern-centre", recipients=to, data=data)
    assert (decision.permitted, decision.code) == (False, "event_invalid")
    assert decision.clause == case.clause
    assert ask(sender="lantern-centre", recipients=to[1:], data=data).permitted


def test_an_event_is_denied_if_consent_takes_away_what_every_event_of_the_type_has(
    contract: Contract, in_force: ContractStatus, noon: int
) -> None:
    """Lint says so of the contract; whoever signs it all the same sends nothing that is refused."""
    terms = contract.event_types["referral.made"]
    asked = terms.fields["requested_service"].model_copy(
        update={"required": False, "consent": ("statistics",)}
    )
    fields = {**terms.fields, "requested_service": asked}
    types = {"referral.made": terms.model_copy(update={"fields": fields})}
    ask = Asked(contract.model_copy(update={"event_types": types}), in_force, noon)
    decision = ask(data={"consent": {**ALL_CONSENT, "statistics": False}})
    assert (decision.permitted, decision.code) == (False, "event_invalid")
    assert decision.detail.startswith("requested_service: ")
    assert decision.clause == asked.clause
    assert ask(data={"consent": ALL_CONSENT}).permitted


def test_an_event_is_denied_if_consent_takes_away_what_an_object_cannot_be_without(
    contract: Contract, in_force: ContractStatus, noon: int
) -> None:
    """The grade of intelligence without its handling code would be refused at step 10."""
    terms = contract.event_types["referral.made"]
    path = "intelligence.handling_code"
    asked = terms.fields[path].model_copy(update={"consent": ("statistics",)})
    types = {"referral.made": terms.model_copy(update={"fields": {**terms.fields, path: asked}})}
    ask = Asked(contract.model_copy(update={"event_types": types}), in_force, noon)
    graded = {"source_grade": "1", "information_grade": "A", "handling_code": "P"}
    data: dict[str, JSON] = {"consent": {**ALL_CONSENT, "statistics": False}}
    decision = ask(data={**data, "intelligence": graded})
    assert (decision.permitted, decision.code) == (False, "event_invalid")
    assert path in decision.detail
    assert decision.clause == asked.clause
    assert ask(data=data).permitted
    assert ask(data={"consent": ALL_CONSENT, "intelligence": graded}).permitted


def test_the_prosecution_file_does_not_rest_on_consent(
    contract: Contract, in_force: ContractStatus, noon: int
) -> None:
    data: dict[str, JSON] = {"case_id": CASE, "victim": {"name": "A"}, "record_type": "hate_crime"}
    event = PlainEvent("case.updated", ("cps-london",), data)
    assert decide(contract, in_force, SENDER, ("cps-london",), event, noon).left_out == ()


def test_the_record_of_an_incident_that_is_no_crime_is_depersonalised(
    contract: Contract, in_force: ContractStatus, noon: int
) -> None:
    data: dict[str, JSON] = {
        "case_id": CASE,
        "victim": {"name": "A"},
        "record_type": "hate_incident",
    }
    event = PlainEvent("case.updated", ("cps-london",), data)
    decision = decide(contract, in_force, SENDER, ("cps-london",), event, noon)
    assert decision.left_out == (LeftOut("victim.name", "cps-london", "incident_depersonalised"),)
    assert decision.fields[1].reason == "incident_depersonalised"
    with pytest.raises(EventError) as caught:
        receiver_check(
            contract,
            SENDER,
            "cps-london",
            "case.updated",
            ("cps-london",),
            {"case_id": CASE, "victim.name": "A", "record_type": "hate_incident"},
        )
    assert caught.value.code == "consent_missing"


@pytest.mark.parametrize("terms", [{"readers": ("police",)}, {"senders": ("prosecution",)}])
def test_an_incident_is_depersonalised_although_its_record_type_is_left_out(
    contract: Contract, in_force: ContractStatus, noon: int, terms: dict[str, tuple[str, ...]]
) -> None:
    """The intake leaves out what may not be sent; the rule goes by what the export said."""
    updated = contract.event_types["case.updated"]
    fields = dict(updated.fields)
    fields["record_type"] = fields["record_type"].model_copy(update=terms)
    types = {"case.updated": updated.model_copy(update={"fields": fields})}
    narrow = contract.model_copy(update={"event_types": {**contract.event_types, **types}})
    data: dict[str, JSON] = {"case_id": CASE, "victim": {"name": "A"}}
    for record_type, name_flows in (("hate_incident", False), ("hate_crime", True)):
        event = PlainEvent("case.updated", ("cps-london",), {**data, "record_type": record_type})
        left, gone = without_ungranted(narrow, SENDER, event)
        reasons = {one.path: one.reason for one in gone}
        assert reasons.pop("record_type") in {"field_not_granted", "sender_not_granted"}
        assert reasons == ({} if name_flows else {"victim.name": "incident_depersonalised"})
        decision = decide(narrow, in_force, SENDER, ("cps-london",), left, noon)
        assert decision.permitted
        assert ("victim.name" in decision.flat) == name_flows
