"""A new referral: recipients, questions about consent, fields, and what each recipient will see."""

from __future__ import annotations

import pytest

from broker.operations.desk.answers import Texts
from broker.operations.desk.drafts import draft_event
from broker.operations.desk.entry_fields import EntryField
from broker.operations.desk.new_referral import possible_recipients, preview, referral_plan
from contracts.errors import EventError
from tests.support.desk_partnership import DeskPartnership
from tests.support.founded_partnership import COUNCIL, POLICE, PROSECUTION, SUPPORT
from tests.unit.broker.operations.desk.written_referral import TYPED, written

YES: Texts = {path: ["yes"] for path in TYPED if path.startswith("consent.")}


def fields(
    desks: DeskPartnership, recipients: tuple[str, ...], texts: Texts = YES
) -> dict[str, EntryField]:
    plan = referral_plan(desks.desk(SUPPORT), recipients, texts)
    return {field.path: field for field in plan.fields}


def test_the_recipients_are_those_that_the_agreement_permits(desks: DeskPartnership) -> None:
    found = {one.agency: one.role for one in possible_recipients(desks.desk(SUPPORT))}
    assert found == {POLICE: "police", COUNCIL: "council"}
    with pytest.raises(EventError) as refusal:
        referral_plan(desks.desk(SUPPORT), (COUNCIL, PROSECUTION), {})
    assert refusal.value.code == "recipient_not_permitted"


def test_the_questions_are_those_of_the_vocabulary_and_name_whom_they_concern(
    desks: DeskPartnership,
) -> None:
    vocabulary = desks.wire.world.contract.vocabulary
    plan = referral_plan(desks.desk(SUPPORT), (COUNCIL, POLICE), {})
    assert {one.path: one.text for one in plan.questions} == {
        path: vocabulary.scopes[scope] for path, scope in vocabulary.answers.items()
    }
    concerned = {one.path: one.for_agencies for one in plan.questions}
    assert concerned == {
        "consent.pass_to_police": (POLICE,),
        "consent.support_contact": (),
        "consent.share_identity": (COUNCIL, POLICE),
        "consent.statistics": (),
    }


def test_only_fields_that_a_recipient_may_receive_are_asked_for(desks: DeskPartnership) -> None:
    contract = desks.wire.world.contract
    terms = contract.event_types["referral.made"].fields
    for recipients, roles in (
        ((COUNCIL,), {"council"}),
        ((POLICE,), {"police"}),
        ((COUNCIL, POLICE), {"council", "police"}),
    ):
        asked = fields(desks, recipients)
        for path, field in asked.items():
            assert roles & set(terms[path].readers), path
            assert set(field.readers) == {
                one for one in recipients if contract.role_of[one] in terms[path].readers
            }
    assert "witnesses" not in fields(desks, (COUNCIL,))
    assert "witnesses" in fields(desks, (POLICE,))
    assert {"case_id", "referral_id", "consent.share_identity"}.isdisjoint(fields(desks, (POLICE,)))


def test_without_consent_no_identifying_field_is_asked_for(desks: DeskPartnership) -> None:
    refused = fields(desks, (POLICE,), {**YES, "consent.share_identity": ["no"]})
    assert {"victim.name", "incident.narrative"}.isdisjoint(refused)
    assert "victim.age_band" in refused
    of_police = fields(desks, (COUNCIL, POLICE), {**YES, "consent.pass_to_police": ["no"]})
    assert of_police["victim.name"].readers == (COUNCIL,)
    unanswered = fields(desks, (POLICE,), {})
    assert "victim.name" not in unanswered


def test_a_field_is_asked_for_as_its_kind_says(desks: DeskPartnership) -> None:
    asked = fields(desks, (COUNCIL, POLICE))
    controls = {
        "requested_service": "one", "victim.name": "text", "incident.narrative": "long_text",
        "victim.date_of_birth": "day",
        "incident.strands": "several", "incident.occurred_time": "time",
        "incident.known_to_police": "yes_no", "witnesses": "number",
        "alleged_perpetrators": "items", "victim.email": "email", "victim.phone": "text",
    }  # fmt: skip
    assert {path: asked[path].control for path in controls} == controls
    assert asked["requested_service"].required
    assert asked["requested_service"].options["housing"] == "Housing"
    assert (asked["witnesses"].lowest, asked["witnesses"].highest) == (0, 999)
    assert asked["alleged_perpetrators"].most == 20
    assert asked["victim.name"].group == "The victim."
    assert asked["victim.name"].clause == "4.1.8"


def test_the_preview_says_what_each_recipient_will_see_and_why_not_more(
    desks: DeskPartnership,
) -> None:
    desk = desks.desk(SUPPORT)
    texts = {**TYPED, "consent.pass_to_police": ["no"]}
    draft = written(desk, (COUNCIL, POLICE), texts)
    event, problems = draft_event(desk, draft)
    assert problems == ()
    plan = referral_plan(desk, draft.recipients, draft.texts)
    simulated = preview(desk, plan, event)
    council, police = (simulated.recipients[one] for one in (COUNCIL, POLICE))
    assert "victim.name" in council.reads
    reasons = {one.field: (one.reason, one.clause) for one in police.left_out}
    assert reasons["victim.name"] == ("consent_missing", "4.1.8")
    assert council.left_out == ()  # the account is asked for only if the police may read it


def test_a_recipient_without_a_grant_does_not_see_a_field(desks: DeskPartnership) -> None:
    desk = desks.desk(SUPPORT)
    draft = written(desk, (COUNCIL, POLICE))
    plan = referral_plan(desk, draft.recipients, draft.texts)
    simulated = preview(desk, plan, draft_event(desk, draft)[0])
    (not_read,) = simulated.recipients[COUNCIL].left_out
    assert (not_read.field, not_read.reason) == ("incident.narrative", "not_a_reader")
    assert simulated.recipients[POLICE].left_out == ()
