"""Built-in kinds of values, which every vocabulary has, as annotations that pydantic checks.

Every value is JSON-native and stays unchanged: a date is a text, checked against the calendar,
because sender and reader must have the same bytes (protocol `concordant/1`, "Conventions"). There
are no floats and no nulls; absent is not null.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, StringConstraints

__all__ = [
    "PLAIN_TEXT",
    "AgencyId",
    "Day",
    "Email",
    "Instant",
    "LanguageTag",
    "LeafPath",
    "TimeOfDay",
    "Uuid",
    "distinct",
]

PLAIN_TEXT = r"^[^\x00-\x08\x0b-\x1f\x7f\x{80}-\x{9f}]*$"
"""Text without control characters except tab and newline: others hide text at a terminal."""


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
Email: TypeAlias = Annotated[
    str,
    StringConstraints(
        max_length=254, pattern=r"^[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$"
    ),
]
LanguageTag: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")
]
"""Language tag, for example `bn` or `zh-Hant`; `bfi` is British Sign Language."""
