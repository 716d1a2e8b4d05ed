"""The one event that every case carries: 12 fields, 6 of them sensitive, about 1 kB of JSON.

Plain data and a pydantic model of the usual kind, with the same rules as ours
(contracts/events.py). It imports nothing of ours, so the peers' own environment can use it too.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

TYPE: Final = "referral.made"
SOURCE: Final = "bench-police-00"
SENSITIVE: Final = (
    ("victim", "name"),
    ("victim", "date_of_birth"),
    ("victim", "address"),
    ("victim", "phone"),
    ("victim", "accessibility_needs"),
    ("incident", "narrative"),
)
_NARRATIVE: Final = (
    "Two people shouted abuse about where I come from and how I sign, followed me off the bus and "
    "kicked my door. It is the third time since the winter. The first time it was a letter under "
    "the door, which I kept; the second time they waited at the stop. A neighbour saw them and is "
    "willing to say so. The bus was the 21:40, and the driver stopped and spoke to them. I do not "
    "go out after dark now and my sister brings the shopping. I would like somebody to look at the "
    "lock and to speak with the landlord about the entrance."
)


def plain(number: int) -> dict[str, Any]:
    """Event data, nested; ``number`` makes ids and a few values its own."""
    return {
        "case_id": str(UUID(int=0x4000_8000_0000_0000_0000 + number)),
        "referral_id": str(UUID(int=0x5000_8000_0000_0000_0000 + number)),
        "requested_service": "practical_support",
        "urgency": "urgent",
        "victim": {
            "name": f"Zephyrine Quillfeather {number}",
            "date_of_birth": "1991-04-17",
            "address": f"Flat {number % 90 + 1}, 404 Imaginary Row, Camden",
            "phone": f"020 7946 {number % 10_000:04d}",
            "accessibility_needs": ["sign_language", "large_print"],
        },
        "incident": {"borough": "E09000007", "narrative": _NARRATIVE},
        "consent": {"share_identity": True},
    }


# --- the model that a competent team would write --------------------------------------------------

_TEXT = r"^[^\x00-\x08\x0b-\x1f\x7f\x{80}-\x{9f}]*$"
_UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


def _real_day(value: str) -> str:
    date.fromisoformat(value)
    return value


def _distinct(values: list[str]) -> list[str]:
    if len(set(values)) != len(values):
        raise ValueError("repeated")
    return values


class Model(BaseModel):
    """Base of the models here."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Victim(Model):
    """Five of the sensitive fields."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=_TEXT)]
    date_of_birth: Annotated[
        str,
        StringConstraints(pattern=r"^(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}$"),
        AfterValidator(_real_day),
    ]
    address: Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=_TEXT)]
    phone: Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9 ()-]{4,22}[0-9]$")]
    accessibility_needs: Annotated[
        list[Literal["sign_language", "large_print", "easy_read", "step_free", "hearing_loop"]],
        AfterValidator(_distinct),
    ]


class Incident(Model):
    """One sensitive field and the borough."""

    borough: Literal["E09000007", "E09000023", "E09000033"]
    narrative: Annotated[str, StringConstraints(min_length=1, max_length=8000, pattern=_TEXT)]


class Consent(Model):
    """The victim's consent."""

    share_identity: bool


class Referral(Model):
    """The event."""

    case_id: Annotated[str, StringConstraints(pattern=_UUID)]
    referral_id: Annotated[str, StringConstraints(pattern=_UUID)]
    requested_service: Literal["practical_support", "advocacy", "counselling", "investigation"]
    urgency: Literal["routine", "urgent", "emergency"]
    victim: Victim
    incident: Incident
    consent: Consent
