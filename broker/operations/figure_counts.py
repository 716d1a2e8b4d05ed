"""Counts from which tables of a quarter are made: whose are here, and whose are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from broker.agency.participant import Participant
from broker.figures.altered_rows import altered_rows_named
from broker.figures.completeness import Shortfall, shortfalls
from broker.figures.counting import CountsOf, Period, Subject
from broker.figures.counts_held import NotCounted, counts_of_partners
from broker.figures.own_counts import own_counts
from broker.store.database import Store
from broker.store.transaction import Transaction
from contracts.model import Contract


@dataclass(frozen=True, slots=True)
class QuarterCounts:
    """Counts of a quarter that this agency holds now.

    Attributes:
        counted: of each agency that figures count, sorted by agency.
        not_counted: the other parties that send events, with the reason.
    """

    counted: tuple[CountsOf, ...]
    not_counted: Mapping[str, NotCounted]

    def shortfalls(self, period: Period, of: Subject, now: int) -> tuple[Shortfall, ...]:
        """Return for what a table of them is too early; empty if they are complete.

        Args:
            period: the quarter.
            of: of what the table is.
            now: ms.
        """
        parts = (part for one in self.counted if (part := one.part(of)) is not None)
        return shortfalls(
            ended=period.end_ms <= now,
            missing=len(self.not_counted),
            counted=sum(sum(part.atoms.values()) for part in parts),
        )


def read_quarter_counts(
    tx: Transaction, participant: Participant, contract: Contract, period: Period
) -> QuarterCounts:
    """Return the counts of a quarter, own ones and those of the other parties.

    Args:
        tx: a transaction.
        participant: this agency.
        contract: an agreement that counts cases.
        period: the quarter.

    Raises:
        SealBroken: a row in the state was changed.
    """
    secret, books = participant.keyring.secret(), (participant.contracts, participant.manifests)
    own = own_counts(tx, secret, contract, participant.agency, period)
    assert own is not None
    held = counts_of_partners(tx, secret, contract, period, *books)
    counted = sorted((own, *held.counted), key=lambda one: one.agency)
    return QuarterCounts(tuple(counted), held.not_counted)


def quarter_counts(
    participant: Participant, store: Store, contract: Contract, period: Period
) -> QuarterCounts:
    """Return the counts of a quarter before a table is made of them.

    Args:
        participant: this agency.
        store: its state.
        contract: an agreement that counts cases.
        period: the quarter.

    Raises:
        StoreError: the state cannot be read.
        KeyAccessError: the agency's secret is not available.
    """
    with store.reading() as tx, altered_rows_named():
        return read_quarter_counts(tx, participant, contract, period)
