"""Keys, tokens and results of unions as the state keeps them: encrypted, bound to their row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from broker.envelope.at_rest import AtRestKey
from broker.envelope.primitives import HASH_BYTES, lp
from broker.figures.unions.results import format_result, parse_result
from broker.figures.unions.tally import UnionTally
from broker.figures.unions.tokens import PeriodKey, TokenPlace, TokenSets, parse_tokens
from broker.store.transaction import Transaction
from broker.store.unions import Part, UnionRow

__all__ = ["HeldUnion", "HeldUnionKey", "ReceivedStatement"]

_LABEL: Final = b"concordant/1/union-statement"
_OWN: Final = bytes(HASH_BYTES)


@dataclass(frozen=True, slots=True)
class HeldUnionKey:
    """A key of the period that is held.

    Attributes:
        maker: the contributor that made it.
        secret: 32 bytes.
        key: the key.
    """

    maker: str
    secret: bytes
    key: PeriodKey


@dataclass(frozen=True, slots=True)
class ReceivedStatement:
    """Author, time (ms) and hash of the note of a statement that was received."""

    agency: str
    time_ms: int
    digest: bytes


class HeldUnion:
    """Statements of one union in the state.

    Args:
        tx: a transaction.
        secret: this agency's key for pseudonyms.
        place: deployment, agreement and period.
    """

    def __init__(self, tx: Transaction, secret: bytes, place: TokenPlace) -> None:
        self._tx = tx
        self._at_rest = AtRestKey(secret, _LABEL)
        self._place = place

    def key(self) -> HeldUnionKey | None:
        """Return the key that makes tokens: of those that are held, that of the first maker.

        Raises:
            SealBroken: a row was changed.
        """
        for row in self._rows("key"):
            secret = self._open(row)
            return HeldUnionKey(row.agency, secret, PeriodKey(self._place, secret))
        return None

    def tokens(self) -> Mapping[str, TokenSets]:
        """Return the tokens of each contributor.

        Raises:
            SealBroken: a row was changed.
        """
        return {row.agency: parse_tokens(self._open(row)) for row in self._rows("tokens")}

    def received(self, part: Part) -> frozenset[ReceivedStatement]:
        """Return the statements of one part that are held, without their contents."""
        return frozenset(
            ReceivedStatement(row.agency, row.time_ms, row.digest) for row in self._rows(part)
        )

    def result(self, tally_party: str) -> UnionTally | None:
        """Return the result of the party that tallies.

        Raises:
            SealBroken: a row was changed.
        """
        row = self._get("result", tally_party)
        return None if row is None else parse_result(self._open(row))

    def is_old(self, part: Part, of: ReceivedStatement) -> bool:
        """Return whether a statement is a replay, or not newer than the one that is kept."""
        row = self._get(part, of.agency)
        return row is not None and (of.time_ms, of.digest) <= (row.time_ms, row.digest)

    def receive(self, part: Part, of: ReceivedStatement, content: bytes) -> None:
        """Keep the content of another agency's statement."""
        self._save(part, of, content)

    def made_key(self, agency: str, secret: bytes, now: int) -> None:
        """Keep a key that this agency made."""
        self._save("key", ReceivedStatement(agency, now, _OWN), secret)

    def tallied(self, agency: str, tally: UnionTally, now: int) -> None:
        """Keep the result that this agency made, and destroy the tokens."""
        self._save("result", ReceivedStatement(agency, now, _OWN), format_result(tally))
        self._tx.unions.forget(self._place.agreement, self._place.period, "tokens")

    def _save(self, part: Part, of: ReceivedStatement, content: bytes) -> None:
        agreement, period = self._place.agreement, self._place.period
        sealed = self._at_rest.seal(content, self._row(part, of.agency))
        self._tx.unions.save(
            UnionRow(agreement, period, part, of.agency, of.time_ms, of.digest, sealed)
        )

    def _rows(self, part: Part) -> list[UnionRow]:
        return self._tx.unions.all(self._place.agreement, self._place.period, part)

    def _get(self, part: Part, agency: str) -> UnionRow | None:
        return self._tx.unions.get(self._place.agreement, self._place.period, part, agency)

    def _open(self, row: UnionRow) -> bytes:
        return self._at_rest.open(row.content, self._row(row.part, row.agency))

    def _row(self, part: Part, agency: str) -> bytes:
        """Return the name of a row, to which its content is bound."""
        return lp(*self._place.parts, part.encode(), agency.encode())
