"""Result of a tally as bytes: canonical JSON, which its readers check."""

from __future__ import annotations

from typing import Annotated

import orjson
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StringConstraints, ValidationError

from broker.figures.unions.tally import UnionTally
from broker.strict_json import parse_strict_json

__all__ = ["format_result", "parse_result"]


class _Result(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    contributors: tuple[Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]{1,63}$")], ...] = (
        Field(min_length=1, max_length=256)
    )
    share_percent: Annotated[StrictInt, Field(ge=0, le=100)] | None


def format_result(tally: UnionTally) -> bytes:
    """Return a result as bytes."""
    return orjson.dumps({"contributors": tally.contributors, "share_percent": tally.share_percent})


def parse_result(content: bytes) -> UnionTally:
    """Return the result that ``format_result`` wrote; members of newer software are left out.

    Raises:
        ValueError: the form is another one; the text says what is wrong.
    """
    try:
        result = _Result.model_validate(parse_strict_json(content))
    except ValidationError:
        raise ValueError("the result does not have the required form") from None
    contributors = result.contributors
    if list(contributors) != sorted(set(contributors)):
        raise ValueError("the contributors are not in ascending order, each once")
    return UnionTally(contributors, result.share_percent)
