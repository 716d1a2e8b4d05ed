"""Taking of statements for unions (docs/spec/figures.md, "Unions").

A contributor takes keys and the result; the party that tallies takes tokens. A statement that its
author may not make, or that is not for this agency, is dropped before it is opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from broker.control.partner_statements_taken import StatementReader, order_of
from broker.envelope.primitives import HASH_BYTES
from broker.errors import WrongInputError
from broker.figures.altered_rows import altered_rows_named
from broker.figures.counting import Period, parse_period
from broker.figures.unions.held import HeldUnion, Received
from broker.figures.unions.results import parse_result
from broker.figures.unions.timing import OPENS_MS, TALLY_MS
from broker.figures.unions.tokens import TokenPlace, parse_tokens
from broker.keys.instant import CLOCK_SKEW_MS
from broker.statements.partner_statements import SealedStatement, StatementPlace
from broker.statements.union_statements import UNION, union_malformed, union_misplaced
from broker.store.database import Store
from broker.store.transaction import Transaction
from broker.store.unions import Part
from contracts.model import Contract


@dataclass(frozen=True, slots=True)
class _Read:
    """A statement whose author may make it now."""

    contract: Contract
    place: TokenPlace
    part: Part
    of: Received


class UnionsTaken:
    """Takes statements for unions into the state.

    Args:
        store: the agency's state.
        secret: this agency's key for pseudonyms.
    """

    def __init__(self, store: Store, secret: bytes) -> None:
        self._store = store
        self._secret = secret

    def take(self, value: bytes, reader: StatementReader) -> str | None:
        """Take a statement, if it is for this agency and newer than the one that is kept.

        Args:
            value: of the record.
            reader: verifies and opens it.

        Returns:
            The agency whose statement was taken; None for one that is passed over.

        Raises:
            RefusedError: it is dropped.
            KeyAccessError: an exchange key cannot be used now; it must be given again.
            StoreError: nothing was written; it must be given again.
        """

        def is_old(statement: SealedStatement) -> bool:
            read = _read(statement, reader)
            with self._store.reading() as tx, altered_rows_named():
                return self._is_old(tx, read)

        opened = reader.open(UNION, value, is_old)
        if opened is None:
            return None
        statement, content = opened
        read = _read(statement, reader)
        try:
            _check_content(read, content)
        except ValueError as error:
            raise union_malformed(str(error)) from None
        with self._store.transaction() as tx, altered_rows_named():
            if self._is_old(tx, read):
                return None
            self._held(tx, read).receive(read.part, read.of, content)
            if read.part == "result":
                tx.unions.forget(read.place.agreement, read.place.period, "key")
        return read.of.agency

    def _held(self, tx: Transaction, read: _Read) -> HeldUnion:
        return HeldUnion(tx, self._secret, read.place)

    def _is_old(self, tx: Transaction, read: _Read) -> bool:
        """Return whether a newer statement is kept, or the union is tallied and needs no more."""
        held = self._held(tx, read)
        tally_party = read.contract.tally_party
        assert tally_party is not None
        if read.part != "result" and held.result(tally_party) is not None:
            return True
        return held.is_old(read.part, read.of)


def _read(statement: SealedStatement, reader: StatementReader) -> _Read:
    """Return a statement whose author may make it now, for this agency.

    Raises:
        RefusedError: `union_malformed`, `union_misplaced`.
    """
    place = statement.place
    agreement, period_name, part_name = place.subject
    part = next((one for one in get_args(Part) if one == part_name), None)
    if part is None:
        raise union_malformed("it has an unknown part")
    period = _period(period_name)
    contract = _contract(reader, agreement)
    _check_parties(contract, part, place.agency, reader.trust.resolver.agency)
    _check_time(period, part, place, reader.now)
    time_ms, digest = order_of(place.time_ms, statement.note)
    of = Received(place.agency, time_ms, digest)
    return _Read(contract, TokenPlace(place.deployment, agreement, period.name), part, of)


def _period(name: str) -> Period:
    try:
        return parse_period(name)
    except WrongInputError:
        raise union_malformed("its period is not a quarter") from None


def _contract(reader: StatementReader, name: str) -> Contract:
    live = reader.trust.resolver.contracts.live(reader.now, name)
    for signed in live:
        if signed.contract.tally_party is not None:
            return signed.contract
    raise union_misplaced("no agreement in force of that name has a party that tallies")


def _check_parties(contract: Contract, part: Part, author: str, own: str) -> None:
    """Check that the author makes this part, and that this agency may have it.

    The party that tallies takes no key, even if a contributor seals one for it.
    """
    tally_party, contributors = contract.tally_party, contract.contributors
    if part == "result":
        fits = author == tally_party
    elif part == "tokens":
        fits = author in contributors and own == tally_party
    else:
        fits = author in contributors and own in contributors and own != tally_party
    if not fits:
        raise union_misplaced(f"the part {part} of a union is not from its author to this agency")


def _check_time(period: Period, part: Part, place: StatementPlace, now: int) -> None:
    begins = period.end_ms + OPENS_MS - CLOCK_SKEW_MS
    if place.time_ms < begins:
        raise union_misplaced("its quarter is not tallied yet")
    if part != "result" and now >= period.end_ms + TALLY_MS:
        raise union_misplaced("its quarter is not tallied any more")


def _check_content(read: _Read, content: bytes) -> None:
    """Check the form of a content; raises ValueError."""
    match read.part:
        case "key":
            if len(content) != HASH_BYTES:
                raise ValueError("the key has another size")
        case "tokens":
            parse_tokens(content)
        case "result":
            if not set(parse_result(content).contributors) <= set(read.contract.contributors):
                raise ValueError("it names an agency that does not contribute")
