"""Scalar types of the texts and numbers in an event.

Every value is JSON-native and stays unchanged: a date is a text, checked against the calendar,
because sender and reader must have the same bytes (protocol `concordant/1`, "Conventions"). There
are no floats and no nulls; absent is not null.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field, StringConstraints

__all__ = [
    "AgencyId",
    "Bcp47",
    "Count",
    "CrimeReference",
    "Day",
    "Email",
    "Instant",
    "LeafPath",
    "Narrative",
    "Offence",
    "Phone",
    "Postcode",
    "Reference",
    "ShortText",
    "TimeOfDay",
    "Uprn",
    "Urn",
    "Uuid",
    "VersionNumber",
    "Ward",
    "distinct",
]

SHORT_TEXT_CHARACTERS = 300
NARRATIVE_CHARACTERS = 8_000
"""Longest account of an incident; with every other field full, an event stays below 256 KiB."""

# No control characters except tab and newline: they hide text from a person at a terminal.
_TEXT = r"^[^\x00-\x08\x0b-\x1f\x7f\x{80}-\x{9f}]*$"


def _real_day(value: str) -> str:
    date.fromisoformat(value)  # the calendar check refuses 2025-02-30, which has the right shape
    return value


def _real_instant(value: str) -> str:
    datetime.fromisoformat(value)
    return value


def distinct(values: list[str]) -> list[str]:
    """Return `values`, which are codes of an unordered set.

    Raises:
        ValueError: one of them is repeated.
    """
    if len(set(values)) != len(values):
        raise ValueError("repeated")
    return values


ShortText: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=SHORT_TEXT_CHARACTERS, pattern=_TEXT)
]
Narrative: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=NARRATIVE_CHARACTERS, pattern=_TEXT)
]
Uuid: TypeAlias = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"),
]
"""A UUID in its canonical lower-case text."""
Day: TypeAlias = Annotated[
    str,
    StringConstraints(pattern=r"^(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}$"),
    AfterValidator(_real_day),
]
"""ISO date that exists in the calendar."""
TimeOfDay: TypeAlias = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""Local time, hours and minutes."""
Instant: TypeAlias = Annotated[
    str,
    StringConstraints(
        pattern=r"^(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"
    ),
    AfterValidator(_real_instant),
]
"""RFC 3339, UTC, milliseconds and `Z`."""
AgencyId: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,62}$")]
LeafPath: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[a-z_]{1,40}(\.[a-z_]{1,40})?$", max_length=80)
]
Postcode: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[A-Z]{1,2}[0-9][A-Z0-9]? [0-9][A-Z]{2}$")
]
Uprn: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,11}$")]
"""Unique Property Reference Number, as text."""
Phone: TypeAlias = Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9 ()-]{4,22}[0-9]$")]
Email: TypeAlias = Annotated[
    str,
    StringConstraints(
        max_length=254, pattern=r"^[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$"
    ),
]
Bcp47: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")
]
"""Language tag, for example `bn` or `zh-Hant`; `bfi` is British Sign Language."""
Ward: TypeAlias = Annotated[str, StringConstraints(pattern=r"^E05[0-9]{6}$")]
CrimeReference: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9/ -]{1,28}[A-Za-z0-9]$")
]
Reference: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9/ .:-]{0,62}[A-Za-z0-9]$")
]
Urn: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9]{2}[A-Z0-9]{2}[0-9]{5}[0-9]{2}$")]
"""Unique Reference Number of a prosecution: force, unit, number, year."""
Offence: TypeAlias = Annotated[str, StringConstraints(min_length=3, max_length=160, pattern=_TEXT)]
Count: TypeAlias = Annotated[int, Field(ge=0, le=999)]
VersionNumber: TypeAlias = Annotated[int, Field(ge=1, le=1_000_000)]
