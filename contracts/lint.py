"""Lint of an agreement: problems to correct before it is signed.

Rules about law are in `contracts/lint_law.py`. This module checks completeness, review, and terms
that would make the agreement leak or break: a field without consent, a topic that names its only
type, consent that a reader cannot see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date

from contracts.errors import ContractError
from contracts.findings import Finding
from contracts.lint_characters import character_findings, texts
from contracts.lint_dates import date_findings
from contracts.lint_law import law_findings
from contracts.lint_rules import RULES, finding, in_force
from contracts.loading import ContractText
from contracts.model import Contract, DraftContract
from contracts.parties import RESERVED_PRINCIPALS
from contracts.policy import group_fields
from contracts.rule_set_checks import own_findings, raised
from contracts.rule_sets import RuleSetFile
from contracts.terms import EventTerms
from contracts.vocabulary import EventType

__all__ = ["NOT_CHECKED", "RULES", "lint", "lint_text"]

NOT_CHECKED = (
    "These checks do not know the facts. They do not know whether a legal basis fits, whether "
    "sharing is necessary, whether the named documents exist, or who the parties are. If a field "
    "has several purposes, a condition for one of them is enough for these checks. An agreement "
    "without a finding may still be unlawful: ask each agency's lawyer and data protection officer."
)
"""Text about what these checks do not cover."""

_CODED = frozenset(
    {"sensitivity", "data_subject", "category", "grants", "id", "ed25519", "ml_dsa_65"}
)
"""Members whose values are codes or keys, not words."""
_PLACEHOLDERS = frozenset(
    {"n a", "na", "none", "nil", "null", "tbc", "tbd", "tba", "todo", "to do", "pending", "unknown"}
    | {
        "x",
        "xx",
        "xxx",
        "xxxx",
        "lorem ipsum",
        "dummy",
        "placeholder",
        "not applicable",
        "as above",
    }
    | {f"to be {verb}" for verb in ("agreed", "confirmed", "decided", "done", "defined", "added")}
)


def lint(contract: Contract, today: date) -> tuple[Finding, ...]:
    """Return all findings, errors first.

    Args:
        contract: a loaded agreement.
        today: for review dates.
    """
    found = [*law_findings(contract, today), *_complete(contract)]
    found += date_findings(contract, today)
    found += _placeholders(contract)
    found += _topics(contract)
    found += _principals(contract)
    for name, terms in contract.event_types.items():
        found += _type(contract, name, terms)
    return tuple(in_force(found, today))


def lint_text(
    text: ContractText, today: date, rule_sets: Sequence[RuleSetFile] = ()
) -> tuple[Finding, ...]:
    """Return all findings of a file, those of its characters included, errors first.

    Args:
        text: the agreement.
        today: for review dates, and for rules that apply from or until a day.
        rule_sets: own rules of organisations, checked beside those of the software.
    """
    source = text.raw.decode("utf-8", "replace")
    found = [*character_findings(source, text.contract), *lint(text.contract, today)]
    found += _unfinished(text.contract)
    found += own_findings(text.contract, rule_sets, today)
    return tuple(in_force(raised(found, rule_sets), today))


def _unfinished(contract: Contract) -> Iterator[Finding]:
    for member in contract.absent if isinstance(contract, DraftContract) else ():
        yield finding("draft-incomplete", "absent", member, member=member)


def _complete(contract: Contract) -> Iterator[Finding]:
    for name, purpose in contract.purposes.items():
        if not purpose.necessity.strip():
            yield finding("necessity-missing", "necessity", f"purposes.{name}")
        if not purpose.proportionality.strip():
            yield finding("necessity-missing", "proportionality", f"purposes.{name}")
        if purpose.kind == "statistics" and contract.statistics is None:
            yield finding("statistics-uncontrolled", "missing", f"purposes.{name}")
    yield from _uncounted(contract)
    yield from _tally(contract)
    yield from _publisher(contract)


def _publisher(contract: Contract) -> Iterator[Finding]:
    """Name the party that alone publishes figures, if it has no purpose for that."""
    named = contract.statistics.published_by if contract.statistics is not None else None
    if named is not None and contract.parties and not contract.figures_publishers:
        yield finding("statistics-publisher", "purpose", "statistics.published_by", party=named)


def _tally(contract: Contract) -> Iterator[Finding]:
    """Name what the role that tallies unions lacks."""
    role = contract.statistics.tally if contract.statistics is not None else None
    if role is None:
        return
    if contract.parties and contract.tally_party is None:
        yield finding("statistics-tally", "party", "statistics.tally", role=role)
    pursued = (contract.purposes[name].pursued_by for name in contract.statistics_purposes)
    if not any(not roles or role in roles for roles in pursued):
        yield finding("statistics-tally", "purpose", "statistics.tally", role=role)


def _uncounted(contract: Contract) -> Iterator[Finding]:
    """Name what figures cannot count although the agreement has a statistics purpose."""
    purposes = contract.statistics_purposes
    if not purposes:
        return
    figures = contract.vocabulary.figures
    if figures is None:
        for name in sorted(purposes):
            yield finding("statistics-uncounted", "nothing", f"purposes.{name}")
        return
    for dimension in figures.dimensions.values():
        for event_type, path in dimension.leaves.items():
            terms = contract.event_types.get(event_type)
            field = None if terms is None else terms.fields.get(path)
            if field is not None and purposes.isdisjoint(field.purposes):
                where = f"event_types.{event_type}.fields.{path}"
                yield finding("statistics-uncounted", "field", where, dimension=dimension.name)


def _placeholders(contract: Contract) -> Iterator[Finding]:
    """Name placeholder texts that were never replaced."""
    for where, text in texts(contract, skipped=_CODED):
        plain = " ".join(re.findall(r"\w+", text.casefold()))
        if text.strip() and (not plain or plain in _PLACEHOLDERS):
            yield finding("placeholder", "found", where, text=repr(text))


def _topics(contract: Contract) -> Iterator[Finding]:
    for topic in contract.topics:
        types = [n for n, terms in contract.event_types.items() if terms.topic == topic]
        if len(types) < 2:
            lone = types[0] if types else "no type"
            yield finding("lone-topic", "lone", f"topics.{topic}", types=lone)


def _principals(contract: Contract) -> Iterator[Finding]:
    """Name parties that the host of Kafka would give no rights."""
    for party in contract.parties:
        folded = party.principal.casefold()
        others = [
            other.id
            for other in contract.parties
            if other.id != party.id and other.principal.casefold() == folded
        ]
        where = f"parties.{party.id}.kafka_principal"
        if folded in RESERVED_PRINCIPALS:
            yield finding("principal-reserved", "reserved", where, principal=party.principal)
        if others:
            yield finding(
                "principal-shared",
                "shared",
                where,
                principal=party.principal,
                others=", ".join(others),
            )
        elif folded in contract.by_id and folded != party.id:
            yield finding("principal-shared", "agency-id", where, principal=party.principal)


def _type(contract: Contract, name: str, terms: EventTerms) -> Iterator[Finding]:
    where = f"event_types.{name}"
    form = contract.vocabulary.event_types.get(name)
    if form is None:
        yield finding("type-unknown", "unknown", where)
        return
    for path in terms.fields:
        if path not in form.leaves:
            yield finding("field-unknown", "unknown", f"{where}.fields.{path}")
        outside = [each for each in terms.fields[path].purposes if each not in terms.purposes]
        if outside:
            at = f"{where}.fields.{path}.purposes"
            yield finding(
                "purpose-not-of-type", "outside", at, purposes=", ".join(outside), type=name
            )
    yield from _unplayed(contract, terms, where)
    yield from _groups(contract, name, terms, where)
    yield from _readable_by_all(contract, form, terms, where)
    yield from _torn(form, terms, where)
    yield from _identifying(contract, form, terms, where)


def _groups(contract: Contract, name: str, terms: EventTerms, where: str) -> Iterator[Finding]:
    everyone = frozenset(p.id for p in contract.parties if p.role in terms.recipients)
    if not everyone or not terms.fields.keys() <= contract.vocabulary.type(name).leaves.keys():
        return
    try:
        group_fields(contract, name, everyone)
    except ContractError as error:
        yield finding("too-many-groups", "many", where, detail=error.detail)


def _unplayed(contract: Contract, terms: EventTerms, where: str) -> Iterator[Finding]:
    """Name roles that no party plays: an error where the type could go from or to no party."""
    if not contract.parties:
        return
    for what, roles in (("publishers", terms.publishers), ("recipients", terms.recipients)):
        unplayed = [role for role in roles if not contract.parties_of_role(role)]
        for role in unplayed:
            case = "none" if len(unplayed) == len(roles) else "some"
            yield finding("recipient-not-party", case, f"{where}.{what}", role=role)


def _torn(form: EventType, terms: EventTerms, where: str) -> Iterator[Finding]:
    """Name fields that consent can remove while other fields of their object stay.

    Only fields are named without which the object may not exist.
    """
    asks = {
        path: {*field.consent, *(("identity",) if field.identifies else ())}
        for path, field in terms.fields.items()
    }
    for group, needed in form.optional_objects:
        for path in sorted(needed & asks.keys()):
            left = [other for other in sorted(group & asks.keys()) if not asks[path] <= asks[other]]
            if left:
                yield finding("consent-tears", "tears", f"{where}.fields.{path}", left=left[0])


def _conditions(form: EventType, terms: EventTerms, where: str) -> Iterator[Finding]:
    """Yield each conditionally required field that is not granted as far as its condition."""
    for condition in form.conditions:
        asked = terms.fields.get(condition.field)
        if asked is None:
            continue
        for path in condition.required:
            field = terms.fields.get(path)
            at = f"{where}.fields.{path}"
            if field is None:
                yield finding("required-not-granted", "beside", at, field=condition.field)
                continue
            senders = frozenset(asked.senders or terms.publishers)
            if not senders <= frozenset(field.senders or terms.publishers):
                yield finding("required-not-granted", "not-sent", at, field=condition.field)


def _readable_by_all(
    contract: Contract, form: EventType, terms: EventTerms, where: str
) -> Iterator[Finding]:
    everyone = frozenset(terms.recipients)
    for path in form.required:
        field, at = terms.fields.get(path), f"{where}.fields.{path}"
        if field is None:
            yield finding("required-not-granted", "missing", at)
        elif field.consent or field.identifies or field.senders:
            yield finding("required-not-granted", "depends", at)
        elif frozenset(field.readers) != everyone:
            case = "case-hidden" if path == contract.vocabulary.case else "hidden"
            yield finding("required-not-granted", case, at)
    yield from _conditions(form, terms, where)
    for path, field in terms.fields.items():
        if path in contract.vocabulary.answers and frozenset(field.readers) != everyone:
            yield finding("consent-hidden", "hidden", f"{where}.fields.{path}")


def _identifying(
    contract: Contract, form: EventType, terms: EventTerms, where: str
) -> Iterator[Finding]:
    words = contract.vocabulary
    says_kind = not terms.fields.keys().isdisjoint(words.record_kinds)
    for path, field in terms.fields.items():
        at = f"{where}.fields.{path}"
        leaf = form.leaves.get(path)
        if leaf is not None and leaf.form.identifies and not field.identifies:
            yield finding("identifies-unmarked", "unmarked", at)
        if not field.identifies or field.consent:
            continue
        if field.without_consent is None:
            yield finding("consent-missing", "missing", at)
        if terms.incident_identifiers == "with-consent" and says_kind:
            record = words.depersonalised_record
            yield finding("incident-identified", "field", at, record=record)
    if terms.incident_identifiers == "allowed" and says_kind:
        record = words.depersonalised_record
        yield finding("incident-identified", "type", where, record=record)
