"""Counts of other agencies as the state keeps them, and which of them figures use.

docs/spec/figures.md, "Exchange". The content is encrypted, because it holds exact counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from broker.envelope.at_rest import AtRestKey
from broker.envelope.primitives import lp
from broker.errors import RefusedError
from broker.figures.counting import CountsOf
from broker.figures.counts_content import fault_in, unpacked
from broker.keys.kid import RECEIPT
from broker.registry.manifests import ManifestBook
from broker.statements.authorship import read_note, require_author
from broker.statements.partner_statements import StatementPlace
from broker.store.figure_counts import FigureCountsRow
from broker.store.transaction import Transaction
from broker.tlog.note import Note, format_note
from contracts.model import Contract

__all__ = ["HeldCounts", "NotCounted", "counts_of_partners", "counts_row"]

_LABEL: Final = b"concordant/1/figure-counts"


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
    sealed = AtRestKey(secret, _LABEL).seal(content, _row(agreement, period, place.agency))
    return FigureCountsRow(
        agreement, period, place.agency, place.time_ms, format_note(note), sealed
    )


def counts_of_partners(
    tx: Transaction,
    secret: bytes,
    contract: Contract,
    period: str,
    manifests: ManifestBook,
    own: str,
) -> HeldCounts:
    """Return the counts of the other parties, and why the others are not counted.

    Args:
        tx: a transaction.
        secret: this agency's key for pseudonyms.
        contract: the agreement in force.
        period: `YYYY-Qn`.
        manifests: the parties' manifests.
        own: this agency.

    Raises:
        SealBroken: a row in the state was changed.
    """
    rows = {row.agency: row for row in tx.figure_counts.of(contract.name, period)}
    key = AtRestKey(secret, _LABEL)
    counted: list[CountsOf] = []
    not_counted: dict[str, NotCounted] = {}
    for agency in sorted(set(contract.contributors) - {own}):
        row = rows.get(agency)
        if row is None:
            not_counted[agency] = NotCounted.NOTHING
        elif not _is_authentic(row, manifests):
            not_counted[agency] = NotCounted.KEY
        else:
            counts = unpacked(key.open(row.content, _row(row.agreement, row.period, agency)))
            if counts.vocabulary != contract.vocabulary.hash:
                not_counted[agency] = NotCounted.VOCABULARY
            elif fault_in(counts, contract) is not None:
                not_counted[agency] = NotCounted.VALUES
            else:
                counted.append(counts)
    return HeldCounts(tuple(counted), not_counted)


def _row(agreement: str, period: str, agency: str) -> bytes:
    """Return the name of a row, to which its content is bound."""
    return lp(agreement.encode(), period.encode(), agency.encode())


def _is_authentic(row: FigureCountsRow, manifests: ManifestBook) -> bool:
    """Return whether a key that is still believed signed the counts."""
    try:
        require_author(read_note(row.note), manifests, row.agency, RECEIPT, row.time_ms)
    except RefusedError:
        return False
    return True
