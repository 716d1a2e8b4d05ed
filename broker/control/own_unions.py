"""Part of this agency in unions: keys and tokens of a contributor, results of the tallying party.

docs/spec/figures.md, "Unions". The running adapter looks often; each step is done once it is due.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from broker.control.statement_publisher import DueStatements, StatementPublisher, TooLargeContent
from broker.control.statement_sender import (
    DueStatement,
    StatementSender,
    last_sent,
    names_of,
    recipient_keys,
)
from broker.control.too_large import waits_as_too_large
from broker.envelope.primitives import HASH_BYTES, lp, random_bytes, sha256
from broker.figures.altered_rows import altered_rows_named
from broker.figures.counting import Period, parse_period, quarter_of
from broker.figures.unions.held import HeldUnion
from broker.figures.unions.own_tokens import own_tokens
from broker.figures.unions.results import format_result
from broker.figures.unions.tally import UnionTally, ready_tokens, tally
from broker.figures.unions.timing import (
    CLOSES_MS,
    MAKER_PAUSE_MS,
    OPENS_MS,
    TALLY_MS,
    collected_at,
    ended_before,
)
from broker.figures.unions.tokens import PeriodKey, TokenPlace, format_tokens
from broker.registry.active_partners import partners_under
from broker.registry.contracts import SignedContract
from broker.sending.sealing_context import SealingContext
from broker.statements.union_statements import UNION
from broker.store.database import Store
from broker.store.transaction import Transaction
from broker.store.unions import Part
from contracts.model import Contract

_Due: TypeAlias = DueStatement | TooLargeContent
SINCE: Final = "unions-since"
"""Name in the state of the time (be64 ms) since which an agreement's cases are recorded."""


def sent_name(place: TokenPlace, part: Part) -> str:
    """Return the name in the state of the part of a union that was sent last."""
    return f"union-sent:{place.agreement}:{place.period}:{part}"


@dataclass(frozen=True, slots=True)
class _Union:
    """The union of the last quarter under one agreement."""

    contract: Contract
    tally_party: str
    period: Period
    place: TokenPlace
    partners: frozenset[str]


class OwnUnions(StatementPublisher):
    """Makes and sends what this agency owes to unions.

    Args:
        store: the agency's state.
        secret: its key for pseudonyms.
        sealing: the contracts and keys that are believed now.
        sender: seals, signs and sends.
        clock: () -> ms.
    """

    def __init__(
        self,
        store: Store,
        secret: bytes,
        sealing: SealingContext,
        sender: StatementSender,
        clock: Callable[[], int],
    ) -> None:
        super().__init__(store, sender, clock)
        self._agency = sealing.contracts.agency
        self._secret = secret
        self._sealing = sealing

    def due(self, now: int) -> DueStatements:
        """Return what is to be sent. Contents take seconds, so no write transaction makes them."""
        signed = self._sealing.contracts.live(now)
        unions = [one for one in (self._union(each, now) for each in signed) if one is not None]
        tallied = {one.place.agreement for one in unions if one.tally_party == self._agency}
        with self._store.transaction() as tx:
            _forget(tx, tallied, now)
            for one in signed:
                _note_since(tx, one.contract, now)
        found: list[_Due] = []
        with altered_rows_named():
            for union in unions:
                found += self._of_union(union, now)
        return DueStatements(
            tuple(one for one in found if isinstance(one, DueStatement)),
            tuple(one for one in found if isinstance(one, TooLargeContent)),
        )

    def _union(self, signed: SignedContract, now: int) -> _Union | None:
        contract = signed.contract
        tally_party = contract.tally_party
        if tally_party is None:
            return None
        period = ended_before(now)
        place = TokenPlace(contract.deployment, contract.name, period.name)
        contracts, manifests = self._sealing.contracts, self._sealing.manifests
        partners = partners_under(signed, contracts, manifests, now)
        if not partners:  # this agency has suspended or left its part
            return None
        return _Union(contract, tally_party, period, place, partners)

    def _of_union(self, union: _Union, now: int) -> list[_Due]:
        if self._agency == union.tally_party:
            self._tally(union, now)
            with self._store.reading() as tx:
                return list(self._result(tx, union, now))
        if self._agency in union.contract.contributors and collected_at(union.period, now):
            self._make_key(union, now)
            with self._store.reading() as tx:
                return list(self._contribution(tx, union, now))
        return []

    def _held(self, tx: Transaction, union: _Union) -> HeldUnion:
        return HeldUnion(tx, self._secret, union.place, self._sealing.manifests)

    # --- contributor -----------------------------------------------------------------------------

    def _make_key(self, union: _Union, now: int) -> None:
        """Make the key of the period if no contributor has, and this agency may."""
        if not self._may_make_key(union, now):
            return
        with self._store.transaction() as tx:
            held = self._held(tx, union)
            if self._contributes(tx, union) and held.key() is None:
                held.made_key(self._agency, random_bytes(HASH_BYTES), now)

    def _contribution(self, tx: Transaction, union: _Union, now: int) -> Iterator[_Due]:
        """Yield the key and the tokens that are due while the quarter is collected."""
        key = self._held(tx, union).key()
        if key is None or not self._contributes(tx, union):
            return
        if key.maker == self._agency:
            others = union.partners & set(union.contract.contributors)
            yield from self._draft(tx, union, "key", key.key.id, others, now, lambda: key.secret)
        if waits_as_too_large(tx, sent_name(union.place, "tokens"), now):
            return
        tallies = union.partners & {union.tally_party}
        yield from self._draft(
            tx, union, "tokens", key.key.id, tallies, now, lambda: self._tokens(tx, union, key.key)
        )

    def _contributes(self, tx: Transaction, union: _Union) -> bool:
        """Return whether cases are recorded since the quarter began, and it is not tallied yet."""
        begun = _since(tx, union.contract) <= union.period.first_ms
        return begun and self._held(tx, union).result(union.tally_party) is None

    def _may_make_key(self, union: _Union, now: int) -> bool:
        """Return whether every contributor before this agency in order had its day."""
        order = sorted(union.contract.contributors).index(self._agency)
        return now >= union.period.end_ms + OPENS_MS + order * MAKER_PAUSE_MS

    def _tokens(self, tx: Transaction, union: _Union, key: PeriodKey) -> bytes | None:
        """Return this agency's tokens; None if there are too many for one record."""
        contract, period = union.contract, union.period
        sets = own_tokens(tx, self._secret, contract, self._agency, period, key)
        return format_tokens(sets) if sets.fits else None

    # --- the party that tallies ------------------------------------------------------------------

    def _tally(self, union: _Union, now: int) -> None:
        """Tally once the tokens are complete or their time is over.

        A result of tokens that were replaced meanwhile is not kept: the next look tallies again.
        """
        with self._store.reading() as tx:
            held = self._held(tx, union)
            if held.result(self._agency) is not None:
                return
            received = held.received("tokens")
            result = self._tallied(union, held, now)
        if result is None:
            return
        with self._store.transaction() as tx:
            held = self._held(tx, union)
            if held.received("tokens") == received:
                held.tallied(self._agency, result, now)

    def _result(self, tx: Transaction, union: _Union, now: int) -> Iterator[_Due]:
        """Yield the result, if there is one."""
        result = self._held(tx, union).result(self._agency)
        if result is None:
            return
        content = format_result(result)
        readers = union.partners & union.contract.statistics_parties
        said = sha256(content)
        yield from self._draft(tx, union, "result", said, readers, now, lambda: content)

    def _tallied(self, union: _Union, held: HeldUnion, now: int) -> UnionTally | None:
        """Return the result. Tokens of an agency that contributes no longer do not count."""
        contract = union.contract
        expected = union.partners & set(contract.contributors)
        over = now >= union.period.end_ms + TALLY_MS
        every = held.tokens().items()
        of_contributors = {one: sets for one, sets in every if one in contract.contributors}
        tokens = ready_tokens(of_contributors, expected, over=over)
        if tokens is None:
            return None
        assert contract.statistics is not None
        return tally(tokens, contract.role_of, contract.statistics.suppress_below)

    # --- statements ------------------------------------------------------------------------------

    def _draft(
        self,
        tx: Transaction,
        union: _Union,
        part: Part,
        said: bytes,
        readers: frozenset[str],
        now: int,
        content: Callable[[], bytes | None],
    ) -> Iterator[_Due]:
        """Yield a part if it was not sent yet, is another one, has other readers, or is a day old.

        Args:
            tx: a transaction.
            union: of which it is.
            part: key, tokens or result.
            said: tells one content from another.
            readers: agencies that get it.
            now: ms.
            content: makes it; None if it is too large.
        """
        keys = recipient_keys(self._sealing, readers, now)
        if not keys:
            return
        name = sent_name(union.place, part)
        said_to = sha256(lp(said, names_of(keys)))
        last = last_sent(tx, name, now)
        if last is not None and last.said == said_to and now - last.time_ms < UNION.renew_ms:
            return
        made, place = content(), union.place
        if made is None:
            yield TooLargeContent(name, place.agreement, place.period)
        else:
            subject = (place.agreement, place.period, part)
            yield DueStatement(UNION, name, said_to, made, keys, subject)


def _note_since(tx: Transaction, contract: Contract, now: int) -> None:
    """Remember since when cases are recorded under an agreement; forget it without a tally."""
    known = tx.meta.get(_since_name(contract))
    if contract.tally_party is None:
        if known:
            tx.meta.set(_since_name(contract), b"")
    elif not known:
        tx.meta.set(_since_name(contract), now.to_bytes(8, "big"))


def _since(tx: Transaction, contract: Contract) -> int:
    return int.from_bytes(tx.meta.get(_since_name(contract)) or b"", "big")


def _since_name(contract: Contract) -> str:
    return f"{SINCE}:{contract.name}"


def _forget(tx: Transaction, tallied: Collection[str], now: int) -> None:
    """Destroy keys and tokens that are not needed, and ids of older cases.

    Args:
        tx: a transaction.
        tallied: names of the agreements under which this agency tallies now.
        now: ms.
    """
    held = tx.unions.held()
    done = {(one.agreement, one.period) for one in held if one.part == "result"}
    last = ended_before(now).name
    for one in held:
        after_end = now - parse_period(one.period).end_ms
        key_done = after_end >= CLOSES_MS or (one.agreement, one.period) in done
        tokens_done = one.period != last or (after_end >= TALLY_MS and one.agreement not in tallied)
        if (one.part == "key" and key_done) or (one.part == "tokens" and tokens_done):
            tx.unions.forget(one.agreement, one.period, one.part)
    tx.unions.forget_cases_before(quarter_of(now - CLOSES_MS).first_ms)
