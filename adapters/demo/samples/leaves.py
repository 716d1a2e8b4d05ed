"""Facts of a case as leaves of the shared vocabulary, without ids, and what each form asks for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from adapters.demo.samples.facts import (
    WARDS_DATED,
    CaseFacts,
    ConsentFacts,
    CourseFacts,
    IncidentFacts,
    PerpetratorFacts,
    PersonFacts,
)
from broker.event import JSON


def _present(leaves: dict[str, object]) -> dict[str, JSON]:
    kept: dict[str, JSON] = {}
    for path, value in leaves.items():
        if isinstance(value, tuple):
            if value:
                kept[path] = list(value)
        elif isinstance(value, str | int | bool | list):
            kept[path] = value
    return kept


def referral_leaves(case: CaseFacts, service: str) -> dict[str, JSON]:
    """Return the leaves of a referral for this case, by leaf path, without ids.

    Args:
        case: the facts.
        service: a code of ``requested_service``.
    """
    victim, incident, consent = case.victim, case.incident, case.consent
    people = [
        {n: v for n in PerpetratorFacts.__slots__ if (v := getattr(p, n)) is not None}
        for p in case.perpetrators
    ]
    return _present(
        {
            "requested_service": service,
            "urgency": "urgent" if victim.risk_level == "high" else "routine",
            **{f"victim.{name}": getattr(victim, name) for name in PersonFacts.__slots__},
            **{f"incident.{name}": getattr(incident, name) for name in IncidentFacts.__slots__},
            "incident.ward_dated": WARDS_DATED if incident.ward else None,
            "alleged_perpetrators": people or None,
            "alleged_perpetrator_count": len(people) or None,
            "witnesses": case.witnesses,
            **{f"consent.{name}": getattr(consent, name) for name in ConsentFacts.__slots__},
        }
    )


def case_leaves(case: CaseFacts) -> dict[str, JSON]:
    """Return the leaves of a case update, by leaf path, without ids."""
    course, incident = case.course, case.incident
    return _present(
        {
            **{name: getattr(course, name) for name in CourseFacts.__slots__},
            "urn": case.urn if course.cps_stage else None,
            "linked_factors": incident.linked_factors,
            "record_type": incident.record_type,
            "strands": incident.strands,
            "borough": incident.borough,
            "ward": incident.ward,
        }
    )


def recorded_by_police(leaves: dict[str, JSON]) -> dict[str, JSON]:
    """Return leaves as police and prosecution record them: incidents are anti-social behaviour.

    They no longer record incidents that are not crimes as such (`closed` of the code list).
    """
    return {
        path: "asb_incident" if value == "hate_incident" else value
        for path, value in leaves.items()
    }


def critical_leaves(case: CaseFacts, declared_at: str) -> dict[str, JSON]:
    """Return the leaves of a declared critical incident, by leaf path, without ids.

    Args:
        case: the facts.
        declared_at: RFC 3339, UTC, milliseconds.
    """
    return _present(
        {
            "declared_at": declared_at,
            "reason": "community_confidence",
            "summary": "Confidence of the victim and their neighbours is at risk.",
            "community_impact": "Talk of it at the tenants' meeting and in the local shops.",
            "actions_requested": ["attend_meeting", "community_reassurance"],
            "contact_phone": "020 7946 0999",
            "borough": case.incident.borough,
            "strands": case.incident.strands,
        }
    )


NOT_ASKED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "police": frozenset({"victim.tenure"}),
        "council": frozenset(
            {
                "victim.gender",
                "victim.ethnicity",
                "victim.needs",
                "incident.narrative",
                "incident.injury",
                "incident.previous_reported_to",
                "witnesses",
            }
        ),
        "support": frozenset(
            {
                "victim.date_of_birth",
                "victim.address",
                "victim.postcode",
                "victim.uprn",
                "incident.occurred_time",
                "incident.damage",
                "incident.previous_reported_to",
                "incident.crime_reference",
                "alleged_perpetrators",
                "witnesses",
            }
        ),
    }
)
"""By the recipient's role in the contract: referral leaves that its form does not ask for."""


def asked(leaves: Mapping[str, JSON], role: str) -> dict[str, JSON]:
    """Return the leaves that the referral form for a recipient's role asks for."""
    return {path: value for path, value in leaves.items() if path not in NOT_ASKED[role]}
