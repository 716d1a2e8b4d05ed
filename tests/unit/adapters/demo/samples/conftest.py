"""The agreement that the samples of every agency are held against."""

from __future__ import annotations

import base64
from datetime import date

import pytest

from contracts.drafting import draft, london_parties
from contracts.loading import parse_contract, shipped_terms
from contracts.model import Contract
from contracts.parties import GovernanceKeys


@pytest.fixture(scope="module")
def contract() -> Contract:
    parties = london_parties()
    keys = GovernanceKeys(
        ed25519=base64.b64encode(bytes([1]) * 32).decode(),
        ml_dsa_65=base64.b64encode(bytes([1]) * 1952).decode(),
    )
    text = draft(
        shipped_terms(),
        deployment="pan-london",
        parties=parties,
        governance_keys={str(party["id"]): keys for party in parties},
        starts=date(2026, 1, 1),
        ends=date(2027, 12, 31),
        review_on=date(2027, 6, 30),
    )
    return parse_contract(text.encode(), "london-hate-crime.yaml").contract
