"""Lint rules from the law: bases, conditions, gateways, policy documents.

The vocabulary says how the law treats each field, and `data/legal_codes.<date>.json` which codes
exist. The rules find points for a lawyer; they do not decide that an agreement is lawful.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from contracts.findings import Finding
from contracts.legal_codes import LegalCode, LegalKind, codes_in, legal_codes, party_kind
from contracts.lint_rules import finding
from contracts.model import Contract, DraftContract
from contracts.names import nearest
from contracts.terms import EventTerms, FieldTerms, LegalBasis, Regime
from contracts.vocabulary.comparison import less_sensitive

__all__ = ["law_findings"]


def law_findings(contract: Contract, today: date) -> Iterator[Finding]:
    """Yield findings about disclosures that the agreement's legal bases do not cover."""
    for index, basis in enumerate(contract.legal_bases):
        yield from _codes(contract, basis, f"legal_bases[{index}]", today)
        yield from _policy_document(basis, f"legal_bases[{index}]")
    for name, terms in contract.event_types.items():
        for path, field in terms.fields.items():
            where = f"event_types.{name}.fields.{path}"
            yield from _bases(contract, terms, field, where)
            yield from _gateway(contract, terms, field, where)
            stated = _stated(contract, name, path)
            yield from _special(contract, terms, field, stated, where)
            yield from _criminal(contract, terms, field, stated, where)
            yield from _acknowledged(contract, path, where)
            yield from _lowered(field, stated, where)


def _stated(contract: Contract, event_type: str, path: str) -> str | None:
    """Return how the law treats a field, as the vocabulary states it."""
    of_type = contract.vocabulary.event_types.get(event_type)
    leaf = None if of_type is None else of_type.leaves.get(path)
    return None if leaf is None else leaf.form.sensitivity


def _lowered(field: FieldTerms, stated: str | None, where: str) -> Iterator[Finding]:
    """Check that the agreement treats a field with as much care as the vocabulary."""
    if stated is not None and less_sensitive(stated, field.sensitivity):
        yield finding(
            "sensitivity-lowered", "below-vocabulary", where, was=stated, now=field.sensitivity
        )


def _acknowledged(contract: Contract, path: str, where: str) -> Iterator[Finding]:
    for each in contract.vocabulary.form.law.acknowledgements:
        if path in each.fields and each.acknowledgement not in contract.acknowledgements:
            yield finding("acknowledgement-missing", "missing", where, message=each.message)


def _members(basis: LegalBasis) -> tuple[tuple[LegalKind, str, str | None], ...]:
    """Return the members of one entry that hold codes: kind, name, text."""
    return (
        ("bases", "basis", basis.basis),
        ("article_9", "article_9", basis.article_9),
        ("article_10", "article_10", basis.article_10),
        ("schedule_1", "schedule_1", basis.schedule_1),
        ("schedule_8", "schedule_8", basis.schedule_8),
    )


def _named(basis: LegalBasis) -> Iterator[tuple[LegalKind, str, str]]:
    """Yield every code of one entry: its kind, the member that holds it, the code."""
    for kind, member, text in _members(basis):
        for code in codes_in(text):
            yield kind, member, code
    for index, code in enumerate(basis.gateways):
        yield "gateways", f"gateways[{index}]", code


def _codes(contract: Contract, basis: LegalBasis, where: str, today: date) -> Iterator[Finding]:
    for kind, member, text in _members(basis):
        if text is not None and not codes_in(text):
            at, listed = f"{where}.{member}", kind.replace("_", " ")
            yield finding("legal-code-unknown", "none", at, text=repr(text), list=listed)
    for kind, member, code in _named(basis):
        at = f"{where}.{member}"
        known = legal_codes(kind).get(code)
        if known is None:
            alike = nearest(code, legal_codes(kind))
            meant = f"; did you mean {' or '.join(alike)}?" if alike else ""
            yield finding(
                "legal-code-unknown",
                "unknown",
                at,
                text=repr(code),
                list=kind.replace("_", " "),
                alike=meant,
            )
            continue
        yield from _dated(contract, known, at, today)
        if known.regime is not None and known.regime != basis.regime:
            yield finding(
                "regime-mismatch", "other", at, code=code, of=known.regime, regime=basis.regime
            )
        for party in contract.parties:
            if party.role not in basis.relied_on_by or party.regime != basis.regime:
                continue
            if party_kind(party) not in known.who:
                public = kind == "bases" and party.public_authority
                yield finding(
                    "public-authority-basis" if public else "not-for-this-party",
                    "not-for",
                    at,
                    party=party.id,
                    kind=party_kind(party).replace("-", " "),
                    code=code,
                    label=known.label,
                )


def _dated(contract: Contract, code: LegalCode, at: str, today: date) -> Iterator[Finding]:
    """Check that the law of a code is in force while the agreement is."""
    draft = isinstance(contract, DraftContract) and "starts" in contract.absent
    first, last = (today, today) if draft else (contract.starts, contract.ends)
    if code.first_day is not None and max(first, today) < code.first_day:
        yield finding("legal-code-unknown", "not-yet", at, code=code.code, day=code.first_day)
    if code.until is not None and last >= code.until:
        yield finding("legal-code-unknown", "repealed", at, code=code.code, day=code.until)


def _policy_document(basis: LegalBasis, where: str) -> Iterator[Finding]:
    if (basis.appropriate_policy_document or "").strip():
        return
    needing = [
        code
        for kind, _member, code in _named(basis)
        if code in legal_codes(kind) and legal_codes(kind)[code].policy_document
    ]
    if needing:
        yield finding("policy-document-missing", "missing", where, codes=", ".join(needing))


def _senders(terms: EventTerms, field: FieldTerms) -> tuple[str, ...]:
    return field.senders or terms.publishers


def _regimes(contract: Contract, role: str) -> set[Regime]:
    """Return the regimes of a role's parties.

    In a draft without parties, those of its legal bases.
    """
    if contract.parties:
        return {party.regime for party in contract.parties_of_role(role)}
    return {basis.regime for basis in contract.legal_bases if role in basis.relied_on_by}


def _relied_on(
    contract: Contract, field: FieldTerms, role: str, regime: Regime
) -> list[LegalBasis]:
    return [
        basis
        for basis in contract.legal_bases
        if basis.purpose in field.purposes and basis.regime == regime and role in basis.relied_on_by
    ]


def _bases(
    contract: Contract, terms: EventTerms, field: FieldTerms, where: str
) -> Iterator[Finding]:
    for role in dict.fromkeys((*_senders(terms, field), *field.readers)):
        for regime in sorted(_regimes(contract, role)):
            named = {basis.purpose for basis in _relied_on(contract, field, role, regime)}
            if not named:
                yield finding("basis-missing", "none", where, role=role, regime=regime)
                continue
            lacking = [
                purpose
                for purpose in field.purposes
                if purpose not in named and role in _pursuing(contract, purpose)
            ]
            if role in field.readers and not any(
                role in _pursuing(contract, purpose) for purpose in field.purposes
            ):
                purposes = ", ".join(field.purposes)
                yield finding(
                    "purpose-without-basis", "pursues-none", where, role=role, purposes=purposes
                )
            if lacking:
                yield finding(
                    "purpose-without-basis",
                    "lacking",
                    where,
                    role=role,
                    does="reads" if role in field.readers else "sends",
                    purposes=", ".join(lacking),
                    regime=regime,
                )


def _pursuing(contract: Contract, purpose: str) -> tuple[str, ...]:
    """Return the roles that pursue a purpose: all of them if none are named."""
    terms = contract.purposes.get(purpose)
    return (terms.pursued_by if terms is not None else ()) or tuple(contract.roles)


def _gateway(
    contract: Contract, terms: EventTerms, field: FieldTerms, where: str
) -> Iterator[Finding]:
    if not any("uk-gdpr" in _regimes(contract, role) for role in field.readers):
        return
    for role in _senders(terms, field):
        if "dpa2018-part3" not in _regimes(contract, role):
            continue
        bases = _relied_on(contract, field, role, "dpa2018-part3")
        if not any(code in legal_codes("gateways") for b in bases for code in b.gateways):
            yield finding("gateway", "missing", where, role=role)


def _special(
    contract: Contract, terms: EventTerms, field: FieldTerms, stated: str | None, where: str
) -> Iterator[Finding]:
    listed = stated == "special-category"
    if listed and field.sensitivity != "special-category":
        yield finding("special-category", "unmarked", where)
    if not listed and field.sensitivity != "special-category":
        return
    for role in dict.fromkeys((*_senders(terms, field), *field.readers)):
        for regime in sorted(_regimes(contract, role)):
            bases = _relied_on(contract, field, role, regime)
            if not any(_has_condition(basis) for basis in bases):
                yield finding("special-category", "condition-missing", where, role=role)


def _has_condition(basis: LegalBasis) -> bool:
    if basis.regime == "dpa2018-part3":
        return any(code in legal_codes("schedule_8") for code in codes_in(basis.schedule_8))
    conditions = [legal_codes("article_9").get(code) for code in codes_in(basis.article_9)]
    known = [condition for condition in conditions if condition is not None]
    schedule_1 = any(code in legal_codes("schedule_1") for code in codes_in(basis.schedule_1))
    return any(schedule_1 or not condition.needs_schedule_1 for condition in known)


def _criminal(
    contract: Contract, terms: EventTerms, field: FieldTerms, stated: str | None, where: str
) -> Iterator[Finding]:
    """Check criminal offence data under UK GDPR: they need Article 10, or s10(5) and Schedule 1."""
    subjects = contract.vocabulary.form.law.criminal_offence_subjects
    suspects = field.data_subject in subjects and field.sensitivity != "none"
    listed = stated == "criminal-offence" or suspects
    if listed and field.sensitivity != "criminal-offence":
        yield finding("criminal-offence", "unmarked", where)
    if not listed and field.sensitivity != "criminal-offence":
        return
    for role in dict.fromkeys((*_senders(terms, field), *field.readers)):
        if "uk-gdpr" not in _regimes(contract, role):
            continue
        bases = _relied_on(contract, field, role, "uk-gdpr")
        if not any(_has_article_10(basis) for basis in bases):
            yield finding("criminal-offence", "condition-missing", where, role=role)


def _has_article_10(basis: LegalBasis) -> bool:
    known = legal_codes("article_10")
    schedule_1 = legal_codes("schedule_1")
    condition = any(
        code in schedule_1 and schedule_1[code].criminal for code in codes_in(basis.schedule_1)
    )
    return any(
        condition or not known[code].needs_schedule_1
        for code in codes_in(basis.article_10)
        if code in known
    )
