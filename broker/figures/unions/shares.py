"""Share of a quarter that several kinds of agency have seen, as this agency holds it."""

from __future__ import annotations

from dataclasses import dataclass

from broker.figures.unions.held import HeldUnion
from broker.figures.unions.tokens import TokenPlace
from broker.registry.manifests import ManifestBook
from broker.store.transaction import Transaction
from contracts.model import Contract

__all__ = ["UnionShare", "held_share"]


@dataclass(frozen=True, slots=True)
class UnionShare:
    """Share of the cases that at least two kinds of agency have seen.

    Attributes:
        share_percent: in whole percent; None if it is hidden.
        agencies: contributors whose tokens were tallied, sorted.
        missing: contributors that sent none, sorted.
        tallied_by: the party that tallied.
    """

    share_percent: int | None
    agencies: tuple[str, ...]
    missing: tuple[str, ...]
    tallied_by: str


def held_share(
    tx: Transaction, secret: bytes, contract: Contract, period: str, manifests: ManifestBook
) -> UnionShare | None:
    """Return the share of a quarter; None if no party tallies, or if its result is not here.

    Args:
        tx: a transaction.
        secret: this agency's key for pseudonyms.
        contract: the agreement.
        period: `YYYY-Qn`.
        manifests: the parties' manifests.

    Raises:
        SealBroken, StoreError: a row in the state was changed.
    """
    tally_party = contract.tally_party
    if tally_party is None:
        return None
    place = TokenPlace(contract.deployment, contract.name, period)
    found = HeldUnion(tx, secret, place, manifests).result(tally_party)
    if found is None:
        return None
    missing = sorted(set(contract.contributors) - set(found.contributors))
    return UnionShare(found.share_percent, found.contributors, tuple(missing), tally_party)
