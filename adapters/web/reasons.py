"""Meaning of reason codes on the pages."""

from __future__ import annotations

from broker.codes.meanings import CODES


def meaning(code: str) -> str:
    """Return the meaning of a reason code; the code if this software does not know it."""
    return CODES[code].means if code in CODES else code
