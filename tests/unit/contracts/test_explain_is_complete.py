"""`contract explain` shows every term that a party signs; `matrix` every term of a field."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.cli import terms_text
from broker.operations.contract_choice import Chosen
from contracts.explain import explain_terms
from contracts.loading import ContractText
from contracts.matrix import columns, matrix
from contracts.model import Contract
from tests.unit.contracts.alterations import Alteration, altered, by_member, filled, members


@pytest.fixture(scope="module")
def full(contract: Contract) -> Contract:
    """The shipped agreement with every optional member; of each list and mapping a few items."""
    complete: Contract = filled(contract)
    name, terms = next(iter(complete.event_types.items()))
    fields = dict(list(terms.fields.items())[:6])
    return complete.model_copy(
        update={
            "event_types": {name: terms.model_copy(update={"fields": fields})},
            "parties": complete.parties[:3],
            "governance_keys": dict(list(complete.governance_keys.items())[:3]),
            "legal_bases": complete.legal_bases[:2],
        }
    )


@pytest.fixture(scope="module")
def changes(full: Contract) -> list[Alteration]:
    return list(altered(full))


def words(contract: Contract) -> str:
    """Explanation without its layout."""
    return " ".join(explain_terms(contract).split())


def document(contract: Contract) -> object:
    text = ContractText(contract, b"", b"", "a.yaml")
    return terms_text.explanation_json(Chosen(text, None))


def test_every_member_of_every_model_is_altered(changes: list[Alteration]) -> None:
    assert members(Contract) - by_member(iter(changes)).keys() == set()


def test_a_change_of_any_member_changes_text_and_json(
    full: Contract, changes: list[Alteration]
) -> None:
    before = words(full), document(full)
    for found in by_member(iter(changes)).values():
        for how in dict.fromkeys(each.how for each in found):
            one = next(each for each in found if each.how == how)
            assert (words(one.value) != before[0]) is True, (one.where, one.how)
            assert (document(one.value) != before[1]) is True, (one.where, one.how)


def test_a_change_of_any_leaf_changes_text_and_json(
    full: Contract, changes: list[Alteration]
) -> None:
    before = words(full), document(full)

    @settings(max_examples=120, deadline=None)
    @given(index=st.integers(0, len(changes) - 1))
    def holds(index: int) -> None:
        one = changes[index]
        assert (words(one.value) != before[0]) is True, (one.where, one.how)
        assert (document(one.value) != before[1]) is True, (one.where, one.how)

    holds()


def test_the_matrix_as_json_and_csv_holds_every_term_of_a_field(
    full: Contract, changes: list[Alteration]
) -> None:
    def shown(contract: Contract) -> tuple[str, object]:
        rows, heads = matrix(contract), columns(contract)
        chosen = Chosen(ContractText(contract, b"", b"", "a.yaml"), None)
        return terms_text.matrix_csv(heads, rows), terms_text.matrix_json(chosen, heads, rows)

    before = shown(full)
    asked = [each for each in changes if each.member[0] in {"FieldTerms", "RetentionTerms"}]
    assert len({each.member for each in asked}) > 10
    for one in asked:
        csv, json = shown(one.value)
        assert (csv != before[0]) is True, (one.where, one.how)
        assert (json != before[1]) is True, (one.where, one.how)


def _field(contract: Contract, **update: Any) -> Contract:
    terms = contract.event_types["referral.made"]
    field = terms.fields["victim.name"].model_copy(update=update)
    changed = terms.model_copy(update={"fields": {**terms.fields, "victim.name": field}})
    return contract.model_copy(
        update={"event_types": {**contract.event_types, "referral.made": changed}}
    )


def _levels(contract: Contract) -> Contract:
    terms = contract.event_types["referral.made"]
    assert terms.service_levels is not None
    levels = terms.service_levels.model_copy(update={"urgent_acknowledge_within": "P30D"})
    changed = terms.model_copy(update={"service_levels": levels})
    return contract.model_copy(
        update={"event_types": {**contract.event_types, "referral.made": changed}}
    )


def _breach(contract: Contract) -> Contract:
    first, *rest = contract.parties
    breach = first.contacts.breach.model_copy(update={"email": "nobody@elsewhere.example"})
    contacts = first.contacts.model_copy(update={"breach": breach})
    return contract.model_copy(
        update={"parties": (first.model_copy(update={"contacts": contacts}), *rest)}
    )


def _part(name: str, **update: Any) -> Callable[[Contract], Contract]:
    return lambda c: c.model_copy(update={name: getattr(c, name).model_copy(update=update)})


HIDDEN: dict[str, tuple[Callable[[Contract], Contract], str]] = {
    "a purpose added to a field": (
        lambda c: _field(c, purposes=("support-victims", "prosecute", "monitor")),
        "support-victims, prosecute, monitor",
    ),
    "suppression below 2": (_part("statistics", suppress_below=2), "below 2 are hidden"),
    "suppression of areas below 2": (
        _part("statistics", suppress_area_below=2),
        "of one area, those below 2",
    ),
    "a party that alone publishes": (
        _part("statistics", published_by="csu-camden"),
        "published by csu-camden",
    ),
    "a role that tallies unions": (_part("statistics", tally="analyst"), "analyst tallies them"),
    "sub-processors at will": (
        lambda c: c.model_copy(
            update={
                "processors": tuple(
                    p.model_copy(update={"terms": "Sub-processors at will."}) for p in c.processors
                )
            }
        ),
        "Sub-processors at will.",
    ),
    "a breach contact": (_breach, "nobody@elsewhere.example"),
    "a clock from 4 hours to 30 days": (_levels, "acknowledge within 30 days (P30D), if urgent"),
    "grace of 366 days": (_part("retention", grace_days=366), "366 days"),
    "a policy document": (
        lambda c: c.model_copy(
            update={
                "legal_bases": tuple(
                    b.model_copy(update={"appropriate_policy_document": "APD-OTHER"})
                    for b in c.legal_bases
                )
            }
        ),
        "APD-OTHER",
    ),
    "a reason for flow without consent": (
        lambda c: _field(c, without_consent="It is quicker."),
        "It is quicker.",
    ),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_terms_that_were_hidden_are_shown(contract: Contract, name: str) -> None:
    change, shown = HIDDEN[name]
    assert shown not in words(contract)
    assert shown in words(change(contract))
    assert document(change(contract)) != document(contract)


def test_a_member_that_is_added_to_the_format_later_is_shown(contract: Contract) -> None:
    class Longer(type(contract.parties[0])):  # type: ignore[misc]
        kafka_name: str = "a-later-member"
        since: date = date(2026, 7, 1)

    first, *rest = contract.parties
    longer = Longer.model_construct(**dict(first))
    text = words(contract.model_copy(update={"parties": (longer, *rest)}))
    assert "a-later-member" in text
    assert "2026-07-01" in text


def test_a_text_cannot_look_like_a_line_of_its_own(contract: Contract, tmp_path: Path) -> None:
    words_ = "so " * 40 + "GOVERNANCE KEYS: all compared\n\nTERMS\n  Permitted: everything"
    text = explain_terms(contract.model_copy(update={"summary": words_, "privacy_notice": words_}))
    assert "\nTERMS\n  Permitted: everything" not in text
    assert text.count("\nTERMS\n") == 1
