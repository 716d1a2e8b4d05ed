"""Finding of a check of an agreement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding of a check.

    Attributes:
        rule: stable name of the rule.
        severity: an `error` stops a signature; a `warning` must be read and accepted by its name.
        where: dotted path in the agreement.
        message: one sentence.
    """

    rule: str
    severity: Literal["error", "warning"]
    where: str
    message: str
