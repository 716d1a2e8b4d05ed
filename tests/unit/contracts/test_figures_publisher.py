"""The party that alone publishes figures: a party of the agreement, with a statistics purpose."""

from __future__ import annotations

import pytest

from contracts.errors import ContractError
from contracts.lint import lint
from contracts.loading import parse_contract, parse_draft, shipped_terms
from contracts.model import Contract
from tests.conformance.contract_form import parse_contract_file
from tests.conformance.refusals import MalformedError
from tests.support.many_parties import FIRST_DAY, agreement, party_ids

MARK = "secondary_suppression: true"


def naming(text: str, party: str) -> str:
    """Return the text of an agreement that names a party as the one that publishes."""
    assert MARK in text
    return text.replace(MARK, f"{MARK}\n  published_by: {party}", 1)


def test_without_the_member_each_party_with_the_purpose_publishes(contract: Contract) -> None:
    assert contract.statistics is not None
    assert contract.statistics.published_by is None
    assert contract.figures_publishers == contract.statistics_parties
    assert len(contract.figures_publishers) > 1


def test_both_readers_take_a_party_that_publishes() -> None:
    first = party_ids(4)[0]
    text = naming(agreement(4).raw.decode(), first).encode()
    contract = parse_contract(text, "a.yaml").contract
    assert contract.figures_publishers == {first}
    assert parse_contract_file(text)["statistics"]["published_by"] == first


@pytest.mark.parametrize("named", ["elsewhere", "police"])
def test_both_readers_refuse_a_publisher_that_is_no_party(named: str) -> None:
    text = naming(agreement(4).raw.decode(), named).encode()
    with pytest.raises(ContractError) as refused:
        parse_contract(text, "a.yaml")
    assert refused.value.code == "contract_invalid"
    assert "statistics.published_by" in str(refused.value)
    with pytest.raises(MalformedError):
        parse_contract_file(text)


def test_terms_without_parties_may_name_the_one_that_will_publish() -> None:
    terms = parse_draft(naming(shipped_terms(), "elsewhere").encode(), "terms.yaml").contract
    assert terms.statistics is not None
    assert terms.statistics.published_by == "elsewhere"
    assert "statistics-publisher" not in {one.rule for one in lint(terms, FIRST_DAY)}


def test_a_publisher_without_a_purpose_of_statistics_leaves_no_publisher(
    contract: Contract,
) -> None:
    assert contract.statistics is not None
    party = contract.parties[0]
    others = tuple(role for role in contract.roles if role != party.role)
    purposes = {
        name: one.model_copy(update={"pursued_by": others})
        for name, one in contract.purposes.items()
    }
    control = contract.statistics.model_copy(update={"published_by": party.id})
    changed = contract.model_copy(update={"purposes": purposes, "statistics": control})
    assert changed.figures_publishers == frozenset()
