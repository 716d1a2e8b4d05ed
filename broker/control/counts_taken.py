"""Taking of counts that other agencies publish (docs/spec/figures.md, "Exchange").

The newest counts of each agency, agreement and period are kept, in whatever order they come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from broker.control.partner_statements_taken import PlacedStatement, StatementReader, order_of
from broker.errors import RefusedError, WrongInputError
from broker.figures.counting import CountsOf, Period, parse_period, quarter_of
from broker.figures.counts_content import fault_in, unpacked
from broker.figures.counts_held import counts_row
from broker.figures.facts import case_figures
from broker.keys.instant import CLOCK_SKEW_MS
from broker.statements.authorship import read_note
from broker.statements.counts_statement import COUNTS, counts_malformed
from broker.statements.partner_statements import SealedStatement, StatementPlace
from broker.store.database import Store
from broker.store.transaction import Transaction
from contracts.model import Contract

PERIODS_KEPT: Final = 12
"""Quarters before the running one whose counts are kept."""


@dataclass(frozen=True, slots=True)
class CountsFault:
    """Counts with a verified author that were refused.

    Attributes:
        time_ms: when.
        code: the reason.
    """

    time_ms: int
    code: str


def last_fault(tx: Transaction, agreement: str, agency: str) -> CountsFault | None:
    """Return the last counts of an agency that were refused, if none were taken since.

    Args:
        tx: a transaction.
        agreement: name of the agreement to which the counts belong.
        agency: the agency that counted.
    """
    row = tx.meta.get(_fault_name(agreement, agency))
    if not row:
        return None
    time, code = row.decode().split()
    return CountsFault(int(time), code)


def _fault_name(agreement: str, agency: str) -> str:
    return f"counts-fault/{agreement}/{agency}"


@dataclass(frozen=True, slots=True)
class CountsTaken:
    """Counts that were taken.

    Attributes:
        agency: the agency that counted.
        period: the quarter.
        other_vocabulary: whether they name another vocabulary than the agreement here.
    """

    agency: str
    period: str
    other_vocabulary: bool


class CountsReceiver:
    """Takes counts into the state.

    Args:
        store: the agency's state.
        secret: this agency's key for pseudonyms.
    """

    def __init__(self, store: Store, secret: bytes) -> None:
        self._store = store
        self._secret = secret

    def take(self, value: bytes, reader: StatementReader) -> CountsTaken | None:
        """Take counts; raises as `StatementReader.take`.

        Returns:
            None for counts that are passed over.
        """
        return reader.take(COUNTS, value, self._store, self._placed)

    def _placed(self, statement: SealedStatement, reader: StatementReader) -> _PlacedCounts:
        first = quarter_of(reader.now, PERIODS_KEPT)
        past = _period_of(statement.place, reader.now).first_ms < first.first_ms
        contract = None if past else _agreement_of(statement.place, reader)
        return _PlacedCounts(self._secret, statement, contract, first)


@dataclass(frozen=True, slots=True)
class _PlacedCounts(PlacedStatement[CountsTaken]):
    """Counts of an agency under an agreement; without one they are of a quarter long ago.

    Attributes:
        secret: this agency's key for pseudonyms.
        statement: whose note is read.
        contract: the agreement in force.
        first: the first quarter that is kept.
    """

    secret: bytes
    statement: SealedStatement
    contract: Contract | None
    first: Period

    def is_old(self, tx: Transaction) -> bool:
        """Return whether counts are a replay, not newer than those kept, or of long ago."""
        place = self.statement.place
        agreement, period = place.subject
        if self.contract is None:
            return True
        row = tx.figure_counts.get(agreement, period, place.agency)
        if row is None:
            return False
        kept = order_of(row.time_ms, read_note(row.note))
        return order_of(place.time_ms, self.statement.note) <= kept

    def read(self, content: bytes) -> CountsTaken:
        """Check that the content says what the note says."""
        assert self.contract is not None
        said = _checked(self.statement.place, content, self.contract)
        other = said.vocabulary != self.contract.vocabulary.hash
        return CountsTaken(said.agency, said.period, other)

    def keep(self, tx: Transaction, content: bytes) -> None:
        """Store the counts; those of quarters long ago are deleted."""
        place = self.statement.place
        tx.figure_counts.save(counts_row(self.secret, place, self.statement.note, content))
        fault_name = _fault_name(place.subject[0], place.agency)
        if tx.meta.get(fault_name):
            tx.meta.set(fault_name, b"")
        tx.figure_counts.forget_before(self.first.name)

    def refused(self, tx: Transaction, refusal: RefusedError, now: int) -> None:
        """Note the refusal for `concordant status`."""
        place = self.statement.place
        fault_name = _fault_name(place.subject[0], place.agency)
        tx.meta.set(fault_name, f"{now} {refusal.code}".encode())


def _period_of(place: StatementPlace, now: int) -> Period:
    """Return the period that a note states, if it has begun.

    Raises:
        RefusedError: ``counts_malformed``, ``early``.
    """
    try:
        period = parse_period(place.subject[1])
    except WrongInputError:
        raise counts_malformed("its period is not a quarter") from None
    if period.first_ms > now + CLOCK_SKEW_MS:
        raise RefusedError(2, "early", "the counts are of a quarter that has not begun")
    return period


def _agreement_of(place: StatementPlace, reader: StatementReader) -> Contract:
    """Return the agreement in force under which an agency counts for this one.

    Raises:
        RefusedError: ``counts_unagreed``.
    """
    resolver = reader.trust.resolver
    for signed in resolver.contracts.live(reader.now, place.subject[0]):
        contract = signed.contract
        if (
            case_figures(contract) is not None
            and place.agency in contract.contributors
            and resolver.agency in contract.statistics_parties
        ):
            return contract
    raise RefusedError(
        6, "counts_unagreed", "no agreement in force has this agency count cases for ours"
    )


def _checked(place: StatementPlace, content: bytes, contract: Contract) -> CountsOf:
    """Return the counts of a content that says what its note says; raises ValueError."""
    said = unpacked(content)
    named = (said.deployment, said.agency, said.agreement, said.period)
    if named != (place.deployment, place.agency, *place.subject):
        raise ValueError("its content is of another agency, agreement or period")
    if said.vocabulary == contract.vocabulary.hash:
        fault = fault_in(said, contract, contract.role_of[place.agency])
        if fault is not None:
            raise ValueError(fault)
    return said
