"""Reader and writer of the control topics in memory, with heartbeats."""

from __future__ import annotations

from pathlib import Path

from broker.agency.participant import load_participant
from broker.control.control import Control, News
from broker.control.own_statements import OwnStatements
from broker.control.watch import Watch
from broker.keys.kid import ML_DSA_44
from broker.observing.metrics import Metrics
from broker.record import (
    CONTENT_TYPE_HEADER,
    NOTICE_CONTENT_TYPE,
    RECEIPT_CONTENT_TYPE,
    KafkaPartition,
    Record,
)
from broker.statements.authorship import post_quantum_author
from broker.statements.heartbeats import Head, Heartbeat, format_heartbeat
from broker.tlog.checkpoint import Origin
from broker.tlog.note import NoteSigner
from broker.transport.topics import control_topics, readable_topics
from tests.support.founded_partnership import NOW, POLICE, Workshop
from tests.support.memory_agency import Office
from tests.support.sent_records import Log

RECEIPT, NOTICE = RECEIPT_CONTENT_TYPE, NOTICE_CONTENT_TYPE


class Desk:
    """Who listens to the control topics and speaks on them, of one office."""

    def __init__(self, office: Office, directory: Path) -> None:
        self.office = office
        self.participant = load_participant(directory, NOW)
        self.topics = control_topics(self.participant.deployment)
        world = office.world
        self.control = Control(
            office.agency,
            self.topics,
            self.participant.repository,
            self.participant.contracts,
            self.participant.manifests,
            office.store,
            lambda: frozenset(readable_topics(world.contract, office.agency)),
        )
        self.metrics = Metrics()
        self.watch = Watch(
            lambda: self.participant,
            office.store,
            office.clock,
            self.metrics,
            lambda: office.trust,
        )
        self.notices = OwnStatements(
            self.participant,
            office.store,
            office.transport,
            office.clock,
            lambda: world.author(office.agency, receipts=True),
            lambda: world.receipt_cosigner(office.agency),
            self.metrics.notices_left_out,
        )
        self._offset = 0

    def hear(self, topic: str, *values: bytes, content_type: bytes = b"x") -> News:
        headers = ((CONTENT_TYPE_HEADER, content_type),)
        records = [Record(topic, 0, headers, v, self._offset + n) for n, v in enumerate(values)]
        self._offset += len(records)
        news = self.control.take(KafkaPartition(topic, 0), records, self.office.clock.now)
        for missing in news.missing:
            self.watch.missing(*missing)
        for beat in news.heartbeats:
            self.watch.heard(beat)
        return news

    def said(self) -> list[Record]:
        return self.office.kafka.topics[self.topics.receipts][0]


def origin_of(log: Log) -> Origin:
    assert log.newest is not None
    return Origin(log.stream.deployment, log.agency, log.topic, log.partition, log.newest.name)


def beat(world: Workshop, *heads: Head, at: int = NOW, agency: str = POLICE) -> bytes:
    one = Heartbeat(world.deployment, agency, at, heads, (0, bytes(32)))
    return format_heartbeat(one, authors(world, agency))


def authors(world: Workshop, agency: str) -> list[NoteSigner]:
    """Both stream keys of an agency."""
    participant = world.participants[agency]
    post_quantum = participant.stream_signer(NOW, ML_DSA_44)
    return [world.author(agency), post_quantum_author(participant.key_name, post_quantum)]


def head(log: Log, size: int) -> Head:
    origin = origin_of(log)
    assert log.newest is not None
    root = log.newest.root if size == log.newest.size else bytes(32)
    return Head(origin.topic, origin.partition, origin.generation, size, root)
