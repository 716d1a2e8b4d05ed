"""Texts of an agreement for people say who sees exact counts."""

from __future__ import annotations

from contracts.exact_counts import exact_counts_for, exact_counts_of_purpose
from contracts.explain import explain_terms
from contracts.markup import Paragraph
from contracts.party_paper import party_paper
from tests.unit.contracts.test_shipped_agreements import complete

LONDON = complete("london-hate-crime")


def test_the_explanation_says_so_for_each_purpose_of_statistics() -> None:
    contract = LONDON.contract
    said = [exact_counts_of_purpose(one) for one in contract.purposes.values()]
    assert sum(one is not None for one in said) == len(contract.statistics_purposes) == 1
    words = " ".join(explain_terms(contract).split())
    assert all(one is None or one in words for one in said)


def test_the_paper_of_a_party_names_who_sees_its_counts() -> None:
    contract = LONDON.contract
    for party in contract.parties:
        said = exact_counts_for(contract, party)
        others = contract.statistics_parties - {party.id}
        assert said is not None
        assert all(one in said for one in others)
        assert party.id not in said.replace(",", " ").replace(".", " ").split()
        assert Paragraph(said) in party_paper(contract, party.id).blocks


def test_an_agreement_without_statistics_says_nothing() -> None:
    contract = LONDON.contract
    kept = {name: one for name, one in contract.purposes.items() if one.kind != "statistics"}
    without = contract.model_copy(update={"purposes": kept})
    assert not without.statistics_parties
    assert exact_counts_for(without, without.parties[0]) is None
