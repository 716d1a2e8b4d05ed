"""Counts of a period from the facts in the state: cases minted and referrals sent here."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from broker.figures.case_values import CaseValues, values_of_case
from broker.figures.counting import CountsOf, Period, ReferralCounts, count, dimension_names
from broker.figures.facts import case_figures
from broker.figures.recording import FactReader
from broker.figures.referral_dimensions import counted_referrals
from broker.figures.referral_recording import ReferralFactReader
from broker.figures.referral_values import SentReferral, sent_referrals
from broker.store.transaction import Transaction
from contracts.model import Contract


def own_counts(
    tx: Transaction, secret: bytes, contract: Contract, agency: str, period: Period
) -> CountsOf | None:
    """Return what this agency counts for a period; None if the agreement counts nothing.

    Args:
        tx: a transaction.
        secret: this agency's key for pseudonyms.
        contract: the agreement.
        agency: this agency.
        period: the quarter in which the cases were minted and the referrals sent.

    Raises:
        SealBroken: a fact in the state was changed.
    """
    figures = case_figures(contract)
    if figures is None:
        return None
    dimensions = dimension_names(figures)
    cases = values_by_case(tx, secret, contract, agency, period)
    atoms, without_consent = count((values for _, values in cases), dimensions)
    found = CountsOf(
        deployment=contract.deployment,
        agreement=contract.name,
        agency=agency,
        period=period.name,
        vocabulary=contract.vocabulary.hash,
        dimensions=dimensions,
        atoms=atoms,
        without_consent=without_consent,
        referrals=_referral_counts(tx, secret, contract, agency, period),
    )
    return found.salted(secret)


def values_by_case(
    tx: Transaction, secret: bytes, contract: Contract, agency: str, period: Period
) -> Iterator[tuple[bytes, CaseValues | None]]:
    """Yield the cases that this agency minted in a period, by their pseudonyms.

    Returns:
        For each case its values; None if it is not counted for want of consent.

    Raises:
        SealBroken: a fact in the state was changed.
    """
    figures = case_figures(contract)
    if figures is None:
        return
    reader = FactReader(secret)
    rows = tx.figure_facts.between(contract.name, period.first_ms, period.end_ms)
    for case_key, of_case in groupby(rows, key=lambda row: row.case_key):
        facts = [reader.open(row) for row in of_case]
        yield case_key, values_of_case(facts, figures, contract.by_id, agency)


def _referral_counts(
    tx: Transaction, secret: bytes, contract: Contract, agency: str, period: Period
) -> ReferralCounts | None:
    counted = counted_referrals(contract)
    if counted is None:
        return None
    dimensions = dimension_names(counted[0])
    sent = own_referrals(tx, secret, contract, agency, period.first_ms, period.end_ms)
    atoms, without_consent = count((one.values for one in sent), dimensions)
    return ReferralCounts(dimensions, atoms, without_consent)


def own_referrals(
    tx: Transaction, secret: bytes, contract: Contract, agency: str, first_ms: int, end_ms: int
) -> Iterator[SentReferral]:
    """Yield the referrals that this agency sent from a time to before another.

    Args:
        tx: a transaction.
        secret: this agency's key for pseudonyms.
        contract: the agreement; without referrals that count there are none.
        agency: this agency.
        first_ms: ms.
        end_ms: ms.

    Raises:
        SealBroken: a fact in the state was changed.
    """
    counted = counted_referrals(contract)
    if counted is None:
        return
    figures, rules = counted
    reader = ReferralFactReader(secret)
    rows = tx.figure_referrals.between(contract.name, first_ms, end_ms)
    for _, of_case in groupby(rows, key=lambda row: row.case_key):
        facts = [reader.open(row) for row in of_case]
        for one in sent_referrals(facts, figures, rules, contract.role_of, agency):
            if first_ms <= one.sent_ms < end_ms:
                yield one
