"""Types of the five events, as typed dictionaries: the fields that an event of each type can have.

An event's data is a nested object two levels deep. Its leaves are dotted paths such as
`victim.address`, and a list is one leaf. The contract decides, field by field, which of the
possible fields may be sent. Absent is not null, nothing has a default, and the values are those of
`contracts/scalars.py` or codes of a dated list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, NotRequired, Required, TypeAlias  # pydantic needs these below 3.12

from pydantic import AfterValidator, ConfigDict, Field, with_config
from typing_extensions import TypedDict

from contracts import scalars as s
from contracts.vocabulary import Code

__all__ = [
    "EVENT_TYPES",
    "JSON",
    "CaseUpdated",
    "CorrectionMade",
    "CriticalIncidentDeclared",
    "PlainEvent",
    "ReferralMade",
    "ReferralStatusChanged",
]

JSON: TypeAlias = "str | int | bool | list[JSON] | dict[str, JSON]"
"""A value of an event: JSON without null and without floats."""

_STRICT = ConfigDict(extra="forbid", strict=True)
_SET = (Field(max_length=24), AfterValidator(s.distinct))
"""An unordered set, written as a list without repeats."""

Strands: TypeAlias = Annotated[list[Annotated[str, Code("hate_strand")]], *_SET]
LinkedFactors: TypeAlias = Annotated[list[Annotated[str, Code("linked_factor")]], *_SET]


@with_config(_STRICT)
class Victim(TypedDict, total=False):
    """The victim."""

    name: s.ShortText
    date_of_birth: s.Day
    age_band: Annotated[str, Code("age_band")]
    gender: Annotated[str, Code("gender")]
    ethnicity: Annotated[str, Code("ethnicity")]
    address: s.ShortText
    postcode: s.Postcode
    uprn: s.Uprn
    phone: s.Phone
    email: s.Email
    tenure: Annotated[str, Code("tenure")]
    interpreter_language: s.Bcp47
    accessibility_needs: Annotated[list[Annotated[str, Code("accessibility_need")]], *_SET]
    safe_contact_method: Annotated[str, Code("safe_contact_method")]
    safe_contact_times: s.ShortText
    needs: Annotated[list[Annotated[str, Code("victim_need")]], *_SET]
    risk_level: Annotated[str, Code("risk_level")]
    risk_tool: Annotated[str, Code("risk_tool")]


@with_config(_STRICT)
class Incident(TypedDict, total=False):
    """The incident, as perceived: a strand is recorded without evidence."""

    record_type: Annotated[str, Code("record_type")]
    strands: Strands
    perceived_by: Annotated[str, Code("perceived_by")]
    reporting_channel: Annotated[str, Code("reporting_channel")]
    occurred_on: s.Day
    occurred_time: s.TimeOfDay
    place_kind: Annotated[str, Code("place_kind")]
    borough: Annotated[str, Code("borough")]
    ward: s.Ward
    ward_dated: s.Day
    narrative: s.Narrative
    injury: Annotated[str, Code("injury")]
    damage: Annotated[str, Code("damage")]
    previous_incidents: s.Count
    previous_reported_to: Annotated[list[Annotated[str, Code("reporting_channel")]], *_SET]
    known_to_police: bool
    crime_reference: s.CrimeReference
    linked_factors: LinkedFactors


@with_config(_STRICT)
class AllegedPerpetrator(TypedDict, total=False):
    """An alleged perpetrator, who is a separate category of data subject until a court decides."""

    name: s.ShortText
    age_band: Annotated[str, Code("age_band")]
    gender: Annotated[str, Code("gender")]
    ethnicity: Annotated[str, Code("ethnicity")]
    known_to_victim: bool
    relationship: Annotated[str, Code("relationship")]


AllegedPerpetrators: TypeAlias = Annotated[list[AllegedPerpetrator], Field(max_length=20)]


@with_config(_STRICT)
class Consent(TypedDict, total=False):
    """The victim's consent, each scope asked separately; an absent answer does not mean yes."""

    pass_to_police: bool
    support_contact: bool
    share_identity: bool
    statistics: bool


@with_config(_STRICT)
class Intelligence(TypedDict):
    """Intelligence with 3x5x2 grading.

    The handling conditions are part of it and bind the recipient.
    """

    source_grade: Annotated[str, Code("intelligence_source")]
    information_grade: Annotated[str, Code("intelligence_information")]
    handling_code: Annotated[str, Code("intelligence_handling")]
    handling_conditions: NotRequired[
        Annotated[list[Annotated[str, Code("handling_condition")]], *_SET]
    ]


@with_config(_STRICT)
class EventReference(TypedDict):
    """An earlier event. Events of different senders have no order, so an answer names its event."""

    source: s.AgencyId
    id: s.Uuid


@with_config(_STRICT)
class ReferralMade(TypedDict, total=False):
    """An agency asks another for a service for a victim; third-party reports are referrals too."""

    case_id: Required[s.Uuid]
    referral_id: Required[s.Uuid]
    previous_referral_id: s.Uuid
    requested_service: Required[Annotated[str, Code("requested_service")]]
    urgency: Annotated[str, Code("urgency")]
    reason: s.ShortText
    other_agencies: Annotated[list[Annotated[str, Code("other_agency_kind")]], *_SET]
    victim: Victim
    incident: Incident
    alleged_perpetrators: AllegedPerpetrators
    alleged_perpetrator_count: s.Count
    witnesses: s.Count
    consent: Consent
    intelligence: Intelligence


@with_config(_STRICT)
class ReferralStatusChanged(TypedDict, total=False):
    """A referral's status changed.

    `version` is the new number, `previous_status` the status before.
    """

    case_id: Required[s.Uuid]
    referral_id: Required[s.Uuid]
    version: Required[s.VersionNumber]
    previous_status: Required[Annotated[str, Code("referral_status")]]
    status: Required[Annotated[str, Code("referral_status")]]
    business_status: Annotated[str, Code("business_status")]
    reason: Annotated[str, Code("referral_reason")]
    note: s.ShortText
    owner_team: s.ShortText
    answers: EventReference


@with_config(_STRICT)
class PoliceForm(TypedDict):
    """A reference to a file form: an event carries references, never the documents."""

    form: Annotated[str, Code("mg_form")]
    reference: s.Reference


@with_config(_STRICT)
class CaseVictim(TypedDict, total=False):
    """The victim in a prosecution file."""

    name: s.ShortText
    date_of_birth: s.Day
    special_measures: Annotated[list[Annotated[str, Code("special_measure")]], *_SET]


@with_config(_STRICT)
class CaseUpdated(TypedDict, total=False):
    """One agency's state of a case; criminal, civil and diversion proceedings are side by side."""

    case_id: Required[s.Uuid]
    referral_id: s.Uuid
    case_status: Annotated[str, Code("case_status")]
    cps_stage: Annotated[str, Code("cps_stage")]
    urn: s.Urn
    crime_reference: s.CrimeReference
    forms: Annotated[list[PoliceForm], Field(max_length=40)]
    offences: Annotated[list[s.Offence], Field(max_length=40)]
    charging_decision: Annotated[str, Code("charging_decision")]
    action_plan: s.Narrative
    plea: Annotated[str, Code("plea")]
    next_hearing: s.Day
    outcome: Annotated[str, Code("outcome")]
    sentence_uplift: bool
    civil_measures: Annotated[list[Annotated[str, Code("civil_measure")]], *_SET]
    diversion: Annotated[list[Annotated[str, Code("diversion")]], *_SET]
    linked_factors: LinkedFactors
    record_type: Annotated[str, Code("record_type")]
    strands: Strands
    borough: Annotated[str, Code("borough")]
    ward: s.Ward
    victim: CaseVictim
    alleged_perpetrators: AllegedPerpetrators
    note: s.ShortText
    answers: EventReference


@with_config(_STRICT)
class CriticalIncidentDeclared(TypedDict, total=False):
    """A declaration that the handling may affect confidence of the victim, family or community."""

    case_id: Required[s.Uuid]
    declared_at: Required[s.Instant]
    reason: Required[Annotated[str, Code("critical_reason")]]
    summary: s.Narrative
    community_impact: s.Narrative
    actions_requested: Annotated[list[Annotated[str, Code("requested_action")]], *_SET]
    contact_phone: s.Phone
    borough: Annotated[str, Code("borough")]
    strands: Strands


@with_config(_STRICT)
class CorrectionMade(TypedDict, total=False):
    """A correction of shared data: the wrong leaves, and the right values."""

    case_id: Required[s.Uuid]
    corrects: Required[EventReference]
    reason: Required[Annotated[str, Code("correction_reason")]]
    retracted: Annotated[list[s.LeafPath], Field(max_length=80), AfterValidator(s.distinct)]
    victim: Victim
    incident: Incident
    consent: Consent


EVENT_TYPES: Mapping[str, type] = MappingProxyType(
    {
        "referral.made": ReferralMade,
        "referral.status-changed": ReferralStatusChanged,
        "case.updated": CaseUpdated,
        "critical-incident.declared": CriticalIncidentDeclared,
        "correction.made": CorrectionMade,
    }
)
"""Name on the wire -> typed dictionary."""


@dataclass(frozen=True, slots=True)
class PlainEvent:
    """An event before it is sealed: its type, its recipients, and its data.

    Attributes:
        type: a name of `EVENT_TYPES`.
        recipients: agency ids; `decide` refuses none, a repeated one, or the sender itself.
        data: nested JSON object, as the type describes it.
    """

    type: str
    recipients: tuple[str, ...]
    data: dict[str, JSON]
