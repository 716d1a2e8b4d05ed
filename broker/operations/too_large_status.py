"""Statements of an agency that are too large to send, for `concordant status`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from broker.agency.participant import Participant
from broker.control.counts_publisher import PERIODS_PUBLISHED
from broker.control.counts_publisher import sent_counts_name as counts_name
from broker.control.own_unions import sent_name as union_name
from broker.control.too_large import too_large_ms
from broker.figures.counting import last_quarters
from broker.figures.unions.tokens import TokenPlace
from broker.store.transaction import Transaction
from contracts.model import Contract


@dataclass(frozen=True, slots=True)
class TooLarge:
    """A statement that no record can hold, so the figures of its quarter lack this agency.

    Attributes:
        statement: `counts`, or `tokens` for a union.
        agreement: name of the agreement.
        period: `YYYY-Qn`.
        made_ms: when it was made last. The adapter makes it again after a day.
    """

    statement: str
    agreement: str
    period: str
    made_ms: int


def too_large_statements(
    participant: Participant, tx: Transaction, now: int
) -> tuple[TooLarge, ...]:
    """Return the statements that are too large, under each agreement in force."""
    return tuple(
        one
        for signed in participant.contracts.live(now)
        for one in _of_agreement(signed.contract, tx, now)
    )


def _of_agreement(contract: Contract, tx: Transaction, now: int) -> Iterator[TooLarge]:
    for period in last_quarters(now, PERIODS_PUBLISHED + 1):
        place = TokenPlace(contract.deployment, contract.name, period.name)
        names = {
            "counts": counts_name(contract.name, period),
            "tokens": union_name(place, "tokens"),
        }
        for statement, name in names.items():
            made_ms = too_large_ms(tx, name, now)
            if made_ms is not None:
                yield TooLarge(statement, contract.name, period.name, made_ms)
