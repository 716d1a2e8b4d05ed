"""Agreements that come with the software: complete, without findings, and readable by people."""

from __future__ import annotations

import base64
from datetime import date

import pytest

from contracts.drafting import YamlValue, draft, london_parties
from contracts.explain import explain
from contracts.lint import lint_text
from contracts.loading import (
    ContractText,
    parse_contract,
    parse_draft,
    shipped_names,
    shipped_terms,
)
from contracts.matrix import matrix
from contracts.parties import GovernanceKeys
from contracts.vocabulary.known import shipped_vocabulary_files

TODAY = date(2026, 11, 30)


def complete(name: str) -> ContractText:
    """The terms between one party of each role, each under the law that the terms name for it."""
    terms = parse_draft(shipped_terms(name).encode(), name).contract
    parties: list[dict[str, YamlValue]] = []
    for number, role in enumerate(terms.roles, 1):
        bases = [basis for basis in terms.legal_bases if role in basis.relied_on_by]
        (regime,) = {basis.regime for basis in bases}
        private = any("6(1)(f)" in basis.basis for basis in bases)
        parties.append(
            london_parties()[0]
            | {"id": f"agency-{role}", "legal_name": f"Agency {role}", "role": role}
            | {"regime": regime, "public_authority": not private}
            | {"ico_registration": f"ZA30000{number}"}
        )
    text = draft(
        shipped_terms(name),
        deployment="pan-london",
        parties=parties,
        governance_keys={
            str(party["id"]): GovernanceKeys(
                ed25519=base64.b64encode(bytes([number]) * 32).decode(),
                ml_dsa_65=base64.b64encode(bytes([number]) * 1952).decode(),
            )
            for number, party in enumerate(parties)
        },
        starts=date(2026, 12, 1),
        ends=date(2027, 11, 30),
        review_on=date(2027, 9, 1),
    )
    return parse_contract(text.encode(), f"{name}.yaml")


def test_each_vocabulary_has_an_agreement() -> None:
    used = {
        parse_draft(shipped_terms(name).encode(), name).contract.vocabulary_name
        for name in shipped_names()
    }
    assert used == shipped_vocabulary_files().keys()


def test_two_agreements_may_be_signed_by_the_same_parties() -> None:
    """`contract sign` refuses a type that two parties would exchange under two agreements."""
    types = [name for one in shipped_names() for name in complete(one).contract.event_types]
    assert len(types) == len(set(types))


@pytest.mark.parametrize("name", shipped_names())
def test_a_complete_agreement_has_no_findings(name: str) -> None:
    assert lint_text(complete(name), TODAY) == ()


@pytest.mark.parametrize("name", shipped_names())
def test_every_type_and_field_of_the_vocabulary_is_granted(name: str) -> None:
    contract = complete(name).contract
    assert contract.event_types.keys() == contract.vocabulary.event_types.keys()
    for event_type, terms in contract.event_types.items():
        assert terms.fields.keys() == contract.vocabulary.type(event_type).leaves.keys()


@pytest.mark.parametrize("name", shipped_names())
def test_the_terms_of_a_field_say_of_it_what_the_vocabulary_says(name: str) -> None:
    contract = complete(name).contract
    for event_type, terms in contract.event_types.items():
        for path, leaf in contract.vocabulary.type(event_type).leaves.items():
            field, form = terms.fields[path], leaf.form
            stated = (field.sensitivity, field.data_subject, field.identifies)
            assert stated == (form.sensitivity, form.data_subject, form.identifies)


@pytest.mark.parametrize("name", shipped_names())
def test_it_can_be_explained_and_shown_as_a_matrix(name: str) -> None:
    text = complete(name)
    shown, table = explain(text), matrix(text.contract)
    for role in text.contract.roles:
        assert role in str(shown)
        assert role in str(table)


def test_sharing_about_domestic_abuse_never_rests_on_consent() -> None:
    contract = complete("marac-domestic-abuse").contract
    assert contract.vocabulary.scopes == {}
    assert not contract.consent_by_role
    for basis in contract.legal_bases:
        codes = f"{basis.basis} {basis.article_9} {basis.schedule_1}"
        assert "6(1)(a)" not in codes
        assert "9(2)(a)" not in codes
        assert "35(2)(a)" not in codes
    for terms in contract.event_types.values():
        for field in terms.fields.values():
            assert not field.consent
            assert field.without_consent or not field.identifies
