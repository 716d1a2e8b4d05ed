"""Counts for figures that an agency sent and holds, by agreement."""

from __future__ import annotations

from dataclasses import dataclass

from broker.agency.participant import Participant
from broker.control.counts_publisher import PERIODS_PUBLISHED, sent_counts_name
from broker.control.counts_taken import last_fault
from broker.control.statement_sender import last_sent
from broker.figures.counting import last_quarters
from broker.figures.facts import case_figures
from broker.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class PartnerCounts:
    """Counts of another party.

    Attributes:
        agency: its id.
        quarters: number of quarters of which counts are kept.
        newest_ms: time of the newest; None without any.
        refused: code of the last counts of it that were refused; None if none were.
        refused_ms: when they were.
    """

    agency: str
    quarters: int
    newest_ms: int | None
    refused: str | None
    refused_ms: int | None


@dataclass(frozen=True, slots=True)
class CountsState:
    """Exchange of counts under an agreement.

    Attributes:
        agreement: its name.
        sent_ms: when this agency sent its counts last; None if it never did.
        partners: the other parties that count, by agency id; empty if this agency gets no counts.
    """

    agreement: str
    sent_ms: int | None
    partners: tuple[PartnerCounts, ...]


def counts_states(participant: Participant, tx: Transaction, now: int) -> tuple[CountsState, ...]:
    """Return the exchange of counts under each agreement in force that counts cases."""
    held = tx.figure_counts.held()
    states: list[CountsState] = []
    for signed in participant.contracts.live(now):  # none is a state, and not an error
        contract = signed.contract
        if case_figures(contract) is None:
            continue
        sent = [
            last_sent(tx, sent_counts_name(contract.name, period), now)
            for period in last_quarters(now, PERIODS_PUBLISHED + 1)
        ]
        partners: list[PartnerCounts] = []
        if participant.agency in contract.statistics_parties:
            for agency in contract.contributors:
                if agency != participant.agency:
                    times = [
                        row.time_ms
                        for row in held
                        if (row.agreement, row.agency) == (contract.name, agency)
                    ]
                    fault = last_fault(tx, contract.name, agency)
                    partners.append(
                        PartnerCounts(
                            agency,
                            len(times),
                            max(times, default=None),
                            None if fault is None else fault.code,
                            None if fault is None else fault.time_ms,
                        )
                    )
        sent_ms = max((last.time_ms for last in sent if last is not None), default=None)
        states.append(CountsState(contract.name, sent_ms, tuple(partners)))
    return tuple(states)
