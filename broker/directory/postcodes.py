"""Postcodes of the United Kingdom in texts of a listing.

A postcode stands for about fifteen addresses, so a text with one can give the address of a refuge
away.
"""

from __future__ import annotations

import re
from typing import Final

_POSTCODE: Final = re.compile(
    r"(?<![A-Z0-9])[A-Z]{1,2}[0-9][A-Z0-9]?[\s.-]{0,3}[0-9][A-Z]{2}(?![A-Z0-9])", re.IGNORECASE
)


def has_postcode(*texts: str | None) -> bool:
    """Return whether a text has a postcode, in capital or small letters."""
    return any(text is not None and _POSTCODE.search(text) for text in texts)
