"""Deferral of records that cannot be judged yet (docs/spec/opening.md, "Deferral").

Examples: the sender's manifest has not arrived, or the record states a future time. For each sender
and partition the earliest such record is stored. Until it can be judged, a later record of this
sender is not accepted if it would start a stream or reveal a gap. The reader's stored position does
not go beyond the deferred record. So the reader reads this record again after a restart, or after
some time. Records of other senders are accepted meanwhile.
"""

from __future__ import annotations

from typing import Final

from broker.judging.judgements import Decided, Judgement, Placed, Unplaced, sender_of
from broker.judging.key_resolver import KeyResolver
from broker.record import PROOF_HEADER, KafkaPartition, Record
from broker.store.reader_rows import DeferredRow
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import Place

DEFER_UNKNOWN_MS: Final = 10 * 60 * 1000
"""Longest total delay of a sender by records with an unknown key or contract."""

EQUIVOCATION: Final = "equivocation"
_LIMITED: Final = frozenset({"key_unknown", "contract_unknown", "receipt_awaited"})
_TAKES_PLACE: Final = frozenset({"start", "jump", "link"})


def claimed_sender(record: Record, judgement: Judgement) -> str | None:
    """Return the record's sender, or the claimed one if its signature could not be checked yet."""
    signer = sender_of(judgement)
    if signer is not None:
        return signer
    for name, value in record.headers:
        if name == PROOF_HEADER and value is not None:
            checkpoint = value.partition(b"\n\n")[2]
            parts = checkpoint.split(b"\n", 1)[0].split(b"/")
            return parts[1].decode("ascii", "replace") if len(parts) > 1 else None
    return None


class RetryLater:
    """Deferred records of one partition, during one batch.

    Args:
        tx: the transaction of the batch.
        partition: the partition.
        resolver: the present key resolver.
        now: ms.

    Attributes:
        begun: (agency, code) of records that began to wait in this batch.
    """

    def __init__(
        self, tx: Transaction, partition: KafkaPartition, resolver: KeyResolver, now: int
    ) -> None:
        self._tx = tx
        self._partition = partition
        self._resolver = resolver
        self._now = now
        self._held = {row.agency: row for row in tx.reader.deferred(partition)}
        self.begun: list[tuple[str, str]] = []

    def keep(self, record: Record, sender: str | None, code: str) -> bool:
        """Defer a record.

        Returns False if it may not wait; a record without a known sender never waits.
        """
        if sender is None or self._resolver.manifests.newest(sender) is None:
            return False
        waiting = self._held.get(sender)
        if waiting is not None and record.offset > waiting.offset:
            return True
        if code in _LIMITED and not self._may_wait(sender, code):
            return False
        if waiting is None or record.offset < waiting.offset:
            self._hold(record, sender, code)
            self.begun.append((sender, code))
        return True

    def bars(self, record: Record, sender: str | None, judgement: Decided) -> bool:
        """Return whether a judged record must wait for an earlier one of its sender."""
        waiting = self._held.get(sender) if sender is not None else None
        return (
            waiting is not None
            and record.offset > waiting.offset
            and isinstance(judgement, Placed)
            and judgement.placement.verdict in _TAKES_PLACE
        )

    def end(self, record: Record, sender: str | None, judgement: Decided) -> None:
        """End the wait for a record after its final judgement, unless its sender is stopped.

        The record is recognised by its offset and not by its sender, because it may be refused
        before the sender is known. If the sender is stopped, only the sender's own wait continues.
        A wait of another sender can have the same offset, in a recreated topic or with a dishonest
        host. That wait ends.
        """
        stopped = isinstance(judgement, Unplaced) and judgement.refusal.code == "stream_stopped"
        for waiting in list(self._held.values()):
            if waiting.offset != record.offset:
                continue
            del self._held[waiting.agency]
            self._tx.reader.clear_deferred(waiting.place)
            if stopped and waiting.agency == sender:
                self._hold(record, waiting.agency, EQUIVOCATION)

    def stop(self, record: Record, sender: str) -> None:
        """Equivocation: keep the position here until an operator releases the sender."""
        if sender not in self._held:
            self._hold(record, sender, EQUIVOCATION)

    def next_position(self, offset: int) -> int:
        """Return where to continue: ``offset``, or the earliest record that still waits."""
        return min([offset, *(row.offset for row in self._held.values())])

    def _hold(self, record: Record, sender: str, code: str) -> None:
        place = Place(sender, *self._partition)
        self._tx.reader.defer(place, record.offset, code, self._now)
        self._held[sender] = DeferredRow(*self._partition, sender, record.offset, code, self._now)

    def _may_wait(self, sender: str, code: str) -> bool:
        """Return whether an unknown key or contract may delay this sender any longer.

        Anyone can send records with an unknown key again and again (denial of service). So the ten
        minutes count from the first such record. They begin again only when a new manifest of the
        sender, or a new contract, has been verified.
        """
        newest = self._resolver.manifests.newest(sender)
        assert newest is not None  # records of other origins never wait
        mark = f"{newest.version}/{len(self._resolver.contracts.trusted())}"
        name = f"deferral/{self._partition}/{sender}/{code}"
        first, _, before = (self._tx.meta.get(name) or b"").decode().partition(" ")
        if before != mark:
            self._tx.meta.set(name, f"{self._now} {mark}".encode())
            return True
        return self._now - int(first) <= DEFER_UNKNOWN_MS
