"""Keys, tokens and results of unions as the state keeps them: encrypted, bound to their row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from broker.envelope.primitives import sha256
from broker.figures.row_keys import FigureRowKind, bound_to, row_key
from broker.figures.unions.results import format_result, parse_result
from broker.figures.unions.tally import UnionTally
from broker.figures.unions.tokens import PeriodKey, TokenPlace, TokenSets, parse_tokens
from broker.registry.manifests import ManifestBook
from broker.statements.authorship import is_still_believed, read_note
from broker.store.transaction import Transaction
from broker.store.unions import Part, UnionRow

__all__ = ["HeldUnion", "HeldUnionKey", "ReceivedStatement"]

_OWN: Final = b""
"""Note of a statement that this agency made."""


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
    """Author, time (ms) and signed note of a statement; an own one has no note."""

    agency: str
    time_ms: int
    note: bytes

    @property
    def order(self) -> tuple[int, bytes]:
        """Time, then the hash of the note's text; a later statement has a greater one."""
        return self.time_ms, sha256(read_note(self.note).text) if self.note else _OWN


class HeldUnion:
    """Statements of one union in the state.

    A statement is not used if the key that signed it is not believed any more: a thief of the key
    could have made it.

    Args:
        tx: a transaction.
        secret: this agency's key for pseudonyms.
        place: deployment, agreement and period.
        manifests: the parties' manifests.
    """

    def __init__(
        self, tx: Transaction, secret: bytes, place: TokenPlace, manifests: ManifestBook
    ) -> None:
        self._tx = tx
        self._at_rest = row_key(secret, FigureRowKind.UNION_STATEMENT)
        self._place = place
        self._manifests = manifests

    def key(self) -> HeldUnionKey | None:
        """Return the key that makes tokens: of those that are held, that of the first maker.

        Raises:
            SealBroken, StoreError: a row was changed.
        """
        for row in self._rows("key"):
            secret = self._open(row)
            return HeldUnionKey(row.agency, secret, PeriodKey(self._place, secret))
        return None

    def tokens(self) -> Mapping[str, TokenSets]:
        """Return the tokens of each contributor.

        Raises:
            SealBroken, StoreError: a row was changed.
        """
        return {row.agency: parse_tokens(self._open(row)) for row in self._rows("tokens")}

    def received(self, part: Part) -> frozenset[ReceivedStatement]:
        """Return the statements of one part that are used, without their contents."""
        return frozenset(
            ReceivedStatement(row.agency, row.time_ms, row.note) for row in self._rows(part)
        )

    def result(self, tally_party: str) -> UnionTally | None:
        """Return the result of the party that tallies.

        Raises:
            SealBroken, StoreError: a row was changed.
        """
        row = self._get("result", tally_party)
        return None if row is None or not self._believed(row) else parse_result(self._open(row))

    def is_old(self, part: Part, of: ReceivedStatement) -> bool:
        """Return whether a statement is a replay, or not newer than the one that is kept."""
        row = self._get(part, of.agency)
        return (
            row is not None
            and of.order <= ReceivedStatement(row.agency, row.time_ms, row.note).order
        )

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
            UnionRow(agreement, period, part, of.agency, of.time_ms, of.note, sealed)
        )

    def _rows(self, part: Part) -> list[UnionRow]:
        rows = self._tx.unions.all(self._place.agreement, self._place.period, part)
        return [row for row in rows if self._believed(row)]

    def _get(self, part: Part, agency: str) -> UnionRow | None:
        return self._tx.unions.get(self._place.agreement, self._place.period, part, agency)

    def _believed(self, row: UnionRow) -> bool:
        return row.note == _OWN or is_still_believed(
            row.note, self._manifests, row.agency, row.time_ms
        )

    def _open(self, row: UnionRow) -> bytes:
        return self._at_rest.open(row.content, self._row(row.part, row.agency))

    def _row(self, part: Part, agency: str) -> bytes:
        """Return the name of a row, to which its content is bound."""
        return bound_to(*self._place.parts, part, agency)
