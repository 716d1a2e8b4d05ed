"""Ids of the cases that this agency has seen: those about which it has sent an event.

Tokens are made of them after the quarter. They are kept only under an agreement that names a party
that tallies, encrypted under the agency's secret.
"""

from __future__ import annotations

from broker.figures.row_keys import FigureRowKind, row_key
from broker.store.transaction import Transaction
from broker.store.unions import SeenCase, UnionCaseRow
from contracts.model import Contract


class SeenRecorder:
    """The cases that one transaction sends events about: collected, and written together.

    Args:
        tx: the transaction.
        secret: this agency's key for pseudonyms.
    """

    def __init__(self, tx: Transaction, secret: bytes) -> None:
        self._tx = tx
        self._key = row_key(secret, FigureRowKind.UNION_CASE)
        self._rows: list[UnionCaseRow] = []

    def published(self, contract: Contract, case_id: str, case_key: bytes, now: int) -> None:
        """Record that this agency sends an event about a case."""
        if contract.tally_party is not None:
            content = self._key.seal(case_id.encode(), case_key)
            self._rows.append(UnionCaseRow(case_key, contract.name, now, content))

    def write(self) -> None:
        """Write the cases that are new."""
        self._tx.unions.add_cases(self._rows)


class SeenReader:
    """Decrypts ids of cases from the state.

    Args:
        secret: this agency's key for pseudonyms.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = row_key(secret, FigureRowKind.UNION_CASE)

    def open(self, case: SeenCase) -> str:
        """Return the id of a case.

        Raises:
            SealBroken: the row was changed.
        """
        return self._key.open(case.content, case.case_key).decode()
