"""Lint of an agreement: problems to correct before it is signed.

Rules about law are in `contracts/lint_law.py`. This module checks completeness, review, and terms
that would make the agreement leak or break: a field without consent, a topic that names its only
type, consent that a reader cannot see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from contracts.errors import ContractError
from contracts.findings import Finding
from contracts.lint_characters import character_findings, texts
from contracts.lint_dates import date_findings
from contracts.lint_law import law_findings
from contracts.lint_rules import RULES
from contracts.loading import ContractText
from contracts.model import Contract, DraftContract
from contracts.parties import RESERVED_PRINCIPALS
from contracts.policy import group_fields
from contracts.terms import EventTerms
from contracts.vocabulary import EventType

__all__ = ["NOT_CHECKED", "RULES", "lint", "lint_text"]

NOT_CHECKED = (
    "Not checked: whether a legal basis, condition or gateway fits the facts, whether sharing is "
    "necessary and proportionate, whether a condition covers every purpose of a field (one purpose "
    "with a condition is enough here), whether the named documents exist and say what they should, "
    "and whether the parties and their contacts are who they say. If these checks find nothing, "
    "that does not make the agreement lawful: ask each agency's lawyer and data protection officer."
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
    found = [*law_findings(contract), *_complete(contract), *date_findings(contract, today)]
    found += _placeholders(contract)
    found += _topics(contract)
    found += _principals(contract)
    for name, terms in contract.event_types.items():
        found += _type(contract, name, terms)
    return tuple(sorted(found, key=lambda f: f.severity != "error"))


def lint_text(text: ContractText, today: date) -> tuple[Finding, ...]:
    """Return all findings of a file, those of its characters included, errors first."""
    source = text.raw.decode("utf-8", "replace")
    found = [*character_findings(source, text.contract), *lint(text.contract, today)]
    found += _unfinished(text.contract)
    return tuple(sorted(found, key=lambda f: f.severity != "error"))


def _unfinished(contract: Contract) -> Iterator[Finding]:
    for member in contract.absent if isinstance(contract, DraftContract) else ():
        yield Finding(
            "draft-incomplete",
            "warning",
            member,
            f"a draft without {member}: what depends on it is not checked",
        )


def _complete(contract: Contract) -> Iterator[Finding]:
    for name, purpose in contract.purposes.items():
        if not purpose.necessity.strip():
            yield Finding(
                "necessity-missing",
                "error",
                f"purposes.{name}",
                "the text does not say why sharing is necessary",
            )
        if not purpose.proportionality.strip():
            yield Finding(
                "necessity-missing",
                "warning",
                f"purposes.{name}",
                "the text does not say why sharing is proportionate",
            )
        if purpose.kind == "statistics" and contract.statistics is None:
            yield Finding(
                "statistics-uncontrolled",
                "error",
                f"purposes.{name}",
                "figures would leave without disclosure control",
            )


def _placeholders(contract: Contract) -> Iterator[Finding]:
    """Name placeholder texts that were never replaced."""
    for where, text in texts(contract, skipped=_CODED):
        plain = " ".join(re.findall(r"\w+", text.casefold()))
        if text.strip() and (not plain or plain in _PLACEHOLDERS):
            yield Finding(
                "placeholder", "error", where, f"{text!r} is a placeholder; write the real text"
            )


def _topics(contract: Contract) -> Iterator[Finding]:
    for topic in contract.topics:
        types = [n for n, terms in contract.event_types.items() if terms.topic == topic]
        if len(types) < 2:
            yield Finding(
                "lone-topic",
                "warning",
                f"topics.{topic}",
                f"carries {types[0] if types else 'no type'} alone: the Kafka operator learns "
                "the type from the topic",
            )


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
            yield Finding(
                "principal-reserved",
                "error",
                where,
                f"{party.principal} is not the name of one client",
            )
        if others:
            yield Finding(
                "principal-shared",
                "error",
                where,
                f"{party.principal} is also the principal of {', '.join(others)}",
            )
        elif folded in contract.by_id and folded != party.id:
            yield Finding(
                "principal-shared",
                "error",
                where,
                f"{party.principal} is the agency id of another party",
            )


def _type(contract: Contract, name: str, terms: EventTerms) -> Iterator[Finding]:
    where = f"event_types.{name}"
    form = contract.vocabulary.event_types.get(name)
    if form is None:
        yield Finding("type-unknown", "error", where, "the vocabulary has no such event type")
        return
    for path in terms.fields:
        if path not in form.leaves:
            yield Finding(
                "field-unknown",
                "error",
                f"{where}.fields.{path}",
                "the event type does not have this field",
            )
        outside = [each for each in terms.fields[path].purposes if each not in terms.purposes]
        if outside:
            yield Finding(
                "purpose-not-of-type",
                "error",
                f"{where}.fields.{path}.purposes",
                f"{', '.join(outside)} is not among the purposes of {name}",
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
        yield Finding("too-many-groups", "error", where, f"no event can be sent: {error.detail}")


def _unplayed(contract: Contract, terms: EventTerms, where: str) -> Iterator[Finding]:
    """Name roles that no party plays: an error where the type could go from or to no party."""
    if not contract.parties:
        return
    for what, roles in (("publishers", terms.publishers), ("recipients", terms.recipients)):
        unplayed = [role for role in roles if not contract.parties_of_role(role)]
        for role in unplayed:
            yield Finding(
                "recipient-not-party",
                "error" if len(unplayed) == len(roles) else "warning",
                f"{where}.{what}",
                f"no party of the agreement has the role {role}",
            )


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
                yield Finding(
                    "consent-tears",
                    "warning",
                    f"{where}.fields.{path}",
                    f"without its consent this field is left out but {left[0]} is still sent, and "
                    f"the event type does not allow {left[0]} without this field",
                )


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
                text = f"the vocabulary requires this field beside some values of {condition.field}"
                yield Finding(
                    "required-not-granted", "warning", at, f"{text}, and no role may read it"
                )
                continue
            senders = frozenset(asked.senders or terms.publishers)
            if not senders <= frozenset(field.senders or terms.publishers):
                text = f"some roles may send {condition.field} and not this field, which the "
                yield Finding(
                    "required-not-granted",
                    "warning",
                    at,
                    text + "vocabulary then requires",
                )


def _readable_by_all(
    contract: Contract, form: EventType, terms: EventTerms, where: str
) -> Iterator[Finding]:
    everyone = frozenset(terms.recipients)
    for path in form.required:
        field = terms.fields.get(path)
        if field is None:
            yield Finding(
                "required-not-granted",
                "error",
                f"{where}.fields.{path}",
                "no event can be sent: every event of this type must have this field, and the "
                "agreement does not grant it",
            )
        elif field.consent or field.identifies or field.senders:
            yield Finding(
                "required-not-granted",
                "error",
                f"{where}.fields.{path}",
                "every event of this type must have this field, so it cannot depend on consent or "
                "on the sender",
            )
        elif frozenset(field.readers) != everyone:
            yield Finding(
                "required-not-granted",
                "error" if path == contract.vocabulary.case else "warning",
                f"{where}.fields.{path}",
                "every event of this type must have this field, but not every recipient may read "
                "it",
            )
    yield from _conditions(form, terms, where)
    for path, field in terms.fields.items():
        if path in contract.vocabulary.answers and frozenset(field.readers) != everyone:
            yield Finding(
                "consent-hidden",
                "error",
                f"{where}.fields.{path}",
                "every recipient must be able to read this answer about consent: without it, the "
                "recipient refuses the fields that need this consent",
            )


def _identifying(
    contract: Contract, form: EventType, terms: EventTerms, where: str
) -> Iterator[Finding]:
    words = contract.vocabulary
    says_kind = not terms.fields.keys().isdisjoint(words.record_kinds)
    for path, field in terms.fields.items():
        at = f"{where}.fields.{path}"
        leaf = form.leaves.get(path)
        if leaf is not None and leaf.form.identifies and not field.identifies:
            yield Finding(
                "identifies-unmarked",
                "error",
                at,
                "this field identifies a person, but `identifies` is not true",
            )
        if not field.identifies or field.consent:
            continue
        if field.without_consent is None:
            yield Finding(
                "consent-missing",
                "error",
                at,
                "this field identifies a person, but it names neither a consent nor a reason why "
                "none is needed (`without_consent`)",
            )
        if terms.incident_identifiers == "with-consent" and says_kind:
            yield Finding(
                "incident-identified",
                "error",
                at,
                f"{words.depersonalised_record} could contain this field without consent",
            )
    if terms.incident_identifiers == "allowed" and says_kind:
        yield Finding(
            "incident-identified",
            "error",
            where,
            f"{words.depersonalised_record} may contain identifying fields",
        )
