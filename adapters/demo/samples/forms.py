"""What the referral form for each kind of agency asks: only what that agency needs.

A case system holds more than a partner should have; the form that its users fill in for a referral
already leaves that out (data minimisation). The contract is what enforces it: a field that no
addressed agency may read is left out of the event and reported. These lists follow the shipped
agreement, and a test holds every sample against it.
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
"""By the recipient's role in the contract: leaves of a referral that its form has no box for."""


def asked(leaves: Mapping[str, JSON], role: str) -> dict[str, JSON]:
    """The leaves of a referral that the form for a recipient of this role has a box for."""
    return {path: value for path, value in leaves.items() if path not in NOT_ASKED[role]}
