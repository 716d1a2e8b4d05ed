"""A party of the hostile world: the product's own sending and receiving over a real SQLite file.

Publishing, relay, receiving, control and watch are the product's. A test adds the outcome of each
record (``WatchedPersistence``), a log that it can search, and clocks that it sets. The database
does not wait for the disk: no test here is about power cuts.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

import structlog
from sqlalchemy import event as engine_event

from broker.agency.participant import LoadedAgency
from broker.audit.log import log_origin
from broker.audit.query import entries_of_log
from broker.audit.verification import verify_log
from broker.clock import SteadyClock
from broker.control.control import Control
from broker.control.news import News
from broker.control.watch import Found, Watch
from broker.errors import RefusedError
from broker.judging.judgements import (
    Decided,
    Deferred,
    Equivocation,
    Judgement,
    Refused,
    Unplaced,
    Unverified,
)
from broker.judging.key_resolver import TrustStore
from broker.judging.partition_state import PartitionState, parse_state
from broker.keys.kid import ML_DSA_44
from broker.keys.signer import SoftwareSigner
from broker.observing.logs import AllowList
from broker.observing.metrics import Metrics
from broker.receiving import receiving
from broker.receiving.persistence import Batch, VerdictPersistence
from broker.receiving.receiving import Receiving
from broker.record import CONTENT_TYPE_HEADER, KafkaPartition, Record
from broker.registry.contract_book import ContractBook
from broker.registry.manifests import ManifestBook
from broker.registry.newest_manifests import named_manifest, registry_hashes
from broker.registry.repository import Repository
from broker.sending.publishing import EventSealer, Publisher
from broker.sending.relay import Relay, StreamSigning
from broker.sending.sealing_context import SealingContext
from broker.sending.streams import StreamOwner
from broker.service.reporting import report_batch
from broker.statements.authorship import author, cosigner
from broker.statements.heartbeats import Heartbeat, format_heartbeat
from broker.store.database import Store, open_store
from broker.store.rows import NewOutboxRow
from broker.store.sqlite_backend import SqliteBackend
from broker.tlog.checkpoint import Place
from broker.tlog.note import ML_DSA_44 as NOTE_ML_DSA_44
from broker.tlog.note import note_signer
from broker.transport.topics import control_topics
from contracts.events import PlainEvent
from tests.hostile.hostile_kafka import HostileKafka, Served
from tests.support.founded_partnership import FoundedPartnership, founded
from tests.support.judging_agency import KeySubset
from tests.support.memory_agency import Clock

Outcome = str
"""``opened``, ``repeat``, ..., ``<step> <code>`` for a refusal, ``waits <code>`` for a deferral."""


class WatchedPersistence(VerdictPersistence):
    """Persistence that also records the outcome of each record."""

    outcomes: ClassVar[list[Outcome]] = []

    def store(self, record: Record, judgement: Judgement) -> None:
        waits = judgement.refusal.code if isinstance(judgement, Deferred) else "bar"
        self.outcomes.append(f"waits {waits}")
        super().store(record, judgement)

    def _settle(self, record: Record, judgement: Decided) -> None:
        self.outcomes[-1] = judgement.outcome
        if isinstance(judgement, Unverified | Unplaced | Equivocation):
            self._say(judgement.refusal)
        super()._settle(record, judgement)

    def _quarantine(self, record: Record, judgement: Refused, event_type: str | None) -> None:
        self._say(judgement.refusal)
        super()._quarantine(record, judgement, event_type)

    def _say(self, refusal: RefusedError) -> None:
        self.outcomes[-1] = f"{refusal.step} {refusal.code}"


@cache
def _store_of(agency: str) -> Store:
    """One store object for each agency of this process: its compiled statements are kept."""
    store = open_store(founded().root.parent / f"{agency}.db")

    def relax(connection: Any, _entry: object) -> None:
        connection.execute("PRAGMA synchronous = OFF")

    engine_event.listen(store._engine, "connect", relax)
    store.close()
    shutil.copy(_file_of(store), _template_of(store))
    return store


def _file_of(store: Store) -> Path:
    backend = store._backend
    assert isinstance(backend, SqliteBackend)
    return backend._path


def _template_of(store: Store) -> Path:
    return _file_of(store).with_suffix(".empty")


def _replace_content(store: Store, by: Path) -> None:
    """Another database in the place of this one, while nobody has it open."""
    store.close()
    for beside in ("-wal", "-shm"):
        Path(f"{_file_of(store)}{beside}").unlink(missing_ok=True)
    shutil.copy(by, _file_of(store))


class Party:
    """One agency in the hostile world."""

    def __init__(self, agency: str, folder: Path, kafka: HostileKafka, clock: Clock) -> None:
        self.agency = agency
        self.kafka = kafka
        self.clock = clock
        self.world: FoundedPartnership = founded()
        self.participant = self.world.participants[agency]
        self.store = _store_of(agency)
        self.database = _file_of(self.store)
        _replace_content(self.store, _template_of(self.store))
        self.secret = self.participant.keyring.secret()
        self.stream_key: SoftwareSigner = self.world.stream_key(agency)
        contracts, manifests = self.participant.contracts, self.world.manifests
        self.terms = SealingContext(contracts, manifests)
        self.start_sender()
        config = self.participant.config
        (folder / agency).mkdir()
        repository = Repository(
            folder / agency,
            deployment=self.world.deployment,
            agency=agency,
            fingerprints=(config.governance.ed25519, config.governance.ml_dsa_65),
        )
        self.topics = control_topics(self.world.deployment)
        vault = KeySubset(self.participant, frozenset())
        self.trust = TrustStore(agency, contracts, manifests, vault)  # type: ignore[arg-type]  # passes the rest on
        self.control = Control(self.trust, repository, self.store)
        self.metrics = Metrics()
        loaded = LoadedAgency(self.participant)
        self.watch = Watch(loaded, self.store, clock, self.metrics, self.trust)
        self.at: dict[KafkaPartition, int] = {}
        self.alarms: list[tuple[str, str]] = []
        self.written = io.StringIO()
        self.log = structlog.wrap_logger(
            structlog.WriteLogger(self.written),
            processors=[AllowList(), structlog.processors.JSONRenderer()],
        )
        self.start_reader()

    def close(self) -> None:
        self.store.close()

    # --- sending ---------------------------------------------------------------------------------

    def start_sender(self) -> None:
        """A new process: other sessions, a relay that takes the lock when it first sends."""
        self.sealer = EventSealer(
            self.world.deployment,
            self.agency,
            self.secret,
            self.terms.addressees,
        )
        self.publisher = Publisher(self.sealer)
        self.relay = Relay(
            StreamOwner(self.world.deployment, self.agency),
            self.store,
            self.kafka,
            StreamSigning(lambda: cosigner(self.participant.key_name, self.stream_key)),
            SteadyClock(self.clock, self.clock.monotonic),
        )
        self.relay._indexing._well_formed = lambda _tx, rows, _now: list(rows)  # it sends anything

    def publish(self, events: Sequence[PlainEvent]) -> list[str]:
        """Accept events; nothing is sent yet. Returns their ids."""
        with self.store.transaction() as tx:
            ids = [self.publisher.publish(tx, one, self.clock.now) for one in events]
        return [one for one in ids if one is not None]

    def smuggle(self, topic: str, partition: int, value: bytes) -> None:
        """Put a value into one's own outbox that the product would not have sealed."""
        with self.store.transaction() as tx:
            tx.outbox.add_many(
                [NewOutboxRow("00000000", topic, partition, value, False)], self.clock.now
            )[0]

    async def send(self) -> None:
        """Send the outbox to Kafka. After a restart or a failure, send unsent records first."""
        if self.relay._token is None:
            self.relay.take_lock(self.agency)
        await self.relay.resend()
        while await self.relay.round():
            pass

    def restore(self, backup: Path) -> None:
        """Yesterday's copy of the database, in a new process."""
        _replace_content(self.store, backup)
        self.start_sender()

    def back_up(self, to: Path) -> Path:
        self.store.close()  # the last connection folds the WAL into the file
        shutil.copy(self.database, to)
        return to

    def heartbeat(self) -> Record:
        """Heartbeat of this agency about its streams, as Kafka acknowledged them."""
        contracts, manifests = self.trust.contracts, self.trust.manifests
        newest = manifests.newest_verified(self.agency)
        assert newest is not None
        beat = Heartbeat(
            self.world.deployment,
            self.agency,
            self.clock.now,
            self.relay.acknowledged_heads(),
            (0, bytes(32)),
            named_manifest(newest),
            registry_hashes(contracts, manifests, self.clock.now),
        )
        name = self.participant.key_name
        second = self.participant.stream_signer(self.clock.now, ML_DSA_44)
        signers = [author(name, self.stream_key), note_signer(name, NOTE_ML_DSA_44, second)]
        note = format_heartbeat(beat, signers)
        headers = ((CONTENT_TYPE_HEADER, b"application/vnd.concordant.heartbeat"),)
        return Record(self.topics.heartbeats, 0, headers, note)

    # --- reading ---------------------------------------------------------------------------------

    def start_reader(self) -> None:
        """A new process: nothing is remembered but the database; read from one's own position."""
        self.receiving = Receiving(self.store, self.trust, self.secret)
        self.at.clear()

    def hear(self, *records: Record) -> News:
        """Control records, as the service takes them."""
        found = News()
        for record in records:
            news = self.control.take(record.kafka_partition, [record], self.clock.now)
            for missing in news.missing:
                self.watch.missing(*missing)
            for beat in news.heartbeats:
                self.watch.heard(beat)
            found.rejected += news.rejected
        self.terms.contracts, self.terms.manifests = self.trust.contracts, self.trust.manifests
        return found

    def believe(self, contracts: ContractBook, manifests: ManifestBook) -> None:
        """Contracts and manifests that were verified."""
        self.trust.believe(contracts, manifests)
        self.terms.contracts, self.terms.manifests = contracts, manifests

    def read(self, place: KafkaPartition) -> tuple[list[Served], list[Outcome], Batch | None]:
        """Take what is there from this reader's own cursor, as ``Delivery`` keeps it."""
        if place not in self.at:
            self.at[place] = self.position(place)
        served = self.kafka.fetch(self.agency, place, self.at[place])
        if not served:
            return [], [], None
        records = [one.record for one in served]
        WatchedPersistence.outcomes.clear()
        with patch.object(receiving, "VerdictPersistence", WatchedPersistence):
            batch = self.receiving.take(place, records, self.clock.now)
        outcomes = list(WatchedPersistence.outcomes)
        self.at[place] = records[-1].offset + 1
        report_batch(place, batch, self.clock.now, self.metrics, self.log)
        self.alarms += batch.alarms
        assert len(outcomes) == len(served)
        return served, outcomes, batch

    def look(self) -> Found:
        found = self.watch.look()
        self.alarms += found.alarms
        return found

    # --- what is on disk -------------------------------------------------------------------------

    def position(self, place: KafkaPartition) -> int:
        with self.store.reading() as tx:
            return tx.reader.position(place) or 0

    def state(self, sender: str, place: KafkaPartition) -> PartitionState | None:
        with self.store.reading() as tx:
            stored = tx.reader.state(Place(sender, *place))
        return None if stored is None else parse_state(stored[1])

    def waiting(self, place: KafkaPartition) -> set[str]:
        """Senders of whom something waits there."""
        with self.store.reading() as tx:
            return {row.agency for row in tx.reader.deferred(place)}

    def verify_log(self) -> int:
        """Every entry of the disclosure log leads to its head.

        Returns:
            Number of entries that something was shared, received or refused. An alteration or a
            combination has an entry beside one of these.
        """
        origin = log_origin(self.world.deployment, self.agency)
        with self.store.reading() as tx:
            verify_log(tx, origin, lambda *_arguments: None)
            return sum(
                bool(placed.entry.shares) or placed.entry.kind == "refusal"
                for placed in entries_of_log(tx)
            )

    def bytes_at_rest(self) -> bytes:
        """Everything that is on disk or was logged."""
        files = (self.database, Path(f"{self.database}-wal"))
        found = b"".join(path.read_bytes() for path in files if path.exists())
        return found + self.written.getvalue().encode()
