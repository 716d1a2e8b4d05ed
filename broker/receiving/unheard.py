"""Second judgement of records that arrived after an end of their sender, or under a void manifest.

docs/spec/streams.md, "Ends". If a receipt covers such a record, the record waits until all leaves
that the receipt covers have arrived. Then their root must equal the root in the receipt. If the
leaves do not arrive in time, the record is put into the quarantine as `not_heard`. It is judged
again there too, because a leaf or a receipt may arrive later.

When a manifest becomes void, it was never made (docs/spec/keys.md, "Withdrawn keys"). Records that
were refused because of it are judged again, for each set of void manifests.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from broker.audit import recording
from broker.audit.entries import NewLogEntry
from broker.envelope.primitives import sha256
from broker.errors import RefusedError
from broker.event import OpenedEvent
from broker.judging.decryption import WrapCount, open_record
from broker.judging.ends import FOLD_AWAITED, FOLD_WITHIN_MS, NOT_HEARD
from broker.judging.judgements import DEFERRED_CODES
from broker.judging.store_context import StoreContext
from broker.judging.verification import VerifiedRecord, verify_record
from broker.judging.verification_cache import VerificationCache
from broker.receiving.accepted_events import AcceptedEvents
from broker.receiving.quarantining import restored, tell_refused
from broker.registry.manifests import ManifestBook
from broker.store.rows import QuarantineRow
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import Origin

UNHEARD_CODES: Final = frozenset({NOT_HEARD})
AFTER_VOID_CODES: Final = UNHEARD_CODES | {"suspended", "contract_left", "key_missing"}
"""Codes of refusals after step 4 that follow from a manifest of the sender, or of this reader."""
JUDGED_VOID: Final = "judged-void-manifests"
"""Name in the state of the set of void manifests after which all records were judged again."""
JUDGED_AT_ONCE: Final = 256
"""Maximum number of records that one call judges. It limits the cost of a call."""


def void_digest(manifests: ManifestBook) -> bytes:
    """Return a hash of the void manifests; empty if there is none."""
    void = [one.hash for agency in manifests.agencies() for one in manifests.void(agency)]
    return sha256(b"".join(sorted(void))) if void else b""


@dataclass(slots=True)
class Unheard:
    """Judges the waiting records again, in one transaction.

    Args:
        tx: the transaction.
        context: the contracts, keys and state that the reader has in this transaction.
        cache: results of earlier checks. It saves time and never changes a judgement.
        secret: this agency's key for pseudonyms.
        now: ms.

    Attributes:
        opened: events that were accepted.
        refused: (origin, index, step, code) of records that went to the quarantine.
        told: (origin, index) of each of them that a report to the sender will state.
        entries: for the disclosure log.
        deferred: number of held records that could not be judged now.
    """

    tx: Transaction
    context: StoreContext
    cache: VerificationCache
    secret: bytes
    now: int
    opened: list[OpenedEvent] = field(default_factory=list)
    refused: list[tuple[Origin | None, int, float, str]] = field(default_factory=list)
    told: set[tuple[Origin, int]] = field(default_factory=set)
    entries: list[NewLogEntry] = field(default_factory=list)
    deferred: int = 0
    _settled: list[tuple[Origin, int, bytes, str]] = field(default_factory=list)

    def tell(self) -> None:
        """Note what was refused for the next reports to the senders."""
        for origin, index, value, code in self._settled:
            if tell_refused(self.tx, origin.agency, value, code, self.now):
                self.told.add((origin, index))

    def judge(self, after: int, codes: Collection[str] = UNHEARD_CODES) -> int:
        """Judge the next records again.

        Args:
            after: id of the last record of the call before; 0 to begin.
            codes: codes of held records that are judged again.

        Returns:
            The id of the last record; 0 if there are no more.
        """
        rows = self.tx.quarantine.unheard(after, JUDGED_AT_ONCE, codes)
        accepted = AcceptedEvents(self.tx, self.context, self.secret, self.now)
        for row in rows:
            try:
                verified = verify_record(restored(row), self.context, self.cache, self.now)
                event = self._opened(row, verified)
                if isinstance(event, OpenedEvent):
                    self.entries += accepted.accept(event, verified)
                    self.opened.append(event)
            except RefusedError as refusal:
                self._refuse(row, refusal)
                continue
            self.tx.quarantine.opened(row.id, self.now)
            self.tx.reader_logs.set_status(
                verified.origin.log,
                verified.position.index,
                "not_addressed" if event == "not_addressed" else "stored",
            )
        accepted.write()
        self.entries += accepted.combinations()
        return rows[-1].id if len(rows) == JUDGED_AT_ONCE else 0

    def _opened(self, row: QuarantineRow, verified: VerifiedRecord) -> OpenedEvent | str:
        sender = verified.origin.agency
        wraps = WrapCount(self.context.wraps_left(sender))
        try:
            return open_record(
                verified, self.context, self.cache, self.now, wraps, arrived=row.added_ms
            )
        finally:
            self.context.count_wraps(sender, wraps.tried)

    def _refuse(self, row: QuarantineRow, refusal: RefusedError) -> None:
        """Let a record wait longer, or put it into the quarantine with its code."""
        if refusal.code in DEFERRED_CODES:
            self.deferred += row.status == "held"
            return
        if row.status != "waiting":
            return
        if refusal.code == FOLD_AWAITED:
            last = self.tx.quarantine.last_waiting(row.origin)
            if last is None or self.now < last + FOLD_WITHIN_MS:
                return
            refusal = RefusedError(
                6, NOT_HEARD, "the leaves that a receipt covers did not arrive in time"
            )
        if self.tx.quarantine.settle(row.id, refusal, self.now):
            self.refused.append((self._origin(row), row.index, refusal.step, refusal.code))
            self._settled.append((self._origin(row), row.index, row.value, refusal.code))
            self.entries.append(
                recording.refused(
                    None, refusal.code, self.now, recording.OPERATOR, source=row.agency
                )
            )

    @staticmethod
    def _origin(row: QuarantineRow) -> Origin:
        deployment, agency, topic, partition, generation = row.origin.split("/")
        return Origin(deployment, agency, topic, int(partition), generation)
