"""Part of this agency in unions: keys and tokens of a contributor, results of the tallying party.

docs/spec/figures.md, "Unions". The running adapter looks often; each step is done once it is due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from broker.control.statement_sender import (
    Draft,
    StatementSender,
    last_sent,
    names_of,
    recipient_keys,
)
from broker.envelope.primitives import HASH_BYTES, lp, random_bytes, sha256
from broker.figures.altered_rows import altered_rows_named
from broker.figures.counting import Period, parse_period, quarter_of
from broker.figures.unions.held import HeldUnion
from broker.figures.unions.own_tokens import own_tokens
from broker.figures.unions.results import format_result
from broker.figures.unions.tally import Tally, ready_tokens, tally
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

SINCE: Final = "unions-since"
"""Name in the state of the time (be64 ms) since which an agreement's cases are recorded."""


@dataclass(frozen=True, slots=True)
class _Union:
    """The union of the last quarter under one agreement."""

    contract: Contract
    tally_party: str
    period: Period
    place: TokenPlace
    partners: frozenset[str]


class OwnUnions:
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
        self._agency = sealing.contracts.agency
        self._store = store
        self._secret = secret
        self._sealing = sealing
        self._sender = sender
        self._clock = clock

    async def look(self) -> tuple[str, ...]:
        """Do what is due. Returns the parts that were sent.

        Raises:
            TransportError: Kafka does not take a statement; it stays due.
            StoreError: the state cannot be read or written.
            RegistryError, KeyAccessError: this agency cannot sign now.
        """
        drafts = await asyncio.to_thread(self._due, self._clock())
        for draft in drafts:
            await self._sender.send(draft)
        return tuple(draft.subject[-1] for draft in drafts)

    def _due(self, now: int) -> list[Draft]:
        signed = self._sealing.contracts.live(now)
        due: list[Draft] = []
        with self._store.transaction() as tx, altered_rows_named():
            _forget(tx, now)
            for one in signed:
                _note_since(tx, one.contract, now)
                union = self._union(one, now)
                if union is not None:
                    due += self._of_union(tx, union, now)
        return due

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

    def _of_union(self, tx: Transaction, union: _Union, now: int) -> Iterator[Draft]:
        held = HeldUnion(tx, self._secret, union.place)
        if self._agency == union.tally_party:
            yield from self._tallying(tx, union, held, now)
        elif self._agency in union.contract.contributors:
            yield from self._contributing(tx, union, held, now)

    # --- contributor -----------------------------------------------------------------------------

    def _contributing(
        self, tx: Transaction, union: _Union, held: HeldUnion, now: int
    ) -> Iterator[Draft]:
        """Yield the key and the tokens that are due while the quarter is collected."""
        begun = _since(tx, union.contract) <= union.period.first_ms
        if not begun or not collected_at(union.period, now):
            return
        if held.result(union.tally_party) is not None:
            return
        if held.key() is None and self._may_make_key(union, now):
            held.made_key(self._agency, random_bytes(HASH_BYTES), now)
        key = held.key()
        if key is None:
            return
        if key.maker == self._agency:
            others = union.partners & set(union.contract.contributors)
            yield from self._draft(tx, union, "key", key.key.id, others, now, lambda: key.secret)
        tallies = union.partners & {union.tally_party}
        yield from self._draft(
            tx, union, "tokens", key.key.id, tallies, now, lambda: self._tokens(tx, union, key.key)
        )

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

    def _tallying(
        self, tx: Transaction, union: _Union, held: HeldUnion, now: int
    ) -> Iterator[Draft]:
        """Tally once the tokens are complete or their time is over, and yield the result."""
        result = held.result(self._agency) or self._tallied(union, held, now)
        if result is None:
            return
        content = format_result(result)
        readers = union.partners & union.contract.statistics_parties
        said = sha256(content)
        yield from self._draft(tx, union, "result", said, readers, now, lambda: content)

    def _tallied(self, union: _Union, held: HeldUnion, now: int) -> Tally | None:
        contract = union.contract
        expected = union.partners & set(contract.contributors)
        over = now >= union.period.end_ms + TALLY_MS
        tokens = ready_tokens(held.tokens(), expected, over=over)
        if tokens is None:
            return None
        assert contract.statistics is not None
        result = tally(tokens, contract.role_of, contract.statistics.suppress_below)
        held.tallied(self._agency, result, now)
        return result

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
    ) -> Iterator[Draft]:
        """Yield a part if it was not sent yet, is another one, has other readers, or is a day old.

        Args:
            tx: a transaction.
            union: of which it is.
            part: key, tokens or result.
            said: tells one content from another.
            readers: agencies that get it.
            now: ms.
            content: makes it; None if it cannot be sent.
        """
        keys = recipient_keys(self._sealing, readers, now)
        if not keys:
            return
        name = f"union-sent:{union.place.agreement}:{union.place.period}:{part}"
        said_to = sha256(lp(said, names_of(keys)))
        last = last_sent(tx, name, now)
        if last is not None and last.said == said_to and now - last.time_ms < UNION.renew_ms:
            return
        made = content()
        if made is not None:
            subject = (union.place.agreement, union.place.period, part)
            yield Draft(UNION, name, said_to, made, keys, subject)


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


def _forget(tx: Transaction, now: int) -> None:
    """Destroy keys that are not needed, tokens of earlier quarters, and ids of older cases."""
    held = tx.unions.held()
    tallied = {(one.agreement, one.period) for one in held if one.part == "result"}
    last = ended_before(now).name
    for one in held:
        over = now >= parse_period(one.period).end_ms + CLOSES_MS
        key_done = one.part == "key" and (over or (one.agreement, one.period) in tallied)
        if key_done or (one.part == "tokens" and one.period != last):
            tx.unions.forget(one.agreement, one.period, one.part)
    tx.unions.forget_cases_before(quarter_of(now - CLOSES_MS).first_ms)
