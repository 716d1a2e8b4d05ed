"""Codes of the reasons for which an agency suspends its part of a contract, resumes or leaves.

The list is closed: every party reads a manifest and keeps it for years, so it may hold no free
text. A reader of manifests accepts any text, because lists change. This module imports nothing that
takes long, because the help of a command lists the codes.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from contracts.names import require_known
from contracts.phrases import N_

__all__ = [
    "DEPARTURE_REASONS",
    "RESUMPTION_REASONS",
    "require_departure_reason",
    "require_resumption_reason",
]

DEPARTURE_REASONS: Final = MappingProxyType(
    {
        "security_incident": N_("a security incident, or one that is suspected"),
        "key_compromise": N_("a key may be compromised"),
        "data_breach": N_("a breach of personal data is being dealt with"),
        "technical_fault": N_("a fault of a system; its data may be wrong"),
        "dpia_review": N_("an assessment of data protection is under review"),
        "legal_review": N_("a legal basis or a term of the agreement is under review"),
        "regulator_request": N_("a regulator or a court asks for it"),
        "dispute": N_("a dispute under the agreement"),
        "no_capacity": N_("no staff to answer within the agreed times"),
        "reorganisation": N_("the agency is reorganised or merges"),
        "agency_closes": N_("the agency ends its work"),
        "agreement_ends": N_(
            "the agency takes part no longer, or another agreement replaces this one"
        ),
    }
)
"""Code to meaning."""


RESUMPTION_REASONS: Final = MappingProxyType(
    {
        "resolved": N_("the cause of the suspension is resolved"),
        "false_alarm": N_("the suspicion was not confirmed"),
        "review_completed": N_("the review is completed"),
        "agreed": N_("the parties agreed to go on"),
    }
)
"""Code to meaning, of the end of a suspension."""


def require_departure_reason(reason: str) -> None:
    """Check that a reason is a code of the list.

    Raises:
        UnknownNameError: `name_unknown`, with suggestions.
    """
    require_known("reason", reason, DEPARTURE_REASONS, code="name_unknown", exact=True)


def require_resumption_reason(reason: str) -> None:
    """Check that a reason is a code of the list for resuming.

    Raises:
        UnknownNameError: `name_unknown`, with suggestions.
    """
    require_known("reason", reason, RESUMPTION_REASONS, code="name_unknown", exact=True)
