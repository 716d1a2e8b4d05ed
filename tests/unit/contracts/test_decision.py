from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contracts.decision import Decision, decide, receiver_check
from contracts.errors import EventError
from contracts.events import JSON, PlainEvent
from contracts.examples import example
from contracts.model import Contract
from contracts.schema import unflatten
from contracts.standing import Departure, Standing, standing

SENDER = "csu-camden"
TO = ("csu-lewisham", "council-camden", "haven-support")
CASE = "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38"
ALL_CONSENT: dict[str, JSON] = {
    "pass_to_police": True,
    "support_contact": True,
    "share_identity": True,
    "statistics": True,
}


class Asked:
    """`decide` with everything in order but what a test changes."""

    def __init__(self, contract: Contract, in_force: Standing, noon: int) -> None:
        self.contract, self.standing, self.now = contract, in_force, noon

    def __call__(self, **changed: Any) -> Decision:
        data = {"case_id": CASE, "referral_id": CASE, "requested_service": "housing"}
        data |= changed.pop("data", {})
        asked: dict[str, Any] = {
            "contract": self.contract,
            "standing": self.standing,
            "sender": SENDER,
            "recipients": TO,
            "now": self.now,
            "type": "referral.made",
            **changed,
        }
        event = PlainEvent(asked.pop("type"), asked["recipients"], data)
        return decide(event=event, **asked)


@pytest.fixture
def ask(contract: Contract, in_force: Standing, noon: int) -> Asked:
    return Asked(contract, in_force, noon)


def test_each_field_is_decided_with_the_clause_that_decided(ask: Asked) -> None:
    decision = ask(data={"victim": {"name": "A", "address": "B"}, "consent": ALL_CONSENT})
    assert decision.permitted
    assert decision.code == "permitted"
    by_path = {field.path: field for field in decision.fields}
    assert by_path["victim.name"].verdict == "granted"
    assert by_path["victim.name"].clause == "4.1.8"
    assert by_path["victim.address"].verdict == "withheld"
    assert by_path["victim.address"].readers == {"csu-lewisham", "council-camden"}
    assert decision.withheld["haven-support"] == ("victim.address",)
    assert decision.withheld["csu-lewisham"] == ()
    assert decision.flat["victim.address"] == "B"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"recipients": ()}, "recipients_invalid"),
        ({"recipients": ("haven-support", "haven-support")}, "recipients_invalid"),
        ({"recipients": ("haven-support", SENDER)}, "recipients_invalid"),
        ({"recipients": ("haven-support", "elsewhere")}, "party_unknown"),
        ({"sender": "elsewhere"}, "party_unknown"),
        ({"type": "referral.imagined"}, "type_unknown"),
        ({"sender": "haven-support", "recipients": TO[:2], "type": "case.updated"},
         "type_not_permitted"),
        ({"recipients": (*TO, "cps-london")}, "recipient_not_permitted"),
        ({"data": {"case_id": "not an id"}}, "event_invalid"),
        ({"data": {"imagined": 1}}, "event_invalid"),
        ({"data": {"intelligence": {"source_grade": "1", "information_grade": "A",
                                    "handling_code": "P"}},
          "recipients": ("haven-support",)}, "field_not_granted"),
    ],
)  # fmt: skip
def test_what_the_contract_does_not_allow_is_denied_with_a_code_and_nothing_to_seal(
    ask: Asked, changed: dict[str, Any], code: str
) -> None:
    decision = ask(**changed)
    assert not decision.permitted
    assert decision.code == code
    assert decision.detail
    assert decision.flat == {}
    assert decision.grouping is None
    assert decision.withheld == {}


def test_an_unreadable_field_refuses_the_event_and_is_named(ask: Asked) -> None:
    decision = ask(data={"witnesses": 2}, recipients=("haven-support",))
    assert decision.code == "field_not_granted"
    assert [f.path for f in decision.fields] == ["witnesses"]
    assert decision.fields[0].reason == "field_not_granted"
    assert decision.clause == decision.fields[0].clause


def test_a_field_that_only_others_may_send_refuses_the_event(
    contract: Contract, in_force: Standing, noon: int
) -> None:
    data: dict[str, JSON] = {"case_id": CASE, "victim": {"name": "A"}}
    event = PlainEvent("case.updated", ("csu-camden",), data)
    council = decide(contract, in_force, "council-camden", event.recipients, event, noon)
    police = decide(contract, in_force, "csu-lewisham", event.recipients, event, noon)
    assert council.code == "field_not_granted"
    assert council.fields[0].reason == "sender_not_granted"
    assert police.permitted


def test_a_leaf_that_the_contract_does_not_name_is_refused(
    contract: Contract, in_force: Standing, noon: int
) -> None:
    terms = contract.event_types["case.updated"]
    fields = {p: f for p, f in terms.fields.items() if p != "note"}
    other = contract.model_copy(
        update={"event_types": {"case.updated": terms.model_copy(update={"fields": fields})}}
    )
    event = PlainEvent("case.updated", ("csu-lewisham",), {"case_id": CASE, "note": "x"})
    decision = decide(other, in_force, SENDER, event.recipients, event, noon)
    assert decision.code == "field_not_granted"
    assert decision.clause == terms.clause


def test_a_field_that_the_contract_requires_must_be_there(
    contract: Contract, in_force: Standing, noon: int
) -> None:
    terms = contract.event_types["referral.made"]
    urgency = terms.fields["urgency"].model_copy(update={"required": True})
    wanted = terms.model_copy(update={"fields": {**terms.fields, "urgency": urgency}})
    other = contract.model_copy(update={"event_types": {"referral.made": wanted}})
    decision = Asked(other, in_force, noon)()
    assert decision.code == "event_invalid"
    assert "urgency" in decision.detail
    assert Asked(other, in_force, noon)(data={"urgency": "routine"}).permitted
    flat: dict[str, JSON] = {
        "case_id": CASE,
        "referral_id": CASE,
        "requested_service": "housing",
    }
    with pytest.raises(EventError) as caught:
        receiver_check(other, SENDER, "haven-support", "referral.made", TO, flat)
    assert (caught.value.code, caught.value.where) == ("event_invalid", "urgency")


@pytest.mark.parametrize("state", ["draft", "partially_signed", "not_started", "expired"])
def test_nothing_flows_while_the_contract_is_not_in_force(
    ask: Asked, in_force: Standing, state: Any
) -> None:
    assert ask(standing=replace(in_force, state=state)).code == "not_in_force"


def test_nothing_flows_before_it_starts_or_after_it_ends(ask: Asked, contract: Contract) -> None:
    assert ask(now=contract.starts_ms - 1).code == "not_in_force"
    assert ask(now=contract.starts_ms).permitted
    assert ask(now=contract.ends_ms - 1).permitted
    assert ask(now=contract.ends_ms).code == "not_in_force"


@pytest.mark.parametrize(("state", "code"), [("suspended", "suspended"), ("left", "contract_left")])
@pytest.mark.parametrize("agency", [SENDER, "haven-support"])
def test_a_party_that_suspends_or_leaves_stops_its_own_part_only(
    ask: Asked,
    contract: Contract,
    everyone: frozenset[str],
    noon: int,
    agency: str,
    state: Any,
    code: str,
) -> None:
    now = standing(contract, everyone, [Departure(agency, state, noon - 1)], noon)
    assert ask(standing=now).code == code
    others = ask(standing=now, sender="council-lewisham", recipients=("csu-lewisham",))
    assert others.permitted


@pytest.mark.parametrize(("state", "code"), [("suspended", "suspended"), ("left", "contract_left")])
def test_a_contract_that_all_but_one_left_is_over(
    ask: Asked, contract: Contract, everyone: frozenset[str], noon: int, state: Any, code: str
) -> None:
    gone = [Departure(agency, state, noon - 1) for agency in everyone - {SENDER}]
    assert ask(standing=standing(contract, everyone, gone, noon)).code == code


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
    assert decision.left_out == ("reason", "victim.name", "victim.address", "incident.narrative")
    assert {f.reason for f in decision.fields if f.verdict == "left_out"} == {"consent_missing"}
    assert decision.flat["victim.age_band"] == "25_34"
    assert decision.flat["incident.strands"] == ["race"]


def test_the_whole_example_with_consent_to_statistics_alone_identifies_nobody(
    contract: Contract, in_force: Standing, noon: int
) -> None:
    for event_type in ("referral.made", "correction.made"):
        event = example(contract, "lantern-centre", event_type)
        event.data["consent"] = {"statistics": True}
        decision = decide(contract, in_force, "lantern-centre", event.recipients, event, noon)
        assert decision.permitted
        terms = contract.event_types[event_type].fields
        assert not any(terms[path].identifies for path in decision.flat)


def test_the_police_read_identity_only_if_the_victim_agreed_to_pass_it_on(ask: Asked) -> None:
    consent = {**ALL_CONSENT, "pass_to_police": False}
    decision = ask(sender="lantern-centre", data={**IDENTITY, "consent": consent})
    assert "victim.name" in decision.left_out
    # The council is asked too, but a field has one value for all its readers.
    assert "victim.name" not in decision.flat
    to_council = ask(
        sender="lantern-centre",
        recipients=("council-camden",),
        data={"victim": {"name": "A"}, "consent": consent},
    )
    assert to_council.flat["victim.name"] == "A"


def test_the_police_pass_their_own_case_among_themselves_without_that_scope(ask: Asked) -> None:
    consent = {**ALL_CONSENT, "pass_to_police": False, "support_contact": False}
    data = {"victim": {"name": "A"}, "consent": consent}
    assert ask(recipients=("csu-lewisham",), data=data).flat["victim.name"] == "A"
    assert "victim.name" in ask(recipients=("haven-support",), data=data).left_out


def test_an_identifying_field_without_a_scope_of_its_own_still_needs_consent(
    contract: Contract, in_force: Standing, noon: int
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
    assert decision.left_out == ("victim.name",)


def test_what_rests_on_a_consent_that_is_left_out_is_left_out_too(
    contract: Contract, in_force: Standing, noon: int
) -> None:
    """A reader looks at the consent that it is sent, not at the one that the sender had."""
    terms = contract.event_types["referral.made"]
    told = terms.fields["consent.share_identity"].model_copy(update={"consent": ("statistics",)})
    fields = {**terms.fields, "consent.share_identity": told}
    types = {"referral.made": terms.model_copy(update={"fields": fields})}
    other = contract.model_copy(update={"event_types": types})
    data: dict[str, JSON] = {
        "victim": {"name": "A"},
        "consent": {**ALL_CONSENT, "statistics": False},
    }
    decision = Asked(other, in_force, noon)(data=data)
    assert decision.left_out == ("victim.name", "consent.share_identity")
    assert not {"victim.name", "consent.share_identity"} & decision.flat.keys()
    reasons = {field.path: field.reason for field in decision.fields}
    assert reasons["victim.name"] == reasons["consent.share_identity"] == "consent_missing"
    for reader in TO:
        granted = {path for path in decision.flat if path in decision.grouping.granted[reader]}
        receiver_check(
            other,
            SENDER,
            reader,
            "referral.made",
            TO,
            {path: decision.flat[path] for path in granted},
        )


def test_an_event_is_denied_if_consent_takes_away_what_every_event_of_the_type_has(
    contract: Contract, in_force: Standing, noon: int
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
    contract: Contract, in_force: Standing, noon: int
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
    assert decision.detail == f"{path}: the event cannot be without it, and it is left out"
    assert decision.clause == asked.clause
    assert ask(data=data).permitted
    assert ask(data={"consent": ALL_CONSENT, "intelligence": graded}).permitted


def test_the_prosecution_file_does_not_rest_on_consent(
    contract: Contract, in_force: Standing, noon: int
) -> None:
    data: dict[str, JSON] = {"case_id": CASE, "victim": {"name": "A"}, "record_type": "hate_crime"}
    event = PlainEvent("case.updated", ("cps-london",), data)
    assert decide(contract, in_force, SENDER, ("cps-london",), event, noon).left_out == ()


def test_the_record_of_an_incident_that_is_no_crime_is_depersonalised(
    contract: Contract, in_force: Standing, noon: int
) -> None:
    data: dict[str, JSON] = {
        "case_id": CASE,
        "victim": {"name": "A"},
        "record_type": "hate_incident",
    }
    event = PlainEvent("case.updated", ("cps-london",), data)
    decision = decide(contract, in_force, SENDER, ("cps-london",), event, noon)
    assert decision.left_out == ("victim.name",)
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


class TestReceiver:
    """What the reader refuses although the sender sealed it (step 9)."""

    def check(self, contract: Contract, **changed: Any) -> None:
        asked: dict[str, Any] = {
            "sender": SENDER,
            "me": "haven-support",
            "event_type": "referral.made",
            "to": TO,
            "flat": {"case_id": CASE, "referral_id": CASE, "requested_service": "housing"},
            **changed,
        }
        receiver_check(contract, **asked)

    def test_what_the_sender_was_allowed_passes(self, contract: Contract) -> None:
        self.check(contract)

    @pytest.mark.parametrize(
        ("changed", "code"),
        [
            ({"to": (*TO, SENDER)}, "recipients_invalid"),
            ({"me": "lantern-centre"}, "recipients_invalid"),
            ({"to": (*TO, "elsewhere")}, "party_unknown"),
            ({"event_type": "referral.imagined"}, "type_unknown"),
            ({"to": (*TO, "cps-london")}, "recipient_not_permitted"),
            ({"event_type": "case.updated", "sender": "lantern-centre"}, "type_not_permitted"),
        ],
    )
    def test_what_the_sender_was_not_allowed_is_refused(
        self, contract: Contract, changed: dict[str, Any], code: str
    ) -> None:
        with pytest.raises(EventError) as caught:
            self.check(contract, **changed)
        assert caught.value.code == code

    def test_a_field_without_its_consent_is_refused(self, contract: Contract) -> None:
        flat = {"case_id": CASE, "victim.name": "A", "consent.statistics": True}
        with pytest.raises(EventError) as caught:
            self.check(contract, flat=flat)
        assert (caught.value.code, caught.value.where) == ("consent_missing", "victim.name")

    def test_a_field_that_the_reader_may_not_have_is_refused(self, contract: Contract) -> None:
        with pytest.raises(EventError) as caught:
            self.check(contract, flat={"case_id": CASE, "victim.address": "B"})
        assert (caught.value.code, caught.value.where) == ("field_not_granted", "victim.address")

    def test_a_field_that_the_sender_may_not_send_is_refused(self, contract: Contract) -> None:
        with pytest.raises(EventError) as caught:
            self.check(
                contract,
                sender="council-camden",
                me="csu-camden",
                to=("csu-camden",),
                event_type="case.updated",
                flat={"case_id": CASE, "victim.name": "A"},
            )
        assert (caught.value.code, caught.value.where) == ("field_not_granted", "victim.name")


def test_a_decision_says_nothing_of_values(ask: Asked) -> None:
    secret = "Zephyrine"
    decision = ask(data={"victim": {"name": {"first": secret}}})
    assert decision.code == "event_invalid"
    assert secret not in decision.detail
    assert "victim.name" in decision.detail


def test_data_comes_back_as_it_was_when_nothing_is_left_out(ask: Asked) -> None:
    data = {"victim": {"name": "A"}, "consent": ALL_CONSENT}
    decision = ask(data=data)
    assert unflatten(decision.flat)["victim"] == {"name": "A"}
