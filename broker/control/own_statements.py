"""Messages of this agency on the control topics: announcements, heartbeats, receipts, notices.

docs/spec/topics.md and receipts.md. Receipts are derived from the stored state, so if one is lost,
the next one covers the same records. Notices are rate-limited and name only a stream and indices. A
notice never causes another notice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from broker.agency.participant import LoadedAgency, Participant, own_manifest_missing
from broker.audit.log import log_origin, sign_head
from broker.control.heartbeat_retention import keep_own
from broker.judging.partition_state import parse_outline, receiptable
from broker.keys.kid import ML_DSA_44
from broker.keys.manifest import VerifiedManifest
from broker.record import (
    CONTENT_TYPE_HEADER,
    CONTRACT_CONTENT_TYPE,
    HEARTBEAT_CONTENT_TYPE,
    MANIFEST_CONTENT_TYPE,
    NOTICE_CONTENT_TYPE,
    RECEIPT_CONTENT_TYPE,
    Record,
)
from broker.registry.contract_book import ContractBook
from broker.registry.manifests import ManifestBook
from broker.registry.newest_manifests import named_manifest, registry_hashes
from broker.registry.report_intervals import report_intervals
from broker.statements.acknowledgements import (
    Acknowledgement,
    acknowledgements_of,
    format_acknowledgement,
)
from broker.statements.authorship import author, cosigner, post_quantum_author
from broker.statements.heartbeats import Head, Heartbeat, format_heartbeat, named_heads
from broker.statements.manifest_requests import ManifestRequest, format_manifest_request
from broker.statements.notices import (
    NOTICES_PER_MINUTE,
    REFUSAL_HEADING,
    REPLAY_HEADING,
    Notice,
    format_notice,
)
from broker.statements.receipts import format_receipt
from broker.statements.signed_contract import pack_contract
from broker.store.database import Store
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import Origin, Place
from broker.tlog.cosignature import signed_checkpoint
from broker.tlog.note import NoteSigner
from broker.transport.interfaces import Sender
from broker.transport.topics import control_topics
from contracts.durations import HOUR_MS, MINUTE_MS

if TYPE_CHECKING:
    from broker.observing.metrics import NoticeKind

MAX_REPLAY: Final = 2**20
"""Maximum number of records in one request."""
MANIFEST_AGAIN_MS: Final = 10_000
"""Time after which our manifest is published again for those who ask for it.

It doubles with each publication of the same manifest.
"""
MANIFEST_AGAIN_MOST_MS: Final = 10 * MINUTE_MS
"""Longest such time."""
MANIFEST_ASKED_ANEW_MS: Final = HOUR_MS
"""Time without a publication after which the first answer comes at once again."""
MAX_DUE: Final = 1024
"""Maximum number of notices that wait to be sent.

While Kafka is down, more would arrive each minute.
"""


class SigningKeys:
    """The keys with which this agency signs now, as it was last loaded.

    Each call raises RegistryError (``manifest_missing``, ``manifest_expired`` or
    ``signing_key_expired``) or KeyAccessError: the private half cannot be had.

    Args:
        loaded: the agency.
        clock: () -> ms.
    """

    def __init__(self, loaded: LoadedAgency, clock: Callable[[], int]) -> None:
        self._loaded = loaded
        self._clock = clock

    @property
    def participant(self) -> Participant:
        """The agency as it was last loaded."""
        return self._loaded.participant

    def stream_cosigner(self) -> NoteSigner:
        """Signs checkpoints of this agency's own streams."""
        participant = self.participant
        return cosigner(participant.key_name, participant.stream_signer(self._clock()))

    def receipt_author(self, moment: int | None = None) -> NoteSigner:
        """Signs notices, or reports of a moment (ms)."""
        participant = self.participant
        at = self._clock() if moment is None else moment
        return author(participant.key_name, participant.receipt_signer(at))

    def receipt_cosigner(self) -> NoteSigner:
        """Signs receipts over other agencies' checkpoints."""
        participant = self.participant
        return cosigner(participant.key_name, participant.receipt_signer(self._clock()))


@dataclass(frozen=True, slots=True)
class _Answer:
    """Publication of our manifest because an agency asked.

    Attributes:
        manifest: its hash.
        sent_ms: time of the publication.
        pause_ms: time after which it is published again.
    """

    manifest: bytes
    sent_ms: int
    pause_ms: int


class OwnStatements:
    """Collects messages, and sends them when `flush` is called.

    Args:
        keys: the agency and its keys.
        store: its state.
        sender: Kafka.
        clock: () -> ms.
        left_out: called with a kind and the number of its notices that are not sent.
    """

    def __init__(
        self,
        keys: SigningKeys,
        store: Store,
        sender: Sender,
        clock: Callable[[], int],
        left_out: Callable[[NoticeKind, int], None],
    ) -> None:
        self._keys = keys
        self._store = store
        self._sender = sender
        self._clock = clock
        self._left_out = left_out
        self._agency = keys.participant.agency
        self._deployment = keys.participant.deployment
        self._topics = control_topics(self._deployment)
        self._changed: set[Place] = set()
        self._receipted: dict[Place, tuple[str, int]] = {}
        self._notices: list[Notice] = []
        self._acknowledged: dict[Acknowledgement, bool] = {}
        self._budget: dict[str, tuple[int, int]] = {}
        self._books: tuple[ContractBook, ManifestBook] | None = None
        self._announced: bytes | None = None
        self._told: bytes | None = None
        self._manifests_wanted: set[str] = set()
        self._manifest_asked = False
        self._manifest_answer: _Answer | None = None

    def announcements(self, contracts: ContractBook, manifests: ManifestBook) -> list[Record]:
        """Return this agency's newest manifest, and the contracts that it has signed."""
        agency = self._agency
        records = [
            Record(
                self._topics.contracts,
                0,
                ((CONTENT_TYPE_HEADER, CONTRACT_CONTENT_TYPE),),
                pack_contract(signed.text.raw, note.raw),
                # each party has its own copy of a contract here, so none can remove another's
                key="/".join(filter(None, (agency, note.officer, signed.hash.hex()))).encode(),
            )
            for signed in contracts.trusted()
            for note in signed.notes_of(agency)
        ]
        newest = manifests.newest_verified(agency)
        if newest is not None:
            records.append(self._manifest_record(newest))
        return records

    def _manifest_record(self, newest: VerifiedManifest) -> Record:
        headers = ((CONTENT_TYPE_HEADER, MANIFEST_CONTENT_TYPE),)
        key = self._agency.encode()
        return Record(self._topics.manifests, 0, headers, newest.raw, key=key)

    def _current_books(self) -> tuple[ContractBook, ManifestBook]:
        """Return the contracts and manifests that are believed now."""
        if self._books is not None:
            return self._books
        participant = self._keys.participant
        return participant.contracts, participant.manifests

    async def announce(self, contracts: ContractBook, manifests: ManifestBook) -> None:
        """Publish this agency's own manifest and the contracts, compacted by key.

        Raises:
            TransportError: Kafka does not take them.
        """
        await self._sender.send(self.announcements(contracts, manifests))
        newest = manifests.newest_verified(self._agency)
        self._announced = None if newest is None else newest.hash

    def heartbeat_due(self) -> bool:
        """Return whether our newest manifest is another one than our last heartbeat names."""
        newest = self._current_books()[1].newest_verified(self._agency)
        return newest is not None and self._told is not None and newest.hash != self._told

    async def tell_heads(self, heads: Sequence[Head]) -> None:
        """Sign, keep and send a heartbeat.

        The manifest that it names is published first. Otherwise every reader would lack it.

        Args:
            heads: of this agency's streams, as far as Kafka has acknowledged them.

        Raises:
            RegistryError, KeyAccessError, StoreError: as `own_heartbeat`.
            TransportError: Kafka does not take it.
        """
        participant, now = self._keys.participant, self._clock()
        books = self._current_books()
        newest = books[1].newest_verified(self._agency)
        if newest is not None and newest.hash != self._announced:
            await self._sender.send([self._manifest_record(newest)])
            self._announced = newest.hash
        note = await asyncio.to_thread(own_heartbeat, participant, self._store, heads, now, books)
        headers = ((CONTENT_TYPE_HEADER, HEARTBEAT_CONTENT_TYPE),)
        await self._sender.send([Record(self._topics.heartbeats, 0, headers, note)])
        self._told = None if newest is None else newest.hash

    def take_up(self) -> None:
        """Mark all streams at the start, because earlier records may lack their receipt."""
        with self._store.reading() as tx:
            held = tx.reader.state_heads()
        self.changed(place for place, _ in held)
        participant = self._keys.participant
        self.learned(participant.contracts, participant.manifests)

    def learned(self, contracts: ContractBook, manifests: ManifestBook) -> None:
        """Acknowledge new statements of other agencies that they suspend, resume or leave.

        A receipt over each of their streams becomes due too. It proves later which records existed
        at that time (docs/spec/streams.md, "Ends").
        """
        self._books = (contracts, manifests)
        ours = {one.contract.name for one in contracts.trusted()}
        fresh: set[str] = set()
        for agency in manifests.agencies():
            if agency == self._agency:
                continue
            stops = (one for one in manifests.stops(agency) if one.contract in ours)
            for known in acknowledgements_of(self._deployment, agency, stops):
                if known not in self._acknowledged:
                    self._acknowledged[known] = False
                    fresh.add(agency)
        if fresh:
            with self._store.reading() as tx:
                held = tx.reader.state_heads()
            self.changed(place for place, _ in held if place.agency in fresh)

    def changed(self, places: Iterable[Place]) -> None:
        """Mark changed streams of others: a receipt is due."""
        self._changed.update(p for p in places if p.agency != self._agency)

    def refused(self, origin: Origin, index: int, *, reported: bool = False) -> None:
        """Mark a refused record: its sender is told its position, and nothing else.

        Args:
            origin: the sender's stream.
            index: the record's position.
            reported: whether the next report to the sender will state the refusal. Then no notice
                goes, because everyone can read a notice.
        """
        if reported and origin.agency in report_intervals(*self._current_books(), self._clock()):
            return
        self._say(Notice(REFUSAL_HEADING, origin, index, index))

    def gap(self, origin: Origin, first: int, last: int) -> None:
        """Mark missing records: their sender is asked to publish them again."""
        last = min(last, first + MAX_REPLAY - 1)
        self._say(Notice(REPLAY_HEADING, origin, first, last, self._clock()))

    def want_manifest(self, agency: str) -> None:
        """Mark an agency whose newest manifest is missing: it is asked to publish it again."""
        self._manifests_wanted.add(agency)

    def manifest_asked(self) -> None:
        """Mark that an agency lacks our newest manifest: it is published again."""
        self._manifest_asked = True

    def _say(self, notice: Notice) -> None:
        minute = self._clock() // MINUTE_MS
        held, said = self._budget.get(notice.origin.agency, (minute, 0))
        said = said if held == minute else 0
        due = {replace(one, time_ms=0) for one in self._notices}
        if replace(notice, time_ms=0) in due:
            return
        if said >= NOTICES_PER_MINUTE or len(self._notices) >= MAX_DUE:
            self._left_out(_kind(notice), 1)
            return
        self._budget[notice.origin.agency] = (minute, said + 1)
        self._notices.append(notice)

    def end(self) -> None:
        """Drop unsent messages, which are only in memory, because the adapter stops."""
        for notice in self._notices:
            self._left_out(_kind(notice), 1)
        self._notices.clear()

    async def flush(self) -> int:
        """Send due messages. Returns how many records.

        Raises:
            TransportError: they stay due.
        """
        due = sorted(self._changed)
        self._changed.difference_update(due)  # a stream that changes during the send is due again
        receipted = self._receipts(due)
        notices = list(self._notices)
        unsaid = [known for known, said in self._acknowledged.items() if not said]
        wanted = sorted(self._manifests_wanted)
        signer = self._keys.receipt_author() if notices or unsaid or wanted else None
        records = [record for _, _, record in receipted]
        for notice in notices:
            assert signer is not None
            value = format_notice(notice, signer)
            headers = ((CONTENT_TYPE_HEADER, NOTICE_CONTENT_TYPE),)
            records.append(Record(self._topics.receipts, 0, headers, value))
        for known in unsaid:
            assert signer is not None
            value = format_acknowledgement(known, self._clock(), signer)
            headers = ((CONTENT_TYPE_HEADER, NOTICE_CONTENT_TYPE),)
            records.append(Record(self._topics.receipts, 0, headers, value))
        for agency in wanted:
            assert signer is not None
            request = ManifestRequest(self._deployment, agency, self._clock())
            value = format_manifest_request(request, signer)
            headers = ((CONTENT_TYPE_HEADER, NOTICE_CONTENT_TYPE),)
            records.append(Record(self._topics.receipts, 0, headers, value))
        again, answer = self._manifest_again()
        records += again
        try:
            if records:
                await self._sender.send(records)
        except BaseException:
            self._changed.update(due)
            raise
        for place, stated, _ in receipted:
            self._receipted[place] = stated
        del self._notices[: len(notices)]
        self._acknowledged.update(dict.fromkeys(unsaid, True))
        self._manifests_wanted.difference_update(wanted)
        if answer is not None:
            self._manifest_asked, self._manifest_answer = False, answer
        return len(records)

    def _manifest_again(self) -> tuple[list[Record], _Answer | None]:
        """Return our newest manifest, if an agency asked for it and it is due, and the answer."""
        newest = self._current_books()[1].newest_verified(self._agency)
        if not self._manifest_asked or newest is None:
            return [], None
        before, now = self._manifest_answer, self._clock()
        pause = MANIFEST_AGAIN_MS
        if before is not None and before.manifest == newest.hash:
            passed = now - before.sent_ms
            if 0 <= passed < before.pause_ms:
                return [], None
            if 0 <= passed < MANIFEST_ASKED_ANEW_MS:
                pause = min(2 * before.pause_ms, MANIFEST_AGAIN_MOST_MS)
        return [self._manifest_record(newest)], _Answer(newest.hash, now, pause)

    def _receipts(self, places: list[Place]) -> list[tuple[Place, tuple[str, int], Record]]:
        out: list[tuple[Place, tuple[str, int], Record]] = []
        now_s = self._clock() // 1000
        with self._store.reading() as tx:
            found_of = [(place, self._receiptable(tx, place)) for place in places]
        for place, found in found_of:
            if found is None:
                continue
            generation, size, root = found
            if self._receipted.get(place) == (generation, size):
                continue
            origin = place.generation(generation).origin(self._deployment)
            value = format_receipt(origin, size, root, self._keys.receipt_cosigner(), now_s)
            headers = ((CONTENT_TYPE_HEADER, RECEIPT_CONTENT_TYPE),)
            record = Record(self._topics.receipts, 0, headers, value)
            out.append((place, (generation, size), record))
        return out

    @staticmethod
    def _receiptable(tx: Transaction, place: Place) -> tuple[str, int, bytes] | None:
        """Return what a receipt may state; a leaf without its content does not count as stored.

        It may be of any generation, because a receipt covers all up to its own.
        """
        head = tx.reader.state_head(place)
        state = parse_outline(head) if head is not None else None
        found = receiptable(state) if state else None
        if state is None or found is None:
            return None
        for held in state.generations.values():
            first = tx.reader_logs.missing_content(place.generation(held.name), 0, 1)
            if first and (held.end is None or first[0] < held.end):
                return None
        return found


def _kind(notice: Notice) -> NoticeKind:
    return "refusal" if notice.kind == REFUSAL_HEADING else "replay"


# --- this agency's own heartbeat ------------------------------------------------------------------


def own_heartbeat(
    participant: Participant,
    store: Store,
    heads: Sequence[Head],
    now: int,
    books: tuple[ContractBook, ManifestBook] | None = None,
) -> bytes:
    """Sign and keep a heartbeat.

    Args:
        participant: the agency.
        store: its state.
        heads: heads of its streams, up to Kafka's acknowledgement.
        now: ms.
        books: the contracts and manifests that are believed now, if they are newer than those of
            the participant.

    Returns:
        The signed note.

    Raises:
        RegistryError: `manifest_missing`, `manifest_expired` or `signing_key_expired`.
        KeyAccessError: a private key is not available.
        StoreError: it cannot be stored, and must not be sent.
    """
    contracts, manifests = books or (participant.contracts, participant.manifests)
    newest = manifests.newest_verified(participant.agency)
    if newest is None:
        raise own_manifest_missing(participant.root)
    name = participant.key_name
    key = participant.stream_signer(now)
    post_quantum = post_quantum_author(name, participant.stream_signer(now, ML_DSA_44))
    with store.transaction() as tx:
        log = sign_head(
            tx,
            log_origin(participant.deployment, participant.agency),
            partial(signed_checkpoint, cosigner(name, key)),
            now,
        )
        beat = Heartbeat(
            participant.deployment,
            participant.agency,
            now,
            named_heads(heads),
            (log.size, log.root),
            named_manifest(newest),
            registry_hashes(contracts, manifests, now),
        )
        note = format_heartbeat(beat, [author(name, key), post_quantum])
        keep_own(tx, beat, note, post_quantum.key_id)
    return note
