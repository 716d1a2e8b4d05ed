"""Retention of receipts (docs/spec/receipts.md, "Kept").

A receipt is evidence of a stream's content before a key was lost. So receipts from before any
possible revocation time must be kept, but not every one of a minute. The rule is one pure function
of the times of one origin and cosigner. Bytes, origins and cosigners are limited as well.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from broker.errors import RefusedError
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import Origin
from broker.tlog.cosignature import SignedCheckpoint

HOUR_S: Final = 3600
DAY_S: Final = 24 * HOUR_S
HOURS_KEPT: Final = 48
COSIGNERS_OF_AN_ORIGIN: Final = 8
"""Maximum number of cosigners whose receipts are kept per stream, besides this reader's own.

For this agency's own streams every reader's are kept: records that all of them had confirmed need
not be published again after a revocation (broker/sending/receipt_coverage.py).
"""
ORIGINS_NOT_HELD: Final = 64
"""Maximum unknown generations per sender's partition with kept receipts of one cosigner."""
COSIGNER_BYTES: Final = 64 * 2**20
"""Maximum bytes of kept receipts of one cosigner."""
DROPPED_AT_ONCE: Final = 64
"""Number of receipts that are removed together above a cosigner's limit."""
ROW_BYTES: Final = 400
"""Size of a row besides the receipt's text and its origin, indexes included."""


def superfluous(
    times: Sequence[tuple[int, int]], ends: Collection[int], now_s: int, retention_s: int
) -> list[int]:
    """Return rows of one origin and cosigner that need not be kept.

    The rule keeps the newest, the last of each of 48 hours and of each day of the longest
    retention, and the last before each of ``ends``.

    Args:
        times: (row, time in s) in ascending order of time.
        ends: times in s from which a key of the stream's agency or of the cosigner is revoked.
        now_s: this clock.
        retention_s: the longest retention on Kafka of a contract, with its grace.
    """
    kept = {times[-1][0]} if times else set()
    last: dict[tuple[str, int], int] = {}
    for row, time_s in times:
        if time_s >= now_s - HOURS_KEPT * HOUR_S:
            last["hour", time_s // HOUR_S] = row
        if time_s >= now_s - retention_s:
            last["day", time_s // DAY_S] = row
    ascending = [time_s for _, time_s in times]
    for end in ends:
        at = bisect_left(ascending, end)
        if at:
            last["end", end] = times[at - 1][0]
    kept.update(last.values())
    return [row for row, _ in times if row not in kept]


@dataclass(slots=True)
class ReceiptRules:
    """Inputs of the limits, and the present bytes of each cosigner.

    Attributes:
        agency: the agency that keeps them.
        retention_s: the longest retention.
        ends: agency -> times in s from which one of its keys is revoked.
        stops: agency -> times in s until which receipts over its streams count for an end of its
            part (docs/spec/streams.md, "Ends").
    """

    agency: str
    retention_s: int = 44 * DAY_S
    ends: dict[str, tuple[int, ...]] = field(default_factory=dict)
    stops: dict[str, tuple[int, ...]] = field(default_factory=dict)
    _bytes: dict[str, int] | None = None

    def keep(
        self, tx: Transaction, origin: Origin, signed: SignedCheckpoint, text: bytes, now_s: int
    ) -> None:
        """Store a verified receipt, and remove those that it makes superfluous.

        Raises:
            RefusedError: ``cosigners_many`` or ``origins_many``.
        """
        name, cosigner = signed.checkpoint.origin, signed.line.name.partition("/")[2]
        if self.agency not in {origin.agency, cosigner}:
            others = {one for one in tx.receipts.cosigners(name) if one != self.agency}
            if cosigner not in others and len(others) >= COSIGNERS_OF_AN_ORIGIN:
                raise RefusedError(2, "cosigners_many", "enough agencies vouch for this stream")
        if not _held(tx, origin, self.agency):
            self._bound_origins(tx, origin, cosigner)
        time_s, checkpoint = signed.line.timestamp, signed.checkpoint
        used = self._used(tx)
        if tx.receipts.add(name, checkpoint.size, checkpoint.root, cosigner, time_s, text):
            used[cosigner] = used.get(cosigner, 0) + _size(name, text)
        self.thin(tx, name, cosigner, now_s)
        while used.get(cosigner, 0) > COSIGNER_BYTES:
            prefix = _greatest_share(tx, cosigner)
            gone = tx.receipts.drop_oldest(prefix, cosigner, DROPPED_AT_ONCE)
            if not gone:
                self.recount()
                break
            used[cosigner] -= sum(_size(*one) for one in gone)

    def recount(self) -> None:
        """Count the bytes again on next use, because a transaction was rolled back."""
        self._bytes = None

    def thin(self, tx: Transaction, origin: str, cosigner: str, now_s: int) -> None:
        """Apply the rule to one origin and cosigner."""
        agency = origin.split("/")[1]
        ends = {*self.ends.get(agency, ()), *self.ends.get(cosigner, ())}
        ends |= {*self.stops.get(agency, ())}
        gone = superfluous(tx.receipts.times(origin, cosigner), ends, now_s, self.retention_s)
        if gone:
            used = self._used(tx)
            used[cosigner] = used.get(cosigner, 0) - sum(
                _size(origin, text) for text in tx.receipts.drop(gone)
            )

    def thin_all(self, tx: Transaction, now_s: int) -> None:
        """Apply the rule to everything, because hours become days, and days end."""
        for origin, cosigner in tx.receipts.pairs():
            self.thin(tx, origin, cosigner, now_s)

    def _bound_origins(self, tx: Transaction, origin: Origin, cosigner: str) -> None:
        partition = origin.format().rpartition("/")[0] + "/"
        found = tx.receipts.origins(partition, cosigner)
        others = [one for one in found if not _held(tx, _generation(origin, one), self.agency)]
        if origin.format() in others or len(others) < ORIGINS_NOT_HELD:
            return
        if origin.format() < others[0]:
            raise RefusedError(2, "origins_many", "too many streams that are not known here")
        used = self._used(tx)
        rows = [row for row, _ in tx.receipts.times(others[0], cosigner)]
        used[cosigner] = used.get(cosigner, 0) - sum(
            _size(others[0], text) for text in tx.receipts.drop(rows)
        )

    def _used(self, tx: Transaction) -> dict[str, int]:
        if self._bytes is None:
            self._bytes = {
                cosigner: size + count * ROW_BYTES for cosigner, size, count in tx.receipts.sizes()
            }
        return self._bytes


def _greatest_share(tx: Transaction, cosigner: str) -> str:
    """Return the agency over whose streams a cosigner's receipts take most bytes.

    It is the prefix ``deployment/id/``. Its receipts are removed first: that agency decides, by its
    revocations and generations, how many are kept of its streams, and must not displace those over
    others.
    """
    shares: Counter[str] = Counter()
    for origin, size, rows in tx.receipts.sizes_of(cosigner):
        shares["/".join(origin.split("/", 2)[:2]) + "/"] += size + rows * ROW_BYTES
    return max(shares, key=lambda prefix: (shares[prefix], prefix), default="/")


def _size(origin: str, text: bytes) -> int:
    return len(origin) + len(text) + ROW_BYTES


def _generation(origin: Origin, name: str) -> Origin:
    return replace(origin, generation=name.rpartition("/")[2])


def _held(tx: Transaction, origin: Origin, agency: str) -> bool:
    """Return whether this agency has records of a stream, or owns it."""
    if origin.agency == agency:
        return tx.streams.named(origin.log) is not None
    return tx.reader_logs.has_generation(origin.log)
