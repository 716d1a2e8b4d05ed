"""Roles that an agreement asks for a reason: both readers of the file, and the parties."""

from __future__ import annotations

import pytest

from contracts.errors import ContractError
from contracts.loading import parse_contract
from tests.conformance.contract_form import parse_contract_file
from tests.conformance.refusals import MalformedError
from tests.support.many_parties import agreement_text, parties

SILENT = agreement_text(parties(8))


def asking(roles: str) -> bytes:
    return SILENT + f"\nreason_asked_of: {roles}\n".encode()


def test_the_parties_of_the_roles_are_asked_and_no_others() -> None:
    file = asking("[council]")
    contract = parse_contract(file, "asking.yaml").contract
    asked = {party.role for party in contract.parties if contract.asks_reason_of(party.id)}
    assert asked == {"council"}
    assert not contract.asks_reason_of("no-party")
    assert parse_contract_file(file)["reason_asked_of"] == ["council"]


def test_an_agreement_without_the_member_asks_no_party() -> None:
    contract = parse_contract(SILENT, "silent.yaml").contract
    assert not any(contract.asks_reason_of(party.id) for party in contract.parties)
    assert parse_contract_file(SILENT)["reason_asked_of"] == []


@pytest.mark.parametrize("roles", ["[court-of-appeal]", "council", "null", "{council: yes}"])
def test_both_readers_refuse_what_is_no_list_of_roles(roles: str) -> None:
    file = asking(roles)
    with pytest.raises(ContractError) as refused:
        parse_contract(file, "asking.yaml")
    assert refused.value.code == "contract_invalid"
    with pytest.raises(MalformedError):
        parse_contract_file(file)
