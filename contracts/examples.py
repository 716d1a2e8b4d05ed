"""One valid event of each type, the same every time, with every field that may be sent.

For trying out and for tests: `event example`. The person does not exist; the telephone numbers are
of the range kept for drama, the crime reference and the rest are invented. No value equals a part
of an agency id or topic name, so that a search of a sealed record for a value proves something.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

from contracts.errors import EventError
from contracts.events import JSON, PlainEvent
from contracts.model import Contract
from contracts.policy import plan
from contracts.schema import leaves, unflatten

__all__ = ["example", "permitted_recipients", "permitted_types"]

_CASE = "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38"
_REFERRAL = "b41e9c07-2f6d-4a95-8c3b-e6d27a10f594"
_EARLIER = "0c9a5be3-71d8-4f26-9be0-3a84d25c6f17"

_SHARED: Mapping[str, JSON] = {
    "case_id": _CASE,
    "referral_id": _REFERRAL,
    "answers.source": "other-agency-1",
    "answers.id": _EARLIER,
    "victim.name": "Zephyrine Quillfeather",
    "victim.date_of_birth": "1991-04-17",
    "victim.age_band": "25_34",
    "victim.gender": "female",
    "victim.ethnicity": "mixed_white_black_caribbean",
    "victim.address": "Flat 9, 404 Imaginary Row",
    "victim.postcode": "ZZ99 9ZZ",
    "victim.uprn": "999900001234",
    "victim.phone": "020 7946 0123",
    "victim.email": "zephyrine@mail.example",
    "victim.tenure": "housing_association",
    "victim.interpreter_language": "bfi",
    "victim.accessibility_needs": ["sign_language", "large_print"],
    "victim.safe_contact_method": "text_message",
    "victim.safe_contact_times": "Tuesdays and Thursdays, 10 to 12",
    "victim.needs": ["mental_physical_health", "outlook_attitudes"],
    "victim.risk_level": "medium",
    "victim.risk_tool": "hate_crime_matrix",
    "victim.special_measures": ["screens", "live_link"],
    "incident.record_type": "hate_crime",
    "incident.strands": ["race", "disability"],
    "incident.perceived_by": "other_person",
    "incident.reporting_channel": "third_party_centre",
    "incident.occurred_on": "2025-03-08",
    "incident.occurred_time": "21:40",
    "incident.place_kind": "public_transport",
    "incident.borough": "E09000007",
    "incident.ward": "E05013661",
    "incident.ward_dated": "2022-05-05",
    "incident.narrative": (
        "Two people shouted abuse about where I come from and how I sign, followed me off the bus "
        "and kicked my door. It is the third time since the winter."
    ),
    "incident.injury": "psychological",
    "incident.damage": "broken_window",
    "incident.previous_incidents": 2,
    "incident.previous_reported_to": ["voluntary"],
    "incident.known_to_police": False,
    "incident.crime_reference": "CR/90210/25",
    "incident.linked_factors": ["anti_social_behaviour", "alcohol"],
    "alleged_perpetrators": [
        {
            "name": "Barnaby Thistlewick",
            "age_band": "18_24",
            "gender": "male",
            "ethnicity": "not_stated",
            "known_to_victim": True,
            "relationship": "neighbour",
        },
        {"known_to_victim": False, "relationship": "stranger"},
    ],
    "consent.pass_to_police": True,
    "consent.support_contact": True,
    "consent.share_identity": True,
    "consent.statistics": True,
}

_OWN: Mapping[str, Mapping[str, JSON]] = {
    "referral.made": {
        "previous_referral_id": _EARLIER,
        "requested_service": "practical_support",
        "urgency": "urgent",
        "reason": "Feels unsafe at home and asks for help with locks and with the landlord.",
        "other_agencies": ["health", "specialist_service"],
        "alleged_perpetrator_count": 2,
        "witnesses": 1,
        "intelligence.source_grade": "2",
        "intelligence.information_grade": "B",
        "intelligence.handling_code": "C",
        "intelligence.handling_conditions": ["originator_permission", "named_team_only"],
    },
    "referral.status-changed": {
        "version": 3,
        "previous_status": "received",
        "status": "accepted",
        "business_status": "awaiting-information",
        "reason": "insufficient_information",
        "note": "We begin on Monday; please send the date of the next repair visit.",
        "owner_team": "Duty desk, second floor",
    },
    "case.updated": {
        "case_status": "awaiting-court-result",
        "cps_stage": "legal_decision",
        "urn": "01ZZ9021025",
        "crime_reference": "CR/90210/25",
        "forms": [
            {"form": "MG3", "reference": "MG3/0001"},
            {"form": "MG2", "reference": "MG2/0004"},
        ],
        "offences": ["Racially aggravated criminal damage", "Harassment"],
        "charging_decision": "charge",
        "action_plan": "Obtain the bus company's footage and a statement from the driver.",
        "plea": "not_guilty",
        "next_hearing": "2025-06-19",
        "outcome": "convicted_trial",
        "sentence_uplift": True,
        "civil_measures": ["injunction", "tenancy_action"],
        "diversion": ["restorative_justice"],
        "linked_factors": ["alcohol", "harassment"],
        "record_type": "hate_crime",
        "strands": ["race", "disability"],
        "borough": "E09000007",
        "ward": "E05013661",
        "note": "Interpreter booked for the hearing.",
    },
    "critical-incident.declared": {
        "declared_at": "2025-03-10T08:15:00.000Z",
        "reason": "community_confidence",
        "summary": "Third attack on the same home within four months; neighbours gather there.",
        "community_impact": "Deaf residents avoid the evening buses.",
        "actions_requested": ["attend_meeting", "community_reassurance"],
        "contact_phone": "020 7946 0456",
        "borough": "E09000007",
        "strands": ["race", "disability"],
    },
    "correction.made": {
        "corrects.source": "other-agency-2",
        "corrects.id": _EARLIER,
        "reason": "wrong_value",
        "retracted": ["incident.damage", "victim.phone"],
    },
}


def permitted_types(contract: Contract, sender: str) -> tuple[str, ...]:
    """Return the event types that `sender` may publish, in the contract's order."""
    role = contract.role_of.get(sender)
    return tuple(name for name, terms in contract.event_types.items() if role in terms.publishers)


def permitted_recipients(contract: Contract, sender: str, event_type: str) -> tuple[str, ...]:
    """Return, sorted, the parties to whom `sender` may address this type; empty if it may not."""
    terms = contract.event_types.get(event_type)
    if terms is None or contract.role_of.get(sender) not in terms.publishers:
        return ()
    return tuple(
        sorted(p.id for p in contract.parties if p.role in terms.recipients and p.id != sender)
    )


def example(contract: Contract, sender: str, event_type: str) -> PlainEvent:
    """Return a valid event of `event_type` from `sender` to every permitted recipient.

    It fills every field that the sender may send and one of them may read, every consent given.

    Raises:
        EventError: `type_unknown`, or `type_not_permitted` for this sender.
    """
    if event_type not in contract.event_types:
        raise EventError("the contract has no event type of this name", code="type_unknown")
    if event_type not in permitted_types(contract, sender):
        raise EventError(f"{sender} may not publish this type", code="type_not_permitted")
    recipients = permitted_recipients(contract, sender, event_type)
    sendable = plan(contract, sender, recipients, event_type).fields
    values = {**_SHARED, **_OWN.get(event_type, {})}
    flat = {p: copy.deepcopy(values[p]) for p in leaves(event_type) if p in sendable}
    return PlainEvent(event_type, recipients, unflatten(flat))
