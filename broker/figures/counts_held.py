"""Counts of other agencies as the state keeps them, and which of them figures use.

docs/spec/figures.md, "Exchange". The content is encrypted, because it holds exact counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from broker.figures.counting import CountsOf, Period
from broker.figures.counts_content import fault_in, unpacked
from broker.figures.quarter_parties import parties_of_quarter
from broker.figures.row_keys import FigureRowKind, bound_to, row_key
from broker.registry.contract_book import ContractBook
from broker.registry.manifests import ManifestBook
from broker.statements.authorship import is_still_believed
from broker.statements.partner_statements import StatementPlace
from broker.store.figure_counts import FigureCountsRow
from broker.store.transaction import Transaction
from broker.tlog.note import Note, format_note
from contracts.model import Contract

__all__ = ["HeldCounts", "NotCounted", "counts_of_partners", "counts_row"]


class NotCounted(StrEnum):
    """Reason for which the figures do not count a party."""

    NOTHING = "nothing_came"
    VOCABULARY = "other_vocabulary"
    KEY = "key_revoked"
    VALUES = "values_wrong"


@dataclass(frozen=True, slots=True)
class HeldCounts:
    """Counts of the other parties of an agreement for a period.

    Attributes:
        counted: those that figures use, by agency.
        not_counted: the other parties, with the reason.
    """

    counted: tuple[CountsOf, ...]
    not_counted: Mapping[str, NotCounted]


def counts_row(secret: bytes, place: StatementPlace, note: Note, content: bytes) -> FigureCountsRow:
    """Return a row for the state, with the content encrypted.

    Args:
        secret: this agency's key for pseudonyms.
        place: of the statement; its subject is the agreement and the period.
        note: of the statement.
        content: of the statement.
    """
    agreement, period = place.subject
    bound = bound_to(agreement, period, place.agency)
    sealed = row_key(secret, FigureRowKind.COUNTS).seal(content, bound)
    return FigureCountsRow(
        agreement, period, place.agency, place.time_ms, format_note(note), sealed
    )


def counts_of_partners(
    tx: Transaction,
    secret: bytes,
    contract: Contract,
    period: Period,
    contracts: ContractBook,
    manifests: ManifestBook,
) -> HeldCounts:
    """Return the counts of the other parties, and why the others are not counted.

    Args:
        tx: a transaction.
        secret: this agency's key for pseudonyms.
        contract: the agreement in force.
        period: the quarter.
        contracts: all versions of the agreement.
        manifests: the parties' manifests.

    Raises:
        SealBroken, StoreError: a row in the state was changed.
    """
    rows = {row.agency: row for row in tx.figure_counts.of(contract.name, period.name)}
    key = row_key(secret, FigureRowKind.COUNTS)
    counted: list[CountsOf] = []
    not_counted: dict[str, NotCounted] = {}
    for agency, role in parties_of_quarter(contracts, contract, period).items():
        if agency == contracts.agency:
            continue
        row = rows.get(agency)
        if row is None:
            not_counted[agency] = NotCounted.NOTHING
        elif not is_still_believed(row.note, manifests, agency, row.time_ms):
            not_counted[agency] = NotCounted.KEY
        else:
            counts = unpacked(key.open(row.content, bound_to(row.agreement, row.period, agency)))
            if counts.vocabulary != contract.vocabulary.hash:
                not_counted[agency] = NotCounted.VOCABULARY
            elif fault_in(counts, contract, role) is not None:
                not_counted[agency] = NotCounted.VALUES
            else:
                counted.append(counts)
    return HeldCounts(tuple(counted), not_counted)
