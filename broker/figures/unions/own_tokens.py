"""Tokens of this agency for a period, from the cases and facts in its state."""

from __future__ import annotations

from broker.figures.counting import Period
from broker.figures.own_counts import values_by_case
from broker.figures.unions.seen_cases import SeenReader
from broker.figures.unions.tokens import PeriodKey, TokenSets
from broker.store.transaction import Transaction
from contracts.model import Contract


def own_tokens(
    tx: Transaction, secret: bytes, contract: Contract, agency: str, period: Period, key: PeriodKey
) -> TokenSets:
    """Return the tokens of the cases that this agency has seen.

    Those that it minted in the period have a token only if they are counted, so consent counts for
    unions as it does for counts. A case that another agency minted has been seen since the period
    began, or it was minted before.

    Args:
        tx: a transaction.
        secret: this agency's key for pseudonyms.
        contract: the agreement.
        agency: this agency.
        period: the quarter.
        key: of the period.

    Raises:
        SealBroken: a row in the state was changed.
    """
    values = values_by_case(tx, secret, contract, agency, period)
    counted = {case for case, found in values if found is not None}
    reader = SeenReader(secret)
    minted, seen = [], []
    for case in tx.unions.seen_since(contract.name, period.first_ms):
        if case.case_key in counted:
            minted.append(reader.open(case))
        elif case.minted_ms is None:
            seen.append(reader.open(case))
    return TokenSets.of(key, minted, seen, secret)
