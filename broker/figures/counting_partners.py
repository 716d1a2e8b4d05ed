"""Partners that publish their counts for figures to this agency."""

from __future__ import annotations

from broker.figures.facts import case_figures
from broker.registry.active_partners import partners_under
from broker.registry.contract_book import ContractBook
from broker.registry.manifests import ManifestBook

__all__ = ["counting_partners"]


def counting_partners(contracts: ContractBook, manifests: ManifestBook, now: int) -> frozenset[str]:
    """Return the partners whose counts come at least weekly (docs/spec/figures.md, "Published").

    Args:
        contracts: the contracts of this agency.
        manifests: where parties state that they have suspended or left their part.
        now: ms.
    """
    found: set[str] = set()
    for signed in contracts.live(now):
        contract = signed.contract
        if case_figures(contract) is not None and contracts.agency in contract.statistics_parties:
            partners = partners_under(signed, contracts, manifests, now)
            found |= partners & set(contract.contributors)
    return frozenset(found)
