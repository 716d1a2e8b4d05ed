"""Reader and writer of the control topics in memory, with heartbeats."""

from __future__ import annotations

from pathlib import Path

from broker.agency.participant import LoadedAgency, load_participant
from broker.control.control import Control, Takers
from broker.control.counts_taken import CountsReceiver
from broker.control.news import News
from broker.control.own_statements import OwnStatements, SigningKeys
from broker.control.watch import Watch
from broker.judging.key_resolver import TrustStore
from broker.keys.kid import ML_DSA_44
from broker.observing.metrics import Metrics
from broker.record import (
    CONTENT_TYPE_HEADER,
    NOTICE_CONTENT_TYPE,
    RECEIPT_CONTENT_TYPE,
    KafkaPartition,
    Record,
)
from broker.registry.newest_manifests import NamedManifest, RegistryHash, named_manifest
from broker.statements.authorship import post_quantum_author
from broker.statements.heartbeats import Head, Heartbeat, format_heartbeat
from broker.tlog.checkpoint import Origin
from broker.tlog.note import NoteSigner
from broker.transport.topics import control_topics
from tests.support.founded_partnership import NOW, POLICE, FoundedPartnership
from tests.support.memory_agency import MemoryAgency
from tests.support.sent_records import Log

RECEIPT, NOTICE = RECEIPT_CONTENT_TYPE, NOTICE_CONTENT_TYPE


class KeysOfAllTimes(SigningKeys):
    """The keys of an agency, also at times at which no manifest lists them."""

    def __init__(self, loaded: LoadedAgency, member: MemoryAgency) -> None:
        super().__init__(loaded, member.clock)
        self._office = member

    def receipt_author(self, moment: int | None = None) -> NoteSigner:
        return self._office.world.author(self._office.agency, receipts=True)

    def receipt_cosigner(self) -> NoteSigner:
        return self._office.world.receipt_cosigner(self._office.agency)


class ControlNode:
    """The reader and the writer of control topics of one agency."""

    def __init__(self, member: MemoryAgency, directory: Path) -> None:
        self.member = member
        self.participant = load_participant(directory, NOW)
        self.topics = control_topics(self.participant.deployment)
        self.trust = TrustStore(
            member.agency,
            self.participant.contracts,
            self.participant.manifests,
            self.participant.keyring,
        )
        receiver = CountsReceiver(member.store, member.secret)
        takers = Takers(counts=receiver.take)
        self.control = Control(self.trust, self.participant.repository, member.store, takers=takers)
        self.metrics = Metrics()
        loaded = LoadedAgency(self.participant)
        self.watch = Watch(loaded, member.store, member.clock, self.metrics, member.trust_store)
        self.notices = OwnStatements(
            KeysOfAllTimes(loaded, member),
            member.store,
            member.transport,
            member.clock,
            self.metrics.notices_left_out,
        )
        self._offset = 0

    def hear(self, topic: str, *values: bytes, content_type: bytes = b"x") -> News:
        headers = ((CONTENT_TYPE_HEADER, content_type),)
        records = [Record(topic, 0, headers, v, self._offset + n) for n, v in enumerate(values)]
        self._offset += len(records)
        news = self.control.take(KafkaPartition(topic, 0), records, self.member.clock.now)
        for missing in news.missing:
            self.watch.missing(*missing)
        for beat in news.heartbeats:
            self.watch.heard(beat)
        return news

    def said(self) -> list[Record]:
        return self.member.kafka.topics[self.topics.receipts][0]


def origin_of(log: Log) -> Origin:
    assert log.newest is not None
    return Origin(log.stream.deployment, log.agency, log.topic, log.partition, log.newest.name)


def beat(
    world: FoundedPartnership,
    *heads: Head,
    at: int = NOW,
    agency: str = POLICE,
    manifest: NamedManifest | None = None,
    registry: tuple[RegistryHash, ...] = (),
) -> bytes:
    named = manifest or newest(world, agency)
    one = Heartbeat(world.deployment, agency, at, heads, (0, bytes(32)), named, registry)
    return format_heartbeat(one, authors(world, agency))


def newest(world: FoundedPartnership, agency: str) -> NamedManifest:
    """The newest manifest of an agency, as its heartbeat names it."""
    verified = world.manifests.newest_verified(agency)
    assert verified is not None
    return named_manifest(verified)


def authors(world: FoundedPartnership, agency: str) -> list[NoteSigner]:
    """Both stream keys of an agency."""
    participant = world.participants[agency]
    post_quantum = participant.stream_signer(NOW, ML_DSA_44)
    return [world.author(agency), post_quantum_author(participant.key_name, post_quantum)]


def head(log: Log, size: int) -> Head:
    origin = origin_of(log)
    assert log.newest is not None
    root = log.newest.root if size == log.newest.size else bytes(32)
    return Head(origin.topic, origin.partition, origin.generation, size, root)
