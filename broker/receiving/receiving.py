"""Receiving: one batch of a partition, judged and made durable in one transaction (step 11).

Inbox, stream states, position and disclosure log commit together, or nothing does; Kafka's offset
follows and is only a convenience, because a reader starts from its own position. Synchronous: the
service calls it in a thread, a batch at a time for each partition.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from broker import pseudonyms, referrals
from broker.audit import recording
from broker.audit.entries import Entry
from broker.audit.log import append_entries
from broker.envelope.opening import OpeningKey
from broker.envelope.primitives import sha256
from broker.errors import RefusedError
from broker.event import OpenedEvent
from broker.judging.judging import Judgement, judge_each
from broker.judging.partition_state import PartitionState
from broker.judging.store_view import Memories, Place, StoreView
from broker.judging.trust import Trust
from broker.receiving.deferral import Deferrals, claimed_sender
from broker.receiving.inbox_payload import format_payload
from broker.receiving.quarantining import quarantine
from broker.record import PROOF_HEADER, Record
from broker.store.interfaces import Store, Transaction
from broker.store.rows import LeafStatus
from broker.tlog.checkpoint import Origin
from contracts.errors import EventError

QUARANTINE_QUOTA: Final = 1000
"""Quarantined records of one sender at which its partitions are held: nothing is dropped."""


@dataclass(slots=True)
class Batch:
    """What came of a batch, for logs, metrics, notices and delivery.

    Attributes:
        opened: events put into the inbox.
        repeats, not_addressed, before_start, leaves: counts.
        refused: (origin or None, index, step, code) of each refusal.
        alarms: (agency, code) of each alarm.
        gaps: (origin of the generation, first, last) that were revealed.
        deferred: (agency, code) of what has to wait.
        changed: places whose stream moved, for receipts.
    """

    opened: list[OpenedEvent] = field(default_factory=list)
    repeats: int = 0
    not_addressed: int = 0
    before_start: int = 0
    leaves: int = 0
    refused: list[tuple[Origin | None, int, float, str]] = field(default_factory=list)
    alarms: list[tuple[str, str]] = field(default_factory=list)
    gaps: list[tuple[Origin, int, int]] = field(default_factory=list)
    deferred: list[tuple[str, str]] = field(default_factory=list)
    changed: set[Place] = field(default_factory=set)


class Receiving:
    """Takes batches of records into the state database.

    Args:
        deployment, agency: who reads.
        store: the agency's state.
        trust: () -> what is believed now.
        opening_keys: () -> this agency's exchange keys as of the same moment.
        secret: this agency's PRF secret.
        log_taken: whether each event that is taken is an entry of the disclosure log in ``store``.
    """

    def __init__(
        self,
        deployment: str,
        agency: str,
        store: Store,
        trust: Callable[[], Trust],
        opening_keys: Callable[[], Callable[[int], tuple[tuple[OpeningKey, ...], bool]]],
        secret: bytes,
        *,
        log_taken: bool = True,
    ) -> None:
        self._deployment = deployment
        self._agency = agency
        self._store = store
        self._log_taken = log_taken
        self._trust = trust
        self._opening_keys = opening_keys
        self._secret = secret
        self._memories = Memories()

    def trust_changed(self) -> None:
        """A manifest or contract is new: what was verified before is verified again.

        A batch that is being judged keeps the memory with which it began.
        """
        self._memories = replace(self._memories, signed=set())

    def take(self, topic: str, partition: int, records: Sequence[Record], now: int) -> Batch:
        """Judge a batch and commit what came of it.

        Args:
            topic: the Kafka topic.
            partition: its partition.
            records: in offset order.
            now: ms.

        Raises:
            StoreError: nothing was taken; the same batch must be given again.
        """
        batch = Batch()
        with self._store.transaction() as tx:
            view = self._view(tx, now)
            waits = Deferrals(tx, topic, partition, view.trust, now)
            entries: list[Entry] = []
            for record, judgement in judge_each(records, view, now):
                self._one(tx, view, record, judgement, waits, batch, entries, now)
            view.flush()
            if entries and self._log_taken:
                append_entries(tx, entries)
            if records:
                position = waits.next_position(records[-1].offset + 1)
                tx.reader.save_position(topic, partition, position)
            batch.deferred += waits.begun
        return batch

    def _view(self, tx: Transaction, now: int) -> StoreView:
        return StoreView(
            tx,
            self._deployment,
            self._agency,
            self._trust(),
            self._opening_keys(),
            self._secret,
            self._memories,
            now,
        )

    def _one(
        self,
        tx: Transaction,
        view: StoreView,
        record: Record,
        judgement: Judgement,
        waits: Deferrals,
        batch: Batch,
        entries: list[Entry],
        now: int,
    ) -> None:
        sender = claimed_sender(record, judgement)
        if judgement.outcome == "deferred":
            assert judgement.refusal is not None
            if waits.keep(record, sender, judgement.refusal.code):
                return
            judgement = replace(judgement, outcome="refused")
        elif waits.bars(record, sender, judgement):
            return  # the position stays before it; it is judged again
        if self._quota_full(tx, judgement):
            waits.keep(record, sender, "quarantine_full")
            return
        waits.end(record, judgement)
        self._settle(tx, view, record, judgement, waits, batch, entries, now)

    @staticmethod
    def _quota_full(tx: Transaction, judgement: Judgement) -> bool:
        """Whether a record would be quarantined for a sender that has no room left: it waits."""
        return (
            judgement.outcome == "refused"
            and judgement.placement is not None
            and judgement.verified is not None
            and tx.quarantine.count(judgement.verified.origin.agency) >= QUARANTINE_QUOTA
        )

    def _settle(
        self,
        tx: Transaction,
        view: StoreView,
        record: Record,
        judgement: Judgement,
        waits: Deferrals,
        batch: Batch,
        entries: list[Entry],
        now: int,
    ) -> None:
        """Write what a final judgement means."""
        verified, placement = judgement.verified, judgement.placement
        status: LeafStatus = "stored"
        if judgement.outcome == "opened":
            assert judgement.event is not None
            status = self._inbox(tx, view, record, judgement, batch, entries, now)
        elif judgement.outcome == "repeat":
            batch.repeats += 1
        elif judgement.outcome == "not_addressed":
            batch.not_addressed += 1
            status = "not_addressed"
        elif judgement.outcome == "before_start":
            batch.before_start += 1
        elif judgement.outcome == "leaf":
            batch.leaves += 1
            status = "content_missing"
        else:
            status = "refused"
            self._refuse(tx, record, judgement, batch, entries, now)
            if judgement.equivocation:
                self._stop(tx, view, record, judgement, waits, batch, now)
        if verified is None or placement is None or judgement.outcome == "before_start":
            return
        origin, fact = verified.origin, verified.fact
        place = (origin.agency, origin.topic, origin.partition)
        if placement.verdict != "repeat":
            leaf = (origin.generation, fact.index, fact.leaf)
            view.took(place, placement, leaf, status, verified.proof.checkpoint_text)
            batch.changed.add(place)
        batch.alarms += [(origin.agency, alarm) for alarm in placement.alarms]
        if placement.gap is not None:
            generation, first, last = placement.gap
            batch.gaps.append((replace(origin, generation=generation), first, last))

    def _inbox(
        self,
        tx: Transaction,
        view: StoreView,
        record: Record,
        judgement: Judgement,
        batch: Batch,
        entries: list[Entry],
        now: int,
    ) -> LeafStatus:
        event, verified = judgement.event, judgement.verified
        assert event is not None
        assert verified is not None
        signed = view.trust.contracts.by_hash(bytes.fromhex(event.contract[2]))
        assert signed is not None
        case_key = pseudonyms.case_key(self._secret, str(event.flat["case_id"]))
        try:
            referrals.on_receive(tx, event, signed.contract, now)
        except EventError as error:
            refusal = RefusedError(11, error.code, error.detail)
            refused = replace(judgement, outcome="refused", refusal=refusal, event=event)
            self._refuse(tx, record, refused, batch, entries, now)
            return "refused"
        tx.inbox.add(
            event.source,
            event.id,
            event.type,
            now,
            record.topic,
            record.partition,
            verified.origin.generation,
            verified.fact.index,
            format_payload(event),
            view.opened(event),
            case_key,
            urgent=event.urgent,
        )
        entries.append(
            recording.taken(
                "disclosure",
                event,
                signed.contract,
                recording.contract_reference(signed.text),
                self._agency,
                case_key,
                now,
                recording.OPERATOR,
            )
        )
        batch.opened.append(event)
        return "stored"

    @staticmethod
    def _refuse(
        tx: Transaction,
        record: Record,
        judgement: Judgement,
        batch: Batch,
        entries: list[Entry],
        now: int,
    ) -> None:
        refusal, verified = judgement.refusal, judgement.verified
        assert refusal is not None
        if verified is None or judgement.placement is None:  # steps 0 to 4: not business
            digest = sha256(record.value or b"")
            tx.quarantine.add_noise(
                record.topic, record.partition, record.offset, digest, refusal.code, now
            )
            batch.refused.append(
                (verified.origin if verified else None, -1, refusal.step, refusal.code)
            )
            return
        origin, index = verified.origin, verified.fact.index
        quarantine(tx, record, origin, index, refusal, now)
        entries.append(
            recording.refused(
                judgement.event.type if judgement.event else None,
                refusal.code,
                now,
                recording.OPERATOR,
                source=origin.agency,
            )
        )
        batch.refused.append((origin, index, refusal.step, refusal.code))

    @staticmethod
    def _stop(
        tx: Transaction,
        view: StoreView,
        record: Record,
        judgement: Judgement,
        waits: Deferrals,
        batch: Batch,
        now: int,
    ) -> None:
        """Equivocation: keep both signed texts and stop this sender's partition here."""
        verified = judgement.verified
        assert verified is not None
        origin, fact = verified.origin, verified.fact
        place = (origin.agency, origin.topic, origin.partition)
        recall, link = view.recall(*place), fact.link
        mine = recall.signed_text(origin.generation, fact.index, fact.size)
        if not mine and link is not None:  # it is the predecessor's end that it contradicts
            mine = recall.signed_text(link.name, link.size - 1, link.size)
        theirs = next(value for name, value in record.headers if name == PROOF_HEADER)
        assert theirs is not None
        tx.evidence.add("equivocation", origin.format(), mine, theirs, now)
        state = view.state(*place)
        assert isinstance(state, PartitionState)
        view.stop(place, replace(state, stopped=True))
        waits.stop(record, origin.agency)
        batch.alarms.append((origin.agency, "equivocation"))
