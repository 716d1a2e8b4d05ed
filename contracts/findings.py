"""Finding of a check of an agreement or a vocabulary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Finding", "Severity"]

Severity: TypeAlias = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding of a check.

    Attributes:
        rule: stable name of the rule; a rule of an organisation has its rule set and a slash first.
        severity: an `error` stops a signature; a `warning` must be read and accepted by its name.
        where: dotted path in the agreement.
        message: one sentence.
        fix: what to do.
        sources: the law, the guidance or the design decision that the rule rests on.
        rule_set: the organisation's rule set that has the rule, or that makes it more severe; empty
            for a rule of the software.
    """

    rule: str
    severity: Severity
    where: str
    message: str
    fix: str = ""
    sources: tuple[str, ...] = ()
    rule_set: str = ""
