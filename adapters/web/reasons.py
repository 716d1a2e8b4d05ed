"""Meaning of reason codes on the pages."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from broker.codes.meanings import CODES
from contracts.phrases import N_, Phrase

REASON_WORDS: Final[Mapping[str, Phrase]] = MappingProxyType(
    {
        "case_work": N_("Work on the case"),
        "supervision": N_("Supervision of a caseworker"),
        "rights_request": N_("A request by the person whose data it is"),
        "complaint": N_("A complaint"),
        "audit": N_("An audit"),
        "other": N_("Another reason"),
    }
)
"""Reasons of people who look at personal data, by code (`broker.audit.reason_codes`)."""


def meaning(code: str) -> str:
    """Return the meaning of a reason code; the code if this software does not know it."""
    return N_(CODES[code].means) if code in CODES else code
