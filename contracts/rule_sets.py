"""Rule sets: an organisation's own lint rules, in a file of strict YAML.

A rule set says what the organisation asks of every agreement beyond the rules of the software. It
is versioned and dated. It can make a rule of the software stricter, never less strict. The
checks are in `contracts/rule_set_checks.py` (docs/guides/lint-rules.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import Field, StrictBool, StrictInt, StringConstraints, model_validator

from contracts.findings import Severity
from contracts.legal_codes import KINDS, PartyKind, legal_codes
from contracts.lint_rules import RULES, lint_rules
from contracts.names import nearest
from contracts.strict_yaml import DocumentKind, Fault, read, refused_for, validated
from contracts.term import AgreementDay, Identifier, Term, Text
from contracts.terms import ConsentScope, Regime

__all__ = [
    "RULE_SET_BYTES",
    "FieldSelection",
    "OwnRule",
    "RuleSet",
    "RuleSetFile",
    "parse_rule_set",
]

RULE_SET_BYTES: Final = 1 << 20
_DOCUMENT: Final = DocumentKind(
    noun="a file of lint rules",
    largest=RULE_SET_BYTES,
    code="lint_rules_invalid",
    fix="Correct the named line of the rules, then run the command again.",
)
Version: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")]
Months: TypeAlias = Annotated[StrictInt, Field(ge=1, le=1200)]
Sensitivity: TypeAlias = Literal["none", "personal", "special-category", "criminal-offence"]
ContactName: TypeAlias = Literal[
    "data_protection_officer",
    "operations",
    "breach",
    "rights_and_complaints",
    "siro",
    "caldicott_guardian",
]


class FieldSelection(Term):
    """Fields of an agreement that a rule is about.

    A field is meant if every list that is written has a value for it; an empty list asks nothing.

    Attributes:
        fields: a field, or an object with all that lies below it.
        senders, recipients: roles.
        recipient_kinds: kinds of the parties that read the field.
    """

    event_types: tuple[Text, ...] = ()
    fields: tuple[Text, ...] = ()
    categories: tuple[Identifier, ...] = ()
    sensitivities: tuple[Sensitivity, ...] = ()
    data_subjects: tuple[Identifier, ...] = ()
    purposes: tuple[Identifier, ...] = ()
    senders: tuple[Identifier, ...] = ()
    recipients: tuple[Identifier, ...] = ()
    recipient_kinds: tuple[PartyKind, ...] = ()

    @property
    def asks(self) -> frozenset[str]:
        """Return the lists that are written."""
        return frozenset(name for name in type(self).model_fields if getattr(self, name))


class _SomeSelection(FieldSelection):
    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.asks:
            raise ValueError("it names nothing, so it would mean every field; name what it is for")
        return self


class RetentionRule(Term):
    """Longest retention of the event types that hold a field of the selection."""

    years_at_most: Annotated[StrictInt, Field(ge=0, le=100)] | None = None
    kafka_days_at_most: Annotated[StrictInt, Field(ge=1, le=366)] | None = None
    of: FieldSelection = FieldSelection()

    @model_validator(mode="after")
    def _a_limit(self) -> Self:
        if self.years_at_most is None and self.kafka_days_at_most is None:
            raise ValueError("it needs years_at_most or kafka_days_at_most")
        return self


class ConsentRule(Term):
    """Scope of consent without which no field of the selection is sent."""

    scope: ConsentScope
    of: _SomeSelection


class BasisRule(Term):
    """Codes of law, for the legal bases of these purposes, roles and regimes."""

    codes: tuple[Text, ...] = Field(min_length=1)
    purposes: tuple[Identifier, ...] = ()
    roles: tuple[Identifier, ...] = ()
    regimes: tuple[Regime, ...] = ()


class ContactRule(Term):
    """A contact that each party of these roles and kinds names."""

    function: ContactName
    phone: StrictBool = False
    roles: tuple[Identifier, ...] = ()
    kinds: tuple[PartyKind, ...] = ()


class AssessmentRule(Term):
    """Age and review of an assessment."""

    document: Literal["dpia", "equality_impact_assessment"]
    months_old_at_most: Months | None = None
    review_within_months: Months | None = None

    @model_validator(mode="after")
    def _a_limit(self) -> Self:
        if self.months_old_at_most is None and self.review_within_months is None:
            raise ValueError("it needs months_old_at_most or review_within_months")
        return self


class ReviewRule(Term):
    """Latest first review of an agreement, from its first day."""

    within_months: Months


_CHECKS: Final = (
    "retention", "forbid", "require", "require_consent", "forbid_basis", "require_basis", "contact",
    "assessment", "review",
)  # fmt: skip


class OwnRule(Term):
    """One rule of an organisation: exactly one of its last nine members.

    Attributes:
        means: what the organisation asks, in words.
        source: the policy or decision that asks it.
        first_day, until: the first day on which it applies, and the first on which it does not.
        fix: what the author of an agreement does.
        forbid: no field of the selection may be shared.
        require: at least one field of the selection is shared, in each event type that it names.
    """

    means: Text
    severity: Severity
    source: Text
    first_day: AgreementDay | None = Field(default=None, alias="from")
    until: AgreementDay | None = None
    fix: Text
    retention: RetentionRule | None = None
    forbid: _SomeSelection | None = None
    require: _SomeSelection | None = None
    require_consent: ConsentRule | None = None
    forbid_basis: BasisRule | None = None
    require_basis: BasisRule | None = None
    contact: ContactRule | None = None
    assessment: AssessmentRule | None = None
    review: ReviewRule | None = None

    @model_validator(mode="after")
    def _one_check(self) -> Self:
        if len(self.checks) != 1:
            raise ValueError(f"a rule has exactly one of {', '.join(_CHECKS)}")
        if self.first_day is not None and self.until is not None and self.until <= self.first_day:
            raise ValueError("the rule never applies: until is not after from")
        return self

    @property
    def checks(self) -> tuple[str, ...]:
        """Return the names of its checks."""
        return tuple(name for name in _CHECKS if getattr(self, name) is not None)

    @property
    def selection(self) -> FieldSelection:
        """Return the fields that it is about; an empty selection if it is about no fields."""
        if self.retention is not None:
            return self.retention.of
        if self.require_consent is not None:
            return self.require_consent.of
        return self.forbid or self.require or FieldSelection()

    @property
    def basis(self) -> BasisRule | None:
        """Return the legal bases that it is about."""
        return self.forbid_basis or self.require_basis

    def applies_on(self, day: date) -> bool:
        """Return whether the rule applies on a day."""
        begun = self.first_day is None or self.first_day <= day
        return begun and (self.until is None or day < self.until)


class RuleSet(Term):
    """Content of the file.

    Attributes:
        rule_set: its name; a finding of its rule `x` has the name `rule_set/x`.
        severities: rules of the software that the organisation makes errors.
    """

    rule_set: Identifier
    organisation: Text
    version: Version
    dated: AgreementDay
    contact: Text | None = None
    severities: dict[Identifier, Severity] = Field(default_factory=dict)
    rules: dict[Identifier, OwnRule] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.rules or self.severities):
            raise ValueError("the file has neither rules nor severities")
        return self

    def name_of(self, rule: str) -> str:
        """Return the name of a rule in findings and for `--accept`."""
        return f"{self.rule_set}/{rule}"

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of its rules in findings."""
        return tuple(self.name_of(rule) for rule in self.rules)


@dataclass(frozen=True, slots=True)
class RuleSetFile:
    """A rule set with the file that it was read from.

    Attributes:
        content: the rule set.
        file: its path, as it was given.
        sha256: of its bytes, hexadecimal.
    """

    content: RuleSet
    file: str
    sha256: str


def parse_rule_set(raw: bytes, where: str) -> RuleSetFile:
    """Return the rule set of a file.

    Args:
        raw: the bytes, strict YAML.
        where: the file's name, for errors.

    Raises:
        ContractError: `lint_rules_invalid`, with file and line.
    """
    tree, lines = read(_DOCUMENT, raw, where)
    content = validated(_DOCUMENT, RuleSet, tree, lines, where)
    if faults := [*_severity_faults(content.severities), *_rule_faults(content)]:
        raise refused_for(_DOCUMENT, faults, lines, where)
    return RuleSetFile(content, where, hashlib.sha256(raw).hexdigest())


def _severity_faults(severities: Mapping[str, Severity]) -> Iterator[Fault]:
    known = {name: rule for name, rule in lint_rules().items() if name in RULES}
    for name, severity in severities.items():
        path = ("severities", name)
        if name not in known:
            yield path, f"the software has no rule {name}{_meant(name, known)}"
        elif severity == "warning" and "error" in known[name].severities:
            yield (
                path,
                "this rule is an error of the software; an organisation can make a rule stricter, "
                "never less strict, so leave the line out",
            )


def _rule_faults(content: RuleSet) -> Iterator[Fault]:
    codes = frozenset(code for kind in KINDS for code in legal_codes(kind))
    for name, rule in content.rules.items():
        if rule.basis is None:
            continue
        for index, code in enumerate(rule.basis.codes):
            if code not in codes:
                path = ("rules", name, rule.checks[0], "codes", index)
                yield path, f"{code!r} is not a code of the dated lists of law{_meant(code, codes)}"


def _meant(name: str, known: Mapping[str, object] | frozenset[str]) -> str:
    alike = nearest(name, known)
    return f"; did you mean {' or '.join(alike)}?" if alike else ""
