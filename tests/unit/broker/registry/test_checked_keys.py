"""Keys that a contract pins are checked once, however many notes arrive."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.keys.governance import GovernancePublic
from broker.registry import contracts
from contracts.model import Contract
from tests.support.many_parties import agreement, signed_by_every_party


def test_the_keys_of_a_contract_are_checked_once_for_the_notes_of_all_parties(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Notes of 256 parties arrive one by one: checking all keys each time would be quadratic."""
    checked: list[str] = []
    before = contracts.pinned_governance

    def counted(contract: Contract, agency: str) -> GovernancePublic:
        checked.append(agency)
        return before(contract, agency)

    text = agreement(3)
    notes = [note.raw for note in signed_by_every_party(text, {}).notes]
    monkeypatch.setattr(contracts, "pinned_governance", counted)
    for note in notes:
        contracts.verify_contract(text, [note])
    assert checked == []
    other = replace(text, contract=text.contract.model_copy())  # the same bytes, another model
    contracts.verify_contract(other, notes[:1])
    assert len(checked) == 3
