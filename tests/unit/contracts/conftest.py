from __future__ import annotations

import base64
from datetime import date

import pytest

from contracts.drafting import draft, london_parties
from contracts.loading import ContractText, parse_contract, shipped_terms
from contracts.model import Contract
from contracts.parties import GovernanceKeys
from contracts.status import ContractStatus, contract_status
from tests.unit.contracts.asked import Asked


def _keys(byte: int) -> GovernanceKeys:
    return GovernanceKeys(
        ed25519=base64.b64encode(bytes([byte]) * 32).decode(),
        ml_dsa_65=base64.b64encode(bytes([byte]) * 1952).decode(),
    )


@pytest.fixture(scope="session")
def contract_yaml() -> str:
    parties = london_parties()
    return draft(
        shipped_terms(),
        deployment="pan-london",
        parties=parties,
        governance_keys={str(p["id"]): _keys(i) for i, p in enumerate(parties, 1)},
        starts=date(2026, 1, 1),
        ends=date(2027, 12, 31),
        review_on=date(2027, 6, 30),
    )


@pytest.fixture(scope="session")
def contract_text(contract_yaml: str) -> ContractText:
    return parse_contract(contract_yaml.encode(), "london-hate-crime.yaml")


@pytest.fixture(scope="session")
def contract(contract_text: ContractText) -> Contract:
    return contract_text.contract


@pytest.fixture(autouse=True)
def forgotten(contract: Contract) -> None:
    """Clear the cache, so that each test computes its own policies."""
    contract.policies.clear()


@pytest.fixture(scope="session")
def everyone(contract: Contract) -> frozenset[str]:
    return frozenset(party.id for party in contract.parties)


@pytest.fixture(scope="session")
def noon(contract: Contract) -> int:
    """A time in force, milliseconds."""
    return contract.starts_ms + 12 * 3_600_000


@pytest.fixture(scope="session")
def in_force(contract: Contract, everyone: frozenset[str], noon: int) -> ContractStatus:
    return contract_status(contract, everyone, (), noon)


@pytest.fixture
def ask(contract: Contract, in_force: ContractStatus, noon: int) -> Asked:
    return Asked(contract, in_force, noon)
