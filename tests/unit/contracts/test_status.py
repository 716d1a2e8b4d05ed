from __future__ import annotations

import pytest

from contracts.model import Contract
from contracts.status import Departure, contract_status


def test_it_binds_when_every_party_has_signed(
    contract: Contract, everyone: frozenset[str], noon: int
) -> None:
    assert contract_status(contract, everyone, (), noon).state == "in_force"
    missing = contract_status(contract, everyone - {"haven-support"}, (), noon)
    assert (missing.state, missing.by) == ("partially_signed", ("haven-support",))
    assert contract_status(contract, frozenset(), (), noon).state == "draft"
    assert contract_status(contract, frozenset({"elsewhere"}), (), noon).state == "draft"


def test_it_is_in_force_from_its_first_to_its_last_millisecond(
    contract: Contract, everyone: frozenset[str]
) -> None:
    states = [
        contract_status(contract, everyone, (), now).state
        for now in (
            contract.starts_ms - 1,
            contract.starts_ms,
            contract.ends_ms - 1,
            contract.ends_ms,
        )
    ]
    assert states == ["not_started", "in_force", "in_force", "expired"]


def test_a_departure_counts_from_its_time_and_for_its_own_part(
    contract: Contract, everyone: frozenset[str], noon: int
) -> None:
    gone = [Departure("council-camden", "suspended", noon)]
    before = contract_status(contract, everyone, gone, noon - 1)
    assert before.party_state("council-camden") == "in_force"
    now = contract_status(contract, everyone, gone, noon)
    assert now.state == "in_force"
    assert now.by == ("council-camden",)
    assert now.party_state("council-camden") != "in_force"
    assert now.party_state("council-lewisham") == "in_force"
    assert now.party_state("council-camden") == "suspended"
    assert now.party_state("council-lewisham") == "in_force"


def test_a_party_that_left_does_not_return_by_suspending(
    contract: Contract, everyone: frozenset[str], noon: int
) -> None:
    gone = [
        Departure("council-camden", "suspended", noon),
        Departure("council-camden", "left", noon - 5),
    ]
    assert contract_status(contract, everyone, gone, noon).party_state("council-camden") == "left"


def test_a_stranger_can_suspend_nothing(
    contract: Contract, everyone: frozenset[str], noon: int
) -> None:
    now = contract_status(contract, everyone, [Departure("elsewhere", "left", 0)], noon)
    assert now.departed == {}


@pytest.mark.parametrize("state", ["suspended", "left"])
def test_with_fewer_than_two_parties_nothing_is_left_of_it(
    contract: Contract, everyone: frozenset[str], noon: int, state: str
) -> None:
    gone = [Departure(a, state, noon) for a in sorted(everyone)[1:]]  # type: ignore[arg-type]  # parametrised literal
    now = contract_status(contract, everyone, gone, noon)
    assert now.state == state
    assert not now.in_force
    assert now.party_state(sorted(everyone)[0]) != "in_force"
