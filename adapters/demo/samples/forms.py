"""Leaves that each agency's referral form asks for, so that agencies get only what they need.

A case system holds more than a partner should have. The form that its users fill in for a referral
already leaves the rest out (data minimisation). The contract enforces it: a field that no addressed
agency may read is left out of the event and reported. These lists follow the shipped agreement, and
a test checks every sample against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from broker.event import JSON

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
