"""Expected times to an answer of partners, from the referrals that this agency sent."""

from __future__ import annotations

from collections.abc import Mapping

from broker.agency.participant import Participant
from broker.figures.counting import last_quarters
from broker.figures.expected_answers import QUARTERS, ExpectedAnswer, expected_answers
from broker.operations.directory.referrals_sent import referrals_since
from broker.store.database import Store


def answer_times(participant: Participant, store: Store, now: int) -> Mapping[str, ExpectedAnswer]:
    """Return by agency id the time within which it answered half of the last referrals to it.

    The referrals of the last quarters count, under every agreement that counts them.

    Args:
        participant: this agency.
        store: its state.
        now: ms.

    Raises:
        StoreError: the state cannot be read.
        KeyAccessError: the agency's secret is not available.
    """
    first_ms = last_quarters(now, QUARTERS)[-1].first_ms
    with store.reading() as tx:
        sent = referrals_since(participant, tx, first_ms, now)
        return expected_answers(referral for _, referral in sent)
