"""Parties that can have minted cases of a quarter (docs/spec/figures.md, "Used")."""

from __future__ import annotations

from broker.figures.counting import Period
from broker.registry.contract_book import ContractBook
from broker.registry.contracts import SignedContract
from contracts.model import Contract

__all__ = ["parties_of_quarter"]


def parties_of_quarter(
    contracts: ContractBook, contract: Contract, period: Period
) -> dict[str, str]:
    """Return the parties whose counts belong to a quarter, with their role, by agency id.

    These may send events under the agreement, or under another version of it that had effect in the
    quarter. So a party that a later version dropped stays counted. A party of several versions has
    its role in the agreement.

    Args:
        contracts: all versions that this agency has signed.
        contract: the agreement.
        period: the quarter.
    """
    found: dict[str, str] = {}
    for signed in contracts.trusted():
        if signed.contract.name == contract.name and _had_effect(signed, contracts, period):
            found |= _contributors(signed.contract)
    return dict(sorted((found | _contributors(contract)).items()))


def _contributors(contract: Contract) -> dict[str, str]:
    return {agency: contract.role_of[agency] for agency in contract.contributors}


def _had_effect(signed: SignedContract, contracts: ContractBook, period: Period) -> bool:
    """Return whether a version had effect at some time of a quarter."""
    if signed.effect is None or signed.effect >= period.end_ms:
        return False
    replaced = [one.effect for one in contracts.successors(signed.hash) if one.effect is not None]
    return min((signed.contract.ends_ms, *replaced)) > period.first_ms
