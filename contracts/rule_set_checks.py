"""Check of an agreement against an organisation's own rules (`contracts/rule_sets.py`)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final

from contracts.findings import Finding
from contracts.legal_codes import codes_in, party_kind
from contracts.model import Contract, DraftContract
from contracts.names import below, nearest
from contracts.rule_sets import (
    AssessmentRule,
    BasisRule,
    ContactRule,
    FieldSelection,
    OwnRule,
    RetentionRule,
    RuleSet,
    RuleSetFile,
)
from contracts.terms import EventTerms, FieldTerms, LegalBasis

__all__ = ["own_findings", "raised", "unknown_names"]

Fault = tuple[str, str]
"""Place in the agreement, and a sentence."""


def raised(findings: Iterable[Finding], sets: Sequence[RuleSetFile]) -> list[Finding]:
    """Return findings with the severities that rule sets ask for; none becomes less severe."""
    return [_raised(each, sets) for each in findings]


def _raised(found: Finding, sets: Sequence[RuleSetFile]) -> Finding:
    for each in sets:
        if found.severity == "warning" and each.content.severities.get(found.rule) == "error":
            return replace(found, severity="error", rule_set=each.content.rule_set)
    return found


def own_findings(contract: Contract, sets: Sequence[RuleSetFile], today: date) -> Iterator[Finding]:
    """Yield what an agreement has against the rules of organisations that apply on a day."""
    for each in sets:
        for name, rule in each.content.rules.items():
            if rule.applies_on(today):
                yield from _findings(contract, each.content, name, rule, today)


def _findings(
    contract: Contract, of: RuleSet, name: str, rule: OwnRule, today: date
) -> Iterator[Finding]:
    for where, message in _CHECK_OF[rule.checks[0]](contract, rule, today):
        yield Finding(
            rule=of.name_of(name),
            severity=rule.severity,
            where=where,
            message=f"{message} ({rule.means})",
            fix=rule.fix,
            sources=(f"{of.organisation}: {rule.source}",),
            rule_set=of.rule_set,
        )


# --- fields ---------------------------------------------------------------------------------------


def _selected(contract: Contract, wanted: FieldSelection) -> Iterator[tuple[str, list[str]]]:
    """Yield each event type with the fields of a selection."""
    for name, terms in contract.event_types.items():
        if wanted.event_types and name not in wanted.event_types:
            continue
        found = [
            path
            for path, field in terms.fields.items()
            if _meant(contract, terms, path, field, wanted)
        ]
        if found:
            yield name, found


def _meant(
    contract: Contract, terms: EventTerms, path: str, field: FieldTerms, wanted: FieldSelection
) -> bool:
    readers = _readers(contract, field, wanted)
    return (
        _among(wanted.categories, [field.category])
        and _among(wanted.sensitivities, [field.sensitivity])
        and _among(wanted.data_subjects, [field.data_subject])
        and _among(wanted.purposes, field.purposes)
        and _among(wanted.senders, field.senders or terms.publishers)
        and (not wanted.fields or any(below(path, name) for name in wanted.fields))
        and bool(readers)
    )


def _readers(contract: Contract, field: FieldTerms, wanted: FieldSelection) -> list[str]:
    """Return the roles of a selection that read a field."""
    roles = [role for role in field.readers if _among(wanted.recipients, [role])]
    if not wanted.recipient_kinds:
        return roles
    return [
        role
        for role in roles
        if any(
            party_kind(party) in wanted.recipient_kinds for party in contract.parties_of_role(role)
        )
    ]


def _among(wanted: Collection[str], values: Iterable[str]) -> bool:
    return not wanted or not frozenset(wanted).isdisjoint(values)


def _retention(contract: Contract, rule: OwnRule, today: date) -> Iterator[Fault]:
    limit = rule.retention
    assert isinstance(limit, RetentionRule)
    for name, _fields in _selected(contract, limit.of):
        kept, at = contract.event_types[name].retention, f"event_types.{name}.retention"
        if kept is None:
            yield f"event_types.{name}", "no retention is agreed"
            continue
        if limit.years_at_most is not None and kept.recipient_years > limit.years_at_most:
            text = f"{kept.recipient_years} years at the recipient; at most {limit.years_at_most}"
            yield f"{at}.recipient_years", text
        if limit.kafka_days_at_most is not None and kept.kafka_days > limit.kafka_days_at_most:
            text = f"{kept.kafka_days} days on Kafka; at most {limit.kafka_days_at_most}"
            yield f"{at}.kafka_days", text


def _forbid(contract: Contract, rule: OwnRule, today: date) -> Iterator[Fault]:
    for name, fields in _selected(contract, rule.selection):
        terms = contract.event_types[name]
        if len(fields) == len(terms.fields) and not rule.selection.fields:
            yield f"event_types.{name}", "this event type may not be shared like this"
            continue
        for path in fields:
            roles = ", ".join(_readers(contract, terms.fields[path], rule.selection))
            yield f"event_types.{name}.fields.{path}", f"{roles} may not read this field like this"


def _require(contract: Contract, rule: OwnRule, today: date) -> Iterator[Fault]:
    wanted = rule.selection
    if wanted.asks == {"event_types"}:
        for name in wanted.event_types:
            if name not in contract.event_types:
                yield "event_types", f"the agreement must have the event type {name}"
        return
    found = {name for name, _fields in _selected(contract, wanted)}
    if not wanted.event_types:
        if not found:
            yield "event_types", f"the agreement must share a field: {_in_words(wanted)}"
        return
    for name in wanted.event_types:
        if name in contract.event_types and name not in found:
            yield f"event_types.{name}", f"it must share a field: {_in_words(wanted)}"


def _in_words(wanted: FieldSelection) -> str:
    named = sorted(wanted.asks - {"event_types"})
    return "; ".join(
        f"{name.replace('_', ' ')} {' or '.join(getattr(wanted, name))}" for name in named
    )


def _consent(contract: Contract, rule: OwnRule, today: date) -> Iterator[Fault]:
    assert rule.require_consent is not None
    scope = rule.require_consent.scope
    for name, fields in _selected(contract, rule.selection):
        for path in fields:
            if scope not in contract.event_types[name].fields[path].consent:
                at = f"event_types.{name}.fields.{path}"
                yield at, f"this field may be sent only with the consent {scope}"


# --- law, parties, dates --------------------------------------------------------------------------


def _bases(contract: Contract, wanted: BasisRule) -> Iterator[tuple[int, LegalBasis]]:
    for index, basis in enumerate(contract.legal_bases):
        if (
            _among(wanted.purposes, [basis.purpose])
            and _among(wanted.regimes, [basis.regime])
            and _among(wanted.roles, basis.relied_on_by)
        ):
            yield index, basis


def _codes(basis: LegalBasis) -> frozenset[str]:
    texts = (basis.basis, basis.article_9, basis.article_10, basis.schedule_1, basis.schedule_8)
    return frozenset(code for text in texts for code in codes_in(text)) | frozenset(basis.gateways)


def _forbid_basis(contract: Contract, rule: OwnRule, today: date) -> Iterator[Fault]:
    assert rule.forbid_basis is not None
    for index, basis in _bases(contract, rule.forbid_basis):
        if found := sorted(_codes(basis) & set(rule.forbid_basis.codes)):
            yield f"legal_bases[{index}]", f"{', '.join(found)} may not be relied on"


def _require_basis(contract: Contract, rule: OwnRule, today: date) -> Iterator[Fault]:
    wanted = rule.require_basis
    assert wanted is not None
    codes, found = " or ".join(wanted.codes), [*_bases(contract, wanted)]
    if not found and (not wanted.purposes or _among(wanted.purposes, contract.purposes)):
        yield "legal_bases", f"no legal basis is one that must name {codes}"
    for index, basis in found:
        if _codes(basis).isdisjoint(wanted.codes):
            yield f"legal_bases[{index}]", f"it must name {codes}"


def _contact(contract: Contract, rule: OwnRule, today: date) -> Iterator[Fault]:
    wanted = rule.contact
    assert isinstance(wanted, ContactRule)
    words = wanted.function.replace("_", " ")
    for index, party in enumerate(contract.parties):
        if not (_among(wanted.roles, [party.role]) and _among(wanted.kinds, [party_kind(party)])):
            continue
        at = f"parties[{index}].contacts.{wanted.function}"
        contact = getattr(party.contacts, wanted.function)
        if contact is None:
            yield at, f"{party.id} must name a contact: {words}"
        elif wanted.phone and contact.phone is None:
            yield f"{at}.phone", f"{party.id} must give a telephone number of this contact: {words}"


def _assessment(contract: Contract, rule: OwnRule, today: date) -> Iterator[Fault]:
    wanted = rule.assessment
    assert isinstance(wanted, AssessmentRule)
    assessed = getattr(contract, wanted.document)
    if (most := wanted.months_old_at_most) is not None and today > months_after(
        assessed.date, most
    ):
        yield f"{wanted.document}.date", f"it is of {assessed.date}, more than {most} months old"
    if (most := wanted.review_within_months) is None:
        return
    if assessed.review_on is None:
        yield f"{wanted.document}.review_on", f"it needs a review within {most} months"
    elif assessed.review_on > months_after(assessed.date, most):
        text = f"its review on {assessed.review_on} is more than {most} months after its date"
        yield f"{wanted.document}.review_on", text


def _review(contract: Contract, rule: OwnRule, today: date) -> Iterator[Fault]:
    assert rule.review is not None
    if isinstance(contract, DraftContract) and "starts" in contract.absent:
        return
    most = rule.review.within_months
    if contract.review_on is None:
        yield "review_on", f"it needs a review within {most} months"
    elif contract.review_on > months_after(contract.starts, most):
        text = f"the review on {contract.review_on} is more than {most} months after the first day"
        yield "review_on", text


def months_after(day: date, months: int) -> date:
    """Return the same day of a later month, or that month's last day."""
    years, month = divmod(day.month - 1 + months, 12)
    for of_month in (day.day, 30, 29, 28):
        try:
            return date(day.year + years, month + 1, of_month)
        except ValueError:  # the month has no such day
            continue
    return date.max  # after the year 9999


_CHECK_OF: Final[Mapping[str, Callable[[Contract, OwnRule, date], Iterator[Fault]]]] = {
    "retention": _retention,
    "forbid": _forbid,
    "require": _require,
    "require_consent": _consent,
    "forbid_basis": _forbid_basis,
    "require_basis": _require_basis,
    "contact": _contact,
    "assessment": _assessment,
    "review": _review,
}


# --- names ----------------------------------------------------------------------------------------


def unknown_names(contract: Contract, sets: Sequence[RuleSetFile]) -> tuple[str, ...]:
    """Return sentences about names in rules that neither the agreement nor its vocabulary has.

    A rule set is for many agreements, so such a name is no error. But a misspelt name would mean
    that a rule never finds anything.
    """
    return tuple(
        f"{each.content.name_of(name)}: this agreement has no {what} {value}"
        f"{_suggestion(value, known)}"
        for each in sets
        for name, rule in each.content.rules.items()
        for what, value, known in _names(contract, rule)
    )


def _names(contract: Contract, rule: OwnRule) -> Iterator[tuple[str, str, Collection[str]]]:
    words, wanted = contract.vocabulary, rule.selection
    types = words.event_types.keys() | contract.event_types.keys()
    leaves = {path for each in words.event_types.values() for path in each.leaves}
    leaves |= {path for terms in contract.event_types.values() for path in terms.fields}
    fields = [field for terms in contract.event_types.values() for field in terms.fields.values()]
    forms = [leaf.form for each in words.event_types.values() for leaf in each.leaves.values()]
    holder: Any = rule.basis or rule.contact
    roles = (*wanted.senders, *wanted.recipients, *getattr(holder, "roles", ()))
    purposes = (*wanted.purposes, *getattr(holder, "purposes", ()))
    scopes = (rule.require_consent.scope,) if rule.require_consent is not None else ()
    known: tuple[tuple[str, Iterable[str], Collection[str]], ...] = (
        ("event type", wanted.event_types, types),
        ("field", wanted.fields, leaves | {path.partition(".")[0] for path in leaves}),
        (
            "data category",
            wanted.categories,
            {field.category for field in fields} | {form.category or "" for form in forms},
        ),
        ("data subject", wanted.data_subjects, words.form.data_subjects),
        ("purpose", purposes, contract.purposes),
        ("role", roles, contract.roles),
        ("consent", scopes, words.answer_to),
    )
    for what, names, existing in known:
        yield from ((what, name, existing) for name in names if name not in existing)


def _suggestion(name: str, known: Collection[str]) -> str:
    alike = nearest(name, tuple(known))
    return f"; did you mean {' or '.join(alike)}?" if alike else ""
