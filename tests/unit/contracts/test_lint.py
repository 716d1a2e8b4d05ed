from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from contracts.lint import lint
from contracts.model import Contract
from contracts.terms import EventTerms

TODAY = date(2026, 11, 23)


def change(contract: Contract, event_type: str, path: str, **update: Any) -> Contract:
    terms = contract.event_types[event_type]
    field = terms.fields[path].model_copy(update=update)
    changed = terms.model_copy(update={"fields": {**terms.fields, path: field}})
    return with_type(contract, event_type, changed)


def with_type(contract: Contract, event_type: str, terms: EventTerms) -> Contract:
    return contract.model_copy(update={"event_types": {**contract.event_types, event_type: terms}})


def rename(contract: Contract, event_type: str, path: str, new: str) -> Contract:
    terms = contract.event_types[event_type]
    fields = {(new if p == path else p): f for p, f in terms.fields.items()}
    return with_type(contract, event_type, terms.model_copy(update={"fields": fields}))


def bases(contract: Contract, **update: Any) -> Contract:
    return contract.model_copy(
        update={"legal_bases": tuple(b.model_copy(update=update) for b in contract.legal_bases)}
    )


def purposes(contract: Contract, **update: Any) -> Contract:
    return contract.model_copy(
        update={"purposes": {k: p.model_copy(update=update) for k, p in contract.purposes.items()}}
    )


def terms_of(contract: Contract, event_type: str, **update: Any) -> Contract:
    terms = contract.event_types[event_type].model_copy(update=update)
    return with_type(contract, event_type, terms)


def test_the_shipped_agreement_is_clean(contract: Contract) -> None:
    assert lint(contract, TODAY) == ()


def principal(contract: Contract, name: str) -> Contract:
    first, *others = contract.parties
    named = first.model_copy(update={"kafka_principal": name})
    return contract.model_copy(update={"parties": (named, *others)})


MADE, CASE = "referral.made", "case.updated"
BROKEN: list[tuple[str, str, Callable[[Contract], Contract]]] = [
    ("gateway", "error", lambda c: bases(c, gateways=())),
    ("principal-reserved", "error", lambda c: principal(c, "*")),
    ("principal-reserved", "error", lambda c: principal(c, "Anonymous")),
    ("principal-shared", "error", lambda c: principal(c, c.parties[1].id.upper())),
    ("special-category", "error", lambda c: bases(c, article_9=None)),
    ("special-category", "error", lambda c: bases(c, schedule_8=None)),
    ("special-category", "error", lambda c: bases(c, schedule_1=None)),
    ("special-category", "error",
     lambda c: change(c, MADE, "victim.ethnicity", sensitivity="personal")),
    ("public-authority-basis", "error", lambda c: bases(c, basis="uk-gdpr:6(1)(f)")),
    ("public-authority-basis", "error", lambda c: bases(c, basis="uk-gdpr:6(1)(ea)")),
    ("basis-missing", "error",
     lambda c: c.model_copy(update={"legal_bases": c.legal_bases[:1]})),
    ("gender-recognition", "error", lambda c: c.model_copy(update={"acknowledgements": {}})),
    ("necessity-missing", "error", lambda c: purposes(c, necessity=" ")),
    ("necessity-missing", "warning", lambda c: purposes(c, proportionality="")),
    ("retention-missing", "error", lambda c: terms_of(c, MADE, retention=None)),
    ("review-missing", "error", lambda c: c.model_copy(update={"review_on": None})),
    ("review-missing", "warning", lambda c: c.model_copy(update={"review_by": ()})),
    ("review-due", "error", lambda c: c.model_copy(update={"review_on": TODAY})),
    ("review-due", "warning", lambda c: c.model_copy(update={"review_on": date(2027, 2, 20)})),
    ("field-unknown", "error", lambda c: rename(c, CASE, "urn", "imagined")),
    ("type-unknown", "error", lambda c: with_type(c, "case.imagined", c.event_types[CASE])),
    ("recipient-not-party", "warning", lambda c: c.model_copy(
        update={"parties": tuple(p for p in c.parties if p.role != "prosecution")})),
    ("recipient-not-party", "error", lambda c: c.model_copy(
        update={"parties": tuple(p for p in c.parties if p.role == "prosecution")})),
    ("incident-identified", "error",
     lambda c: terms_of(c, MADE, incident_identifiers="allowed")),
    ("incident-identified", "error",
     lambda c: terms_of(c, CASE, incident_identifiers="with-consent")),
    ("statistics-uncontrolled", "error", lambda c: c.model_copy(update={"statistics": None})),
    ("lone-topic", "warning", lambda c: terms_of(c, CASE, topic="a")),
    ("consent-missing", "error", lambda c: change(c, MADE, "victim.name", consent=())),
    ("consent-hidden", "error",
     lambda c: change(c, MADE, "consent.share_identity", readers=("police",))),
    ("required-not-granted", "error", lambda c: change(c, MADE, "case_id", readers=("police",))),
    ("required-not-granted", "error",
     lambda c: change(c, MADE, "requested_service", consent=("share_identity",))),
    ("required-not-granted", "error", lambda c: rename(c, MADE, "case_id", "imagined")),
    ("required-not-granted", "warning",
     lambda c: change(c, MADE, "referral_id", readers=("police",))),
    ("consent-tears", "warning",
     lambda c: change(c, MADE, "intelligence.source_grade", consent=("statistics",))),
    ("identifies-unmarked", "error",
     lambda c: change(c, MADE, "victim.address", identifies=False)),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "severity", "break_it"), BROKEN)
def test_each_rule_finds_what_it_is_for(
    contract: Contract, rule: str, severity: str, break_it: Callable[[Contract], Contract]
) -> None:
    found = lint(break_it(contract), TODAY)
    assert (rule, severity) in {(f.rule, f.severity) for f in found}
    assert all(f.message and f.where for f in found)
    severities = [f.severity for f in found]
    assert severities == sorted(severities)  # errors first


def test_explicit_consent_needs_no_condition_of_schedule_1(contract: Contract) -> None:
    consented = contract.model_copy(
        update={
            "legal_bases": tuple(
                b.model_copy(update={"schedule_1": None, "article_9": "9(2)(a)"})
                for b in contract.legal_bases
            )
        }
    )
    assert not any(f.rule == "special-category" for f in lint(consented, TODAY))
