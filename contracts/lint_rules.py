"""Lint rules as dated data: name, severity, meaning, source, first and last day, fix.

The data are `data/lint_rules.<date>.json`, whose table is in docs/codes.md. The code decides where
a rule applies; severity, text, limits and fix come from the data. A warning is accepted by its name
(``contract sign --accept``), so a name does not change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import Final, Literal

from pydantic import Field, StrictInt

from contracts.dated_data import dated_data
from contracts.findings import Finding, Severity
from contracts.phrases import N_, from_list
from contracts.term import AgreementDay, Identifier, Term, Text

__all__ = [
    "RULES",
    "LintRule",
    "RuleCase",
    "RuleSource",
    "finding",
    "in_force",
    "lint_rules",
    "number_limit",
    "text_limit",
]


class RuleSource(Term):
    """A law, guidance or design decision that a rule rests on.

    Attributes:
        cite: as it is cited.
        url: its text.
        first_day: the day from which it has effect, if it is later than the rule's.
    """

    kind: Literal["law", "guidance", "design"]
    cite: Text
    url: Text | None = None
    first_day: AgreementDay | None = Field(default=None, alias="from")


class RuleCase(Term):
    """A case of a rule, with its severity, and its message with the names of values in braces."""

    case: Identifier
    severity: Severity
    message: Text


class LintRule(Term):
    """One rule.

    Attributes:
        rule: its name.
        about: what it checks: the agreement, the agreement beside earlier versions, the file, or a
            vocabulary.
        means: what it finds, in words.
        first_day: the day from which it applies; None if it rests on no law.
        until: the first day on which it does not apply any more; None while it applies.
        confirm: what a lawyer must confirm; None if it is nothing.
        fix: what the author of the text does.
        limits: numbers and forms that it checks.
    """

    rule: Identifier
    about: Literal["agreement", "versions", "file", "vocabulary"]
    means: Text
    first_day: AgreementDay | None = Field(alias="from")
    until: AgreementDay | None
    sources: tuple[RuleSource, ...] = Field(min_length=1)
    confirm: Text | None
    fix: Text
    limits: dict[str, StrictInt | str] = Field(default_factory=dict)
    cases: tuple[RuleCase, ...] = Field(min_length=1)

    @property
    def cited(self) -> tuple[str, ...]:
        """Return the sources in words."""
        return tuple(
            f"{'Our design: ' if source.kind == 'design' else ''}{source.cite}"
            + (f", from {source.first_day}" if source.first_day else "")
            for source in self.sources
        )

    @property
    def severities(self) -> frozenset[Severity]:
        """Return the severities of its cases."""
        return frozenset(each.severity for each in self.cases)

    def applies_on(self, day: date) -> bool:
        """Return whether the rule applies on a day."""
        begun = self.first_day is None or self.first_day <= day
        return begun and (self.until is None or day < self.until)


class _File(Term):
    """Content of the data file."""

    list: Literal["lint_rules"]
    dated: AgreementDay
    note: Text
    rules: tuple[LintRule, ...] = Field(min_length=1)


@cache
def lint_rules() -> Mapping[str, LintRule]:
    """Return the rules of the newest dated list, by name."""
    content = _File.model_validate(dated_data("lint_rules"))
    found = {rule.rule: rule for rule in content.rules}
    assert len(found) == len(content.rules), "a rule of the dated list is written twice"
    return MappingProxyType(found)


def finding(rule: str, case: str, where: str, **values: object) -> Finding:
    """Return the finding of a rule, with the severity, text, fix and sources of the dated list.

    Args:
        rule: its name.
        case: the name of the case.
        where: dotted path in the agreement.
        values: by the names that the message has in braces.
    """
    known = lint_rules()[rule]
    of_case = next(each for each in known.cases if each.case == case)
    return Finding(
        rule=rule,
        severity=of_case.severity,
        where=where,
        message=from_list(of_case.message, values),
        fix=N_(known.fix),
        sources=known.cited,
    )


def number_limit(rule: str, name: str) -> int:
    """Return a number that a rule checks."""
    limit = lint_rules()[rule].limits[name]
    assert isinstance(limit, int)
    return limit


def text_limit(rule: str, name: str) -> str:
    """Return a pattern that a rule checks."""
    return str(lint_rules()[rule].limits[name])


def in_force(findings: Iterable[Finding], today: date) -> list[Finding]:
    """Return the findings of rules that apply on a day, errors first."""
    rules = lint_rules()
    applying = (
        each for each in findings if each.rule not in rules or rules[each.rule].applies_on(today)
    )
    return sorted(applying, key=lambda each: each.severity != "error")


RULES: Final[Mapping[str, str]] = MappingProxyType(
    {name: rule.means for name, rule in lint_rules().items() if rule.about != "vocabulary"}
)
"""Meaning of every rule about agreements, those of `contracts/succession.py` included."""
