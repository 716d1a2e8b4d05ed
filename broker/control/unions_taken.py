"""Taking of statements for unions (docs/spec/figures.md, "Unions").

A contributor takes keys and the result; the party that tallies takes tokens. A statement that its
author may not make, or that is not for this agency, is dropped before it is opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from broker.control.partner_statements_taken import PlacedStatement, StatementReader
from broker.errors import WrongInputError
from broker.figures.counting import Period, parse_period
from broker.figures.unions.held import HeldUnion, ReceivedStatement
from broker.figures.unions.results import parse_result
from broker.figures.unions.timing import OPENS_MS, TALLY_MS
from broker.figures.unions.tokens import PeriodKey, TokenPlace, parse_tokens
from broker.keys.instant import CLOCK_SKEW_MS
from broker.registry.manifests import ManifestBook
from broker.statements.partner_statements import SealedStatement, StatementPlace
from broker.statements.union_statements import UNION, union_malformed, union_misplaced
from broker.store.database import Store
from broker.store.transaction import Transaction
from broker.store.unions import Part
from broker.tlog.note import format_note
from contracts.model import Contract


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
        """Take a statement; raises as `StatementReader.take`.

        Returns:
            The agency whose statement was taken; None for one that is passed over.
        """
        return reader.take(UNION, value, self._store, self._placed)

    def _placed(self, statement: SealedStatement, reader: StatementReader) -> _PlacedPart:
        place = statement.place
        agreement, period_name, part_name = place.subject
        part = next((one for one in get_args(Part) if one == part_name), None)
        if part is None:
            raise union_malformed("it has an unknown part")
        period = _period(period_name)
        contract = _contract(reader, agreement)
        _check_parties(contract, part, place.agency, reader.trust.resolver.agency)
        _check_time(period, part, place, reader.now)
        of = ReceivedStatement(place.agency, place.time_ms, format_note(statement.note))
        manifests = reader.trust.resolver.manifests
        token_place = TokenPlace(place.deployment, agreement, period.name)
        return _PlacedPart(self._secret, contract, manifests, token_place, part, of)


@dataclass(frozen=True, slots=True)
class _PlacedPart(PlacedStatement[str]):
    """A part of a union.

    Attributes:
        secret: this agency's key for pseudonyms.
        contract: the agreement in force.
        manifests: the parties' manifests.
        place: deployment, agreement and period.
        part: key, tokens or result.
        of: author, time and note of the statement.
    """

    secret: bytes
    contract: Contract
    manifests: ManifestBook
    place: TokenPlace
    part: Part
    of: ReceivedStatement

    def is_old(self, tx: Transaction) -> bool:
        """Return whether a newer statement is kept, or the union is tallied and needs no more."""
        held = HeldUnion(tx, self.secret, self.place, self.manifests)
        tally_party = self.contract.tally_party
        assert tally_party is not None
        if self.part != "result" and held.result(tally_party) is not None:
            return True
        return held.is_old(self.part, self.of)

    def read(self, content: bytes) -> str:
        """Check the form of the content; returns its author."""
        match self.part:
            case "key":
                PeriodKey(self.place, content)
            case "tokens":
                parse_tokens(content)
            case "result":
                if not set(parse_result(content).contributors) <= set(self.contract.contributors):
                    raise ValueError("it names an agency that does not contribute")
        return self.of.agency

    def keep(self, tx: Transaction, content: bytes) -> None:
        """Store the part; a result ends the time of the keys."""
        HeldUnion(tx, self.secret, self.place, self.manifests).receive(self.part, self.of, content)
        if self.part == "result":
            tx.unions.forget(self.place.agreement, self.place.period, "key")


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
