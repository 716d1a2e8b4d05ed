"""Recording of facts about referrals, in the transaction that accepts an event.

Facts are kept of the cases in which this agency sent a referral, from the first one on
(docs/spec/figures.md, "Facts of referrals").
"""

from __future__ import annotations

from dataclasses import dataclass

from broker.figures.referral_facts import (
    Made,
    ReferralFact,
    formatted_referral,
    parsed_referral,
)
from broker.figures.row_keys import FigureRowKind, bound_to, row_key
from broker.store.figure_referrals import FigureReferralRow, ReferralFactRow
from broker.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class _Said:
    case_key: bytes
    agreement: str
    fact: ReferralFact


class ReferralFactRecorder:
    """The facts about referrals of one transaction: collected, and written together.

    Args:
        tx: the transaction.
        secret: this agency's key for pseudonyms.
    """

    def __init__(self, tx: Transaction, secret: bytes) -> None:
        self._tx = tx
        self._key = row_key(secret, FigureRowKind.REFERRAL_FACT)
        self._said: list[_Said] = []

    def add(self, case_key: bytes, agreement: str, fact: ReferralFact) -> None:
        """Record a fact, unless this agency sent no referral of the case before."""
        self._said.append(_Said(case_key, agreement, fact))

    def write(self) -> None:
        """Write the facts of cases with a referral of this agency."""
        if not self._said:
            return
        held = self._tx.figure_referrals.cases(
            {(one.case_key, one.agreement) for one in self._said}
        )
        sent: list[FigureReferralRow] = []
        facts: list[ReferralFactRow] = []
        for one in self._said:
            said = one.fact.said
            case = one.case_key, one.agreement
            if isinstance(one.fact.act, Made):
                held.add(case)
                sent.append(FigureReferralRow(*case, said.event, said.time_ms))
            if case in held:
                bound = bound_to(*case, said.source, said.event)
                content = self._key.seal(formatted_referral(one.fact), bound)
                facts.append(ReferralFactRow(*case, said.source, said.event, content))
        self._tx.figure_referrals.add_sent(sent)
        self._tx.figure_referrals.add_facts(facts)


class ReferralFactReader:
    """Decrypts facts about referrals from the state.

    Args:
        secret: this agency's key for pseudonyms.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = row_key(secret, FigureRowKind.REFERRAL_FACT)

    def open(self, row: ReferralFactRow) -> ReferralFact:
        """Return the fact of a row.

        Raises:
            SealBroken: the row was changed.
        """
        bound = bound_to(row.case_key, row.agreement, row.source, row.event_id)
        return parsed_referral(row.source, row.event_id, self._key.open(row.content, bound))
