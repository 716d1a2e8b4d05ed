"""Base of the models of agreements and vocabularies, and the simplest forms of their members.

All models are frozen and refuse unknown keys.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints

__all__ = ["AgreementDay", "Identifier", "Term", "Text"]

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _written_as_a_day(value: object) -> object:
    # pydantic would also accept a number of seconds and a time at midnight
    if type(value) is date or (isinstance(value, str) and _DAY.fullmatch(value)):
        return value
    raise ValueError("a day is written YYYY-MM-DD")


AgreementDay: TypeAlias = Annotated[date, BeforeValidator(_written_as_a_day)]
Text: TypeAlias = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Identifier: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,62}$")]


class Term(BaseModel):
    """Base of every model of an agreement: frozen, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")
