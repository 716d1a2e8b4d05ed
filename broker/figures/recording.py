"""Recording of facts, in the transaction that accepts an event.

The first event about a case decides who minted it. Facts are kept of the cases that this agency
minted; of the others it keeps only that it did not mint them (docs/spec/figures.md, "Facts").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from broker.envelope.at_rest import AtRestKey
from broker.event import OpenedEvent
from broker.figures.facts import Fact, case_figures, fact_of, format_fact, parse_fact
from broker.figures.referral_facts import referral_fact_of
from broker.figures.referral_recording import ReferralFactRecorder
from broker.figures.row_keys import FigureRowKind, bound_to, row_key
from broker.store.figure_facts import FigureCaseRow, FigureFactRow
from broker.store.transaction import Transaction
from contracts.durations import DAY_MS
from contracts.events import JSON, PlainEvent
from contracts.model import Contract

RETAINED_DAYS: Final = 3 * 366
"""Days for which the facts of a case are kept, from its minting."""
RETAINED_MS: Final = RETAINED_DAYS * DAY_MS


@dataclass(frozen=True, slots=True)
class _Said:
    case_key: bytes
    agreement: str
    own: bool
    fact: Fact


class FactRecorder:
    """The facts of one transaction: collected, and written together.

    Args:
        tx: the transaction.
        secret: this agency's key for pseudonyms.
        agency: this agency.
    """

    def __init__(self, tx: Transaction, secret: bytes, agency: str) -> None:
        self._tx = tx
        self._secret = secret
        self._agency = agency
        self._said: list[_Said] = []
        self._referrals = ReferralFactRecorder(tx, secret)

    def published(
        self,
        event: PlainEvent,
        contract: Contract,
        event_id: str,
        case_key: bytes,
        now: int,
    ) -> None:
        """Record what an own event says, as its author wrote it.

        Args:
            event: the event, to the agencies that it reaches now or later.
            contract: its agreement.
            event_id: its id.
            case_key: pseudonym of its case.
            now: ms.
        """
        figures = case_figures(contract)
        if figures is not None:
            flat = contract.vocabulary.type(event.type).flatten(event.data)
            fact = fact_of(contract, figures, event.type, flat, self._agency, event_id, now)
            self._said.append(_Said(case_key, contract.name, True, fact))
            self._about_referrals(contract, event.type, flat, case_key, fact, event.recipients)

    def received(self, event: OpenedEvent, contract: Contract, case_key: bytes, now: int) -> None:
        """Record what an accepted event of another agency says, as far as we may read it."""
        figures = case_figures(contract)
        if figures is not None:
            time_ms = min(event.log_time * 1000, now)
            fact = fact_of(
                contract, figures, event.type, event.flat, event.source, event.id, time_ms
            )
            self._said.append(_Said(case_key, contract.name, False, fact))
            self._about_referrals(contract, event.type, event.flat, case_key, fact, None)

    def _about_referrals(
        self,
        contract: Contract,
        event_type: str,
        flat: Mapping[str, JSON],
        case_key: bytes,
        fact: Fact,
        sent_to: Sequence[str] | None,
    ) -> None:
        found = referral_fact_of(
            contract,
            self._secret,
            event_type,
            flat,
            source=fact.source,
            event=fact.event,
            time_ms=fact.time_ms,
            sent_to=sent_to,
        )
        if found is not None:
            self._referrals.add(case_key, contract.name, found)

    def write(self) -> None:
        """Write the new cases, the facts of those that this agency minted, and of its referrals."""
        self._referrals.write()
        if not self._said:
            return
        cases = self._tx.figure_facts.known([one.case_key for one in self._said])
        added: list[FigureCaseRow] = []
        facts: list[FigureFactRow] = []
        key = row_key(self._secret, FigureRowKind.FACT)
        for one in self._said:
            case = cases.get(one.case_key)
            if case is None:
                minted = one.fact.time_ms if one.own else None
                case = FigureCaseRow(one.case_key, one.agreement, minted)
                cases[one.case_key] = case
                added.append(case)
            if case.minted_ms is not None and case.agreement == one.agreement:
                facts.append(_sealed(key, one))
        self._tx.figure_facts.add_cases(added)
        self._tx.figure_facts.add_facts(facts)


def _sealed(key: AtRestKey, said: _Said) -> FigureFactRow:
    fact = said.fact
    content = key.seal(format_fact(fact), bound_to(said.case_key, fact.source, fact.event))
    return FigureFactRow(said.case_key, fact.source, fact.event, content)


class FactReader:
    """Decrypts facts from the state.

    Args:
        secret: this agency's key for pseudonyms.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = row_key(secret, FigureRowKind.FACT)

    def open(self, row: FigureFactRow) -> Fact:
        """Return the fact of a row.

        Raises:
            SealBroken: the row was changed.
        """
        content = self._key.open(row.content, bound_to(row.case_key, row.source, row.event_id))
        return parse_fact(row.source, row.event_id, content)
