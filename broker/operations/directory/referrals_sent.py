"""The referrals that this agency sent, under every agreement that counts them."""

from __future__ import annotations

from collections.abc import Iterator

from broker.agency.participant import Participant
from broker.figures.altered_rows import altered_rows_named
from broker.figures.own_counts import own_referrals
from broker.figures.referral_values import SentReferral
from broker.store.transaction import Transaction
from contracts.model import Contract


def referrals_since(
    participant: Participant, tx: Transaction, first_ms: int, now: int
) -> Iterator[tuple[Contract, SentReferral]]:
    """Yield each referral that was sent since a time, with its agreement.

    Args:
        participant: this agency.
        tx: a transaction of its state.
        first_ms: ms.
        now: ms.

    Raises:
        StoreError: `store_corrupt`: a fact in the state was changed.
        KeyAccessError: the agency's secret is not available.
    """
    secret, agency = participant.keyring.secret(), participant.agency
    contracts = {one.contract.name: one.contract for one in participant.contracts.trusted()}
    with altered_rows_named():
        for contract in contracts.values():
            for referral in own_referrals(tx, secret, contract, agency, first_ms, now + 1):
                yield contract, referral
