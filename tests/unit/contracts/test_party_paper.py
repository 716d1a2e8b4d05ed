"""The paper for a party's board: what it gives and gets agrees with what the engine grants."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.errors import UnknownNameError
from contracts.legal_codes import codes_in, party_kind
from contracts.loading import shipped_names
from contracts.markup import Bullets, Document, DocumentFormat, Heading, MarkupTable, written
from contracts.model import Contract
from contracts.party_paper import party_paper
from contracts.party_terms import STATES_REASON
from contracts.policy import policy_for
from contracts.processing_record import processing_record
from tests.support.printing import A4, chromium, sheets
from tests.unit.contracts.test_shipped_agreements import complete

PARTIES = ("csu-camden", "cps-london", "council-camden", "haven-support")


def below(paper: Document, heading: str) -> Bullets | None:
    """The list below a heading."""
    at = next(i for i, block in enumerate(paper.blocks) if block == Heading(heading))
    found = paper.blocks[at + 1]
    return found if isinstance(found, Bullets) else None


def named(found: Bullets | None) -> dict[str, str]:
    """Event type to the agencies and data that are named with it."""
    return {text.split()[0]: " ".join(details) for text, details in (found.items if found else ())}


@pytest.mark.parametrize("agency", PARTIES)
def test_it_names_each_agency_that_gets_or_sends_something_and_no_other(
    contract: Contract, agency: str
) -> None:
    paper = party_paper(contract, agency)
    given, got = named(below(paper, "What we give")), named(below(paper, "What we get"))
    for name in contract.event_types:
        for other in (party.id for party in contract.parties if party.id != agency):
            sends = policy_for(contract, agency, (other,), name)
            gets = policy_for(contract, other, (agency,), name)
            assert (other in given.get(name, "")) == bool(sends.denial is None and sends.fields)
            assert (other in got.get(name, "")) == bool(gets.denial is None and gets.fields)


def test_consent_that_a_role_needs_of_some_senders_only_is_counted_for_these(
    contract: Contract,
) -> None:
    got = named(below(party_paper(contract, "csu-camden"), "What we get"))["referral.made"]
    from_police, from_support = (
        next(part for part in got.split("From ") if agency in part)
        for agency in ("cps-london", "haven-support")
    )
    assert "only with consent" in from_support
    assert from_police.split(";")[-1] == from_support.split(";")[-1]  # identity asks all senders


def test_clocks_and_contacts_are_those_of_the_party(contract: Contract) -> None:
    paper = party_paper(contract, "haven-support")
    clocks = below(paper, "What we must do, and by when")
    assert clocks is not None
    told = " ".join(text for text, _ in clocks.items)
    assert "2 days" in told
    assert str(contract.ends) in told
    contacts = next(block for block in paper.blocks if isinstance(block, MarkupTable))
    others = [party for party in contract.parties if party.id != "haven-support"]
    names = {f"{other.legal_name} ({other.id})" for other in others}  # the lists name the ids
    assert {row[0] for row in contacts.rows} == names


def test_a_reason_that_is_asked_of_a_role_is_a_duty_and_a_measure_of_its_parties(
    contract: Contract,
) -> None:
    asked = contract.model_copy(update={"reason_asked_of": ("support",)})

    def duty(agency: str) -> bool:
        duties = below(party_paper(asked, agency), "What we must do, and by when")
        assert duties is not None
        return (STATES_REASON, ()) in duties.items

    assert duty("haven-support")
    assert not duty("csu-camden")
    assert STATES_REASON in processing_record(asked, "haven-support")[0]["security measures"]
    assert STATES_REASON not in processing_record(asked, "csu-camden")[0]["security measures"]


@pytest.mark.parametrize("form", [DocumentFormat.text, DocumentFormat.md])
def test_it_has_the_words_of_two_pages(contract: Contract, form: DocumentFormat) -> None:
    for agency in PARTIES:
        assert len(written(party_paper(contract, agency), form).split()) < 1_500


def test_an_agency_that_is_no_party_has_no_paper(contract: Contract) -> None:
    with pytest.raises(UnknownNameError) as refused:
        party_paper(contract, "haven-suport")
    assert refused.value.code == "agency_unknown"


@pytest.mark.parametrize("name", [*shipped_names(), "seven parties"])
def test_the_longest_paper_of_a_shipped_agreement_prints_on_two_sheets_of_a4(
    contract: Contract, tmp_path: Path, name: str
) -> None:
    chromium()
    agreed = contract if name == "seven parties" else complete(name).contract
    papers = [party_paper(agreed, agency) for agency in agreed.by_id]
    longest = max(papers, key=lambda one: len(written(one, DocumentFormat.text).splitlines()))
    page = tmp_path / "paper.html"
    page.write_text(written(longest, DocumentFormat.html))
    found = sheets(page, tmp_path)
    assert set(found) == {A4}
    assert len(found) <= 2, longest.title


def test_each_code_of_law_on_which_a_party_relies_is_named() -> None:
    contract = complete("marac-domestic-abuse").contract
    bullets = below(party_paper(contract, "agency-council"), "Why, and on which legal basis")
    assert bullets is not None
    told = "; ".join(detail for _text, details in bullets.items for detail in details)
    for basis in contract.legal_bases:
        if "council" in basis.relied_on_by:
            for code in (*codes_in(basis.basis), *codes_in(basis.article_9), *basis.gateways):
                assert code in told, code


def test_a_party_reads_which_codes_it_stops_sending_and_when(contract: Contract) -> None:
    told = {agency: written(party_paper(contract, agency), DocumentFormat.md) for agency in PARTIES}
    stop = "2027-04-01: we stop sending Hate incident that is not recorded as a crime"
    kinds = {agency: party_kind(contract.by_id[agency]) for agency in PARTIES}
    assert {agency for agency in PARTIES if stop in told[agency]} == {
        agency for agency, kind in kinds.items() if kind == "competent-authority"
    }


def test_a_party_reads_what_its_events_must_state_beside_a_value() -> None:
    agreed = complete("victim-information-requests").contract
    rules = {
        agency: written(party_paper(agreed, agency), DocumentFormat.text).replace("\n", " ")
        for agency in agreed.by_id
    }
    refusal = "A holder that refuses, or gives only a part, states its reason in words."
    answering = set(agreed.event_types["information.answered"].publishers)
    assert answering
    for agency, party in agreed.by_id.items():
        shown = " ".join(rules[agency].split())
        assert (refusal in shown) == (party.role in answering)
