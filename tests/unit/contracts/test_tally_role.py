"""The role that tallies unions: it contributes nothing, and one party at most has it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from contracts.errors import ContractError
from contracts.loading import parse_contract
from contracts.model import Contract
from contracts.references import reference_faults
from tests.conformance.contract_form import parse_contract_file
from tests.conformance.refusals import MalformedError
from tests.support.many_parties import agreement

MARK = "secondary_suppression: true"


def with_tally(contract_yaml: str, role: str) -> str:
    assert MARK in contract_yaml
    text = contract_yaml.replace(MARK, f"{MARK}\n  tally: {role}", 1)
    return text.replace("\nroles:\n", '\nroles:\n  analyst: "Counts for the partnership."\n', 1)


def changed(role: str, parties: int) -> Callable[[Contract], Contract]:
    """Return a change to an agreement whose last parties have the role that tallies."""

    def change(contract: Contract) -> Contract:
        assert contract.statistics is not None
        kept = len(contract.parties) - parties
        last = [one.model_copy(update={"role": role}) for one in contract.parties[kept:]]
        return contract.model_copy(
            update={
                "roles": {**contract.roles, role: "Counts for the partnership."},
                "parties": (*contract.parties[:kept], *last),
                "statistics": contract.statistics.model_copy(update={"tally": role}),
            }
        )

    return change


def test_an_agreement_without_the_role_has_no_party_that_tallies(contract: Contract) -> None:
    assert contract.tally_party is None
    assert contract.contributors == tuple(sorted(party.id for party in contract.parties))


def test_the_party_of_the_role_tallies_and_contributes_nothing(contract: Contract) -> None:
    one = changed("analyst", 1)(contract)
    assert not list(reference_faults(one))
    assert one.tally_party == one.parties[-1].id
    assert one.tally_party not in one.contributors


def test_two_parties_of_the_role_are_refused(contract: Contract) -> None:
    assert [at for at, _ in reference_faults(changed("analyst", 2)(contract))] == [
        ("statistics", "tally")
    ]


def test_both_readers_take_a_role_without_events() -> None:
    text = with_tally(agreement(4).raw.decode(), "analyst").encode()
    control = parse_contract(text, "a.yaml").contract.statistics
    assert control is not None
    assert control.tally == "analyst"
    assert parse_contract_file(text)["statistics"]["tally"] == "analyst"


@pytest.mark.parametrize("role", ["police", "prosecution", "unknown"])
def test_both_readers_refuse_a_role_with_events_or_an_unknown_one(role: str) -> None:
    text = with_tally(agreement(4).raw.decode(), role).encode()
    with pytest.raises(ContractError) as refused:
        parse_contract(text, "a.yaml")
    assert refused.value.code == "contract_invalid"
    assert "statistics.tally" in str(refused.value)
    with pytest.raises(MalformedError):
        parse_contract_file(text)
