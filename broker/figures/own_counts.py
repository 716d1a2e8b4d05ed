"""Counts of the cases that this agency minted in a period, from the facts in its state."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from broker.figures.case_values import CaseValues, values_of_case
from broker.figures.counting import CountsOf, Period, count, dimension_names
from broker.figures.facts import counts
from broker.figures.recording import FactReader
from broker.store.transaction import Transaction
from contracts.model import Contract
from contracts.vocabulary.figures import Figures


def own_counts(
    tx: Transaction, secret: bytes, contract: Contract, agency: str, period: Period
) -> CountsOf | None:
    """Return what this agency counts for a period; None if the agreement counts nothing.

    Args:
        tx: a transaction.
        secret: this agency's key for pseudonyms.
        contract: the agreement.
        agency: this agency.
        period: the quarter in which the cases were minted.

    Raises:
        SealBroken: a fact in the state was changed.
    """
    figures = counts(contract)
    if figures is None:
        return None
    dimensions = dimension_names(figures)
    cases = _cases(tx, FactReader(secret), contract, figures, agency, period)
    atoms, without_consent = count(cases, dimensions)
    return CountsOf(
        deployment=contract.deployment,
        agreement=contract.name,
        agency=agency,
        period=period.name,
        vocabulary=contract.vocabulary.hash,
        dimensions=dimensions,
        atoms=atoms,
        without_consent=without_consent,
    )


def _cases(
    tx: Transaction,
    reader: FactReader,
    contract: Contract,
    figures: Figures,
    agency: str,
    period: Period,
) -> Iterator[CaseValues | None]:
    rows = tx.figure_facts.between(contract.name, period.first_ms, period.end_ms)
    for _, of_case in groupby(rows, key=lambda row: row.case_key):
        facts = [reader.open(row) for row in of_case]
        yield values_of_case(facts, figures, contract.by_id, agency)
