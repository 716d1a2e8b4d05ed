"""The fictitious person of the story, and what each agency writes about them."""

from __future__ import annotations

from adapters.demo.clerks import STORY_URN
from adapters.demo.desk import Desk
from adapters.demo.samples.facts import (
    CaseFacts,
    ConsentFacts,
    CourseFacts,
    IncidentFacts,
    PerpetratorFacts,
    PersonFacts,
)
from adapters.demo.samples.leaves import asked, referral_leaves
from broker.event import JSON

NAME = "Noor Exampleton"
POLICE, PROSECUTION, COUNCIL = "csu-camden", "cps-london", "council-camden"
SERVICE, CENTRE = "haven-support", "lantern-centre"
CENTRE_CASE = "C-99001"

PERSON = CaseFacts(
    number=99_001,
    victim=PersonFacts(
        name=NAME,
        date_of_birth="1991-03-14",
        age_band="25_34",
        gender="female",
        ethnicity="asian_bangladeshi",
        address="Flat 4, 17 Placeholder Court",
        postcode="ZZ1 9ZZ",
        uprn="999000009001",
        phone="07700 900911",
        email="noor.exampleton@example.org",
        tenure="council_tenant",
        interpreter_language=None,
        accessibility_needs=(),
        safe_contact_method="text_message",
        safe_contact_times="weekdays after 17:00",
        needs=("shelter_accommodation",),
        risk_level="high",
        risk_tool="hate_crime_matrix",
    ),
    incident=IncidentFacts(
        record_type="hate_crime",
        strands=("disability", "race", "religion"),
        perceived_by="victim",
        reporting_channel="third_party_centre",
        occurred_on="2026-11-20",
        occurred_time="21:40",
        place_kind="home",
        borough="E09000007",
        ward="E05013653",
        narrative="For the third time this month words were written on my door. This time “go” was "
        "shouted through the letter box, and I did not dare to leave.",
        injury="none",
        damage="graffiti",
        previous_incidents=2,
        known_to_police=False,
        linked_factors=("anti_social_behaviour",),
    ),
    perpetrators=(PerpetratorFacts("35_44", "male", True, "neighbour", "Placeholder Neighbour"),),
    consent=ConsentFacts(True, True, True, True),
    course=CourseFacts("under-investigation", None, None, None, None, None, (), (), ()),
    services=("housing", "emotional_support"),
    witnesses=1,
    critical=True,
)

REFERRALS = {  # the unit's own numbers
    "housing": ("R99001-1", COUNCIL, "council"),
    "emotional_support": ("R99001-2", SERVICE, "support"),
    "advocacy": ("R99001-3", SERVICE, "support"),
    "legal_advice": ("R99001-4", CENTRE, "support"),
}


def third_party_report(centre: Desk) -> dict[str, object]:
    """Return the third-party report that the centre writes for the police."""
    leaves = asked(referral_leaves(PERSON, "police_investigation"), "police")
    return centre.row(
        "referral.made",
        leaves,
        [centre.code_of(POLICE)],
        case=CENTRE_CASE,
        referral=f"{CENTRE_CASE}/1",
    )


def police_referral(unit: Desk, service: str, case: str, shared_case: str) -> dict[str, object]:
    """Return a referral from the unit to a service."""
    own, partner, role = REFERRALS[service]
    leaves = asked(referral_leaves(PERSON, service), role)
    # Only the referral that no service will answer is urgent: its deadline is one minute.
    leaves["urgency"] = "urgent" if service == "advocacy" else "routine"
    return unit.row(
        "referral.made",
        leaves,
        [unit.code_of(partner)],
        case=case,
        shared_case=shared_case,
        referral=own,
    )


def case_file(unit: Desk, case: str, shared_case: str) -> dict[str, object]:
    """Return the unit's case file for the prosecution: facts and references, no documents."""
    leaves: dict[str, JSON] = {
        "case_status": "under-investigation",
        "cps_stage": "referral",
        "urn": STORY_URN,
        "crime_reference": case,
        "forms": [{"form": "MG3", "reference": "MG3-99001"}, {"form": "MG2", "reference": "MG2-7"}],
        "offences": ["Racially or religiously aggravated harassment, Crime and Disorder Act s32"],
        "record_type": "hate_crime",
        "strands": ["disability", "race", "religion"],
        "borough": "E09000007",
        "victim.name": NAME,
        "victim.special_measures": ["screens"],
    }
    return unit.row(
        "case.updated",
        leaves,
        [unit.code_of(PROSECUTION)],
        case=case,
        shared_case=shared_case,
    )


def civil_measure(council: Desk, case: str, shared_case: str) -> dict[str, object]:
    """Return the council's civil measure beside the criminal case."""
    leaves: dict[str, JSON] = {
        "civil_measures": ["injunction", "tenancy_action"],
        "linked_factors": ["anti_social_behaviour"],
        "borough": "E09000007",
    }
    told = [council.code_of(POLICE), council.code_of(CENTRE)]
    return council.row("case.updated", leaves, told, case=case, shared_case=shared_case)


def critical_incident(centre: Desk, declared_at: str) -> dict[str, object]:
    """Return the centre's declaration of a critical incident. Any party may declare one."""
    leaves: dict[str, JSON] = {
        "declared_at": declared_at,
        "reason": "community_confidence",
        "summary": "Neighbours no longer report. Confidence in the handling is at risk.",
        "community_impact": "Talk of it at the tenants' meeting and in the local shops.",
        "actions_requested": ["attend_meeting", "community_reassurance"],
        "contact_phone": "020 7946 0999",
        "borough": "E09000007",
        "strands": ["disability", "race", "religion"],
    }
    told = [centre.code_of(agency) for agency in (POLICE, PROSECUTION, COUNCIL, SERVICE)]
    return centre.row("critical-incident.declared", leaves, told, case=CENTRE_CASE)


def joint_request(centre: Desk) -> dict[str, object]:
    """Return one request to police, council and service, the event that is shown side by side."""
    leaves = referral_leaves(PERSON, "safeguarding")
    leaves["urgency"] = "routine"
    return centre.row(
        "referral.made",
        leaves,
        [centre.code_of(agency) for agency in (POLICE, COUNCIL, SERVICE)],
        case=CENTRE_CASE,
        referral=f"{CENTRE_CASE}/2",
    )
