"""Lint rules that come from the law: bases, conditions, gateways (reference: contracts.md).

Which leaves are special, which bases a public authority may not use and the like are the dated
data file `data/legal_rules.<date>.json`, not code. The rules find what a lawyer should look at;
that they find nothing is no legal advice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from contracts.findings import Finding
from contracts.model import Contract
from contracts.terms import EventTerms, FieldTerms, LegalBasis, Regime

__all__ = ["LegalRules", "legal_rules", "unlawful"]

_FOLDER = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class LegalRules:
    """Rules that the law sets, at one date; see the data file for their meaning and source."""

    dated: str
    source: str
    special_category_leaves: frozenset[str]
    identifying_leaves: frozenset[str]
    gender_recognition_leaves: frozenset[str]
    gender_recognition_acknowledgement: str
    bases_not_for_public_authorities: frozenset[str]
    article_9_without_schedule_1: frozenset[str]
    review_warning_days: int


@cache
def legal_rules() -> LegalRules:
    """Return the newest dated rules."""
    newest = max(_FOLDER.glob("legal_rules.*.json"))
    content = json.loads(newest.read_bytes())
    return LegalRules(
        dated=content["dated"],
        source=content["source"],
        special_category_leaves=frozenset(content["special_category_leaves"]),
        identifying_leaves=frozenset(content["identifying_leaves"]),
        gender_recognition_leaves=frozenset(content["gender_recognition_leaves"]),
        gender_recognition_acknowledgement=content["gender_recognition_acknowledgement"],
        bases_not_for_public_authorities=frozenset(content["bases_not_for_public_authorities"]),
        article_9_without_schedule_1=frozenset(content["article_9_without_schedule_1"]),
        review_warning_days=content["review_warning_days"],
    )


def unlawful(contract: Contract) -> Iterator[Finding]:
    """Yield what the agreement's legal bases do not carry."""
    yield from _public_authorities(contract)
    for name, terms in contract.event_types.items():
        for path, field in terms.fields.items():
            where = f"event_types.{name}.fields.{path}"
            yield from _bases(contract, terms, field, where)
            yield from _gateway(contract, terms, field, where)
            yield from _special(contract, terms, field, path, where)
            if (
                path in legal_rules().gender_recognition_leaves
                and legal_rules().gender_recognition_acknowledgement
                not in contract.acknowledgements
            ):
                yield Finding(
                    "gender-recognition",
                    "error",
                    where,
                    "a transgender value may flow without the Gender Recognition Act s22 "
                    "acknowledgement",
                )


def _senders(terms: EventTerms, field: FieldTerms) -> tuple[str, ...]:
    return field.senders or terms.publishers


def _regimes(contract: Contract, role: str) -> set[Regime]:
    return {party.regime for party in contract.parties_of_role(role)}


def _relied_on(
    contract: Contract, field: FieldTerms, role: str, regime: Regime
) -> list[LegalBasis]:
    return [
        basis
        for basis in contract.legal_bases
        if basis.purpose in field.purposes and basis.regime == regime and role in basis.relied_on_by
    ]


def _public_authorities(contract: Contract) -> Iterator[Finding]:
    for index, basis in enumerate(contract.legal_bases):
        if basis.basis not in legal_rules().bases_not_for_public_authorities:
            continue
        for role in basis.relied_on_by:
            if any(party.public_authority for party in contract.parties_of_role(role)):
                yield Finding(
                    "public-authority-basis",
                    "error",
                    f"legal_bases[{index}]",
                    f"{role} includes a public authority, which may not rely on {basis.basis} "
                    "for its tasks",
                )


def _bases(
    contract: Contract, terms: EventTerms, field: FieldTerms, where: str
) -> Iterator[Finding]:
    for role in dict.fromkeys((*_senders(terms, field), *field.readers)):
        for regime in sorted(_regimes(contract, role)):
            if not _relied_on(contract, field, role, regime):
                yield Finding(
                    "basis-missing",
                    "error",
                    where,
                    f"{role} has no legal basis under {regime} for any purpose of this field",
                )


def _gateway(
    contract: Contract, terms: EventTerms, field: FieldTerms, where: str
) -> Iterator[Finding]:
    if not any("uk-gdpr" in _regimes(contract, role) for role in field.readers):
        return
    for role in _senders(terms, field):
        if "dpa2018-part3" not in _regimes(contract, role):
            continue
        bases = _relied_on(contract, field, role, "dpa2018-part3")
        if not any(basis.gateways for basis in bases):
            yield Finding(
                "gateway",
                "error",
                where,
                f"flows from {role}, a law enforcement party, to a UK GDPR party without a legal "
                "gateway",
            )


def _special(
    contract: Contract, terms: EventTerms, field: FieldTerms, path: str, where: str
) -> Iterator[Finding]:
    listed = path in legal_rules().special_category_leaves
    if listed and field.sensitivity != "special-category":
        yield Finding(
            "special-category", "error", where, "the law treats this field as special category"
        )
    if not listed and field.sensitivity != "special-category":
        return
    for role in dict.fromkeys((*_senders(terms, field), *field.readers)):
        for regime in sorted(_regimes(contract, role)):
            bases = _relied_on(contract, field, role, regime)
            if not any(_has_condition(basis) for basis in bases):
                yield Finding(
                    "special-category",
                    "error",
                    where,
                    f"{role} has no Article 9 and Schedule 1, or Schedule 8, condition for this "
                    "special category field",
                )


def _has_condition(basis: LegalBasis) -> bool:
    if basis.regime == "dpa2018-part3":
        return basis.schedule_8 is not None
    if basis.article_9 is None:
        return False
    return (
        basis.schedule_1 is not None
        or basis.article_9 in legal_rules().article_9_without_schedule_1
    )
