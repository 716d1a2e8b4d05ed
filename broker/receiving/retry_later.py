"""Waiting: records that time or news may cure (docs/spec/opening.md, "Deferral").

The earliest position of each sender's partition that could not be judged is kept. Until it can be,
nothing of that sender is taken that would be a start or a gap, and the reader's own position stays
before it, so a restart or a look at the clock reads from there again. Other senders go on.
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
"""How long records with an unknown key or contract may hold their sender, in all."""

EQUIVOCATION: Final = "equivocation"
_LIMITED: Final = frozenset({"key_unknown", "contract_unknown", "receipt_awaited"})
_TAKES_PLACE: Final = frozenset({"start", "jump", "link"})


class RetryLater:
    """What waits in one partition, for the length of one batch.

    Args:
        tx: the transaction of the batch.
        partition: where.
        trust: what is believed now.
        now: ms.

    Attributes:
        begun: (agency, code) of what began to wait in this batch.
    """

    def __init__(
        self, tx: Transaction, partition: KafkaPartition, trust: KeyResolver, now: int
    ) -> None:
        self._tx = tx
        self._partition = partition
        self._trust = trust
        self._now = now
        self._held = {row.agency: row for row in tx.reader.deferred(partition)}
        self.begun: list[tuple[str, str]] = []

    def next_position(self, offset: int) -> int:
        """Where to go on: ``offset``, or the earliest record that something still waits for."""
        return min([offset, *(row.offset for row in self._held.values())])

    def keep(self, record: Record, sender: str | None, code: str) -> bool:
        """Let a record wait. False if it may not: nobody's record holds anything up."""
        if sender is None or self._trust.manifests.newest(sender) is None:
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
        """Whether a judged record must wait for an earlier one of its sender."""
        waiting = self._held.get(sender) if sender is not None else None
        return (
            waiting is not None
            and record.offset > waiting.offset
            and isinstance(judgement, Placed)
            and judgement.placement.verdict in _TAKES_PLACE
        )

    def end(self, record: Record, sender: str | None, judgement: Decided) -> None:
        """A record is judged for good: if it was waited for, go on, unless its sender stands.

        Told by its offset and not by its sender: it may be refused before that is known. Whoever
        stands holds itself only: in a topic that was made anew, or that its host tells otherwise,
        it was another sender's record that was waited for at this offset.
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
        """Equivocation: the position stays here until an operator releases the sender."""
        if sender not in self._held:
            self._hold(record, sender, EQUIVOCATION)

    def _hold(self, record: Record, sender: str, code: str) -> None:
        place = Place(sender, *self._partition)
        self._tx.reader.defer(place, record.offset, code, self._now)
        self._held[sender] = DeferredRow(*self._partition, sender, record.offset, code, self._now)

    def _may_wait(self, sender: str, code: str) -> bool:
        """Whether an unknown key or contract may hold this sender still.

        Anybody can name a key that nobody knows, again and again: the ten minutes are counted from
        the first such record, and begin anew only with news that was verified.
        """
        newest = self._trust.manifests.newest(sender)
        assert newest is not None  # of nobody else does anything wait
        mark = f"{newest.version}/{len(self._trust.contracts.trusted())}"
        name = f"deferral/{self._partition}/{sender}/{code}"
        first, _, before = (self._tx.meta.get(name) or b"").decode().partition(" ")
        if before != mark:
            self._tx.meta.set(name, f"{self._now} {mark}".encode())
            return True
        return self._now - int(first) <= DEFER_UNKNOWN_MS


def claimed_sender(record: Record, judgement: Judgement) -> str | None:
    """Whose record this is, or, where its signature could not be checked yet, says it is."""
    signer = sender_of(judgement)
    if signer is not None:
        return signer
    for name, value in record.headers:
        if name == PROOF_HEADER and value is not None:
            checkpoint = value.partition(b"\n\n")[2]
            parts = checkpoint.split(b"\n", 1)[0].split(b"/")
            return parts[1].decode("ascii", "replace") if len(parts) > 1 else None
    return None
