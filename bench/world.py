"""A partnership on a real Kafka, for the benchmarks that need one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import benchmark_partnership
from bench.sample_event import SOURCE
from broker.agency.participant import Participant
from broker.transport.certificates import Authority
from broker.transport.connection import KafkaConnection, TlsFiles
from broker.transport.local import LocalKafka
from broker.transport.provisioning import Provisioner
from broker.transport.topics import TopicPlan, acl_plans, topic_plans
from contracts.model import topic_name

RECIPIENTS: Final = 4
PARTITIONS: Final = 6
"""Of the benchmarks end to end; a sender of many streams asks for its own number."""


@dataclass(frozen=True)
class World:
    """Running parts.

    Attributes:
        folder: one folder for each agency.
        load: agency id -> its participant.
        topic: the Kafka topic of the event.
        raw_topic: a copy of it that raw aiokafka writes to.
        operator: connection of the Kafka operator.
        bootstrap: Kafka's address.
    """

    folder: Path
    load: Callable[[str], Participant]
    topic: str
    raw_topic: str
    operator: KafkaConnection
    bootstrap: str

    def connection(self, agency: str) -> KafkaConnection:
        """Return an agency's connection."""
        return KafkaConnection(
            self.bootstrap, TlsFiles.in_folder(self.folder / agency / "tls"), agency
        )


@contextmanager
def world(now: int, partitions: int, recipients: int = 4) -> Iterator[World]:
    """Kafka with the topics of a partnership of one sender and ``recipients`` others."""
    with tempfile.TemporaryDirectory() as found:
        root = Path(found)
        folder = root / "partnership"
        members = (SOURCE, *benchmark_partnership.recipient_ids(recipients))
        plans = [plan for plan in benchmark_partnership.agencies() if plan.id in members]
        load = benchmark_partnership.create(folder, now, partitions=partitions, plans=plans)
        authority_folder = folder / "kafka" / "authority"
        authority = Authority(
            (authority_folder / "cert.pem").read_bytes(),
            (authority_folder / "key.pem").read_bytes(),
        )
        with LocalKafka(root / "kafka", authority) as kafka:
            contract = load(SOURCE).contract_in_force(now).contract
            topic = topic_name(contract, "a")
            topics = topic_plans(contract)
            like = next(plan for plan in topics if plan.name == topic)
            raw = TopicPlan(
                f"{topic}.raw", like.partitions, like.retention_ms, like.cleanup, like.config
            )
            provisioner = Provisioner(kafka.connection)
            wanted = (*topics, raw)
            rights = acl_plans(contract)
            provisioner.apply(provisioner.plan(contract.deployment, wanted, rights))
            yield World(folder, load, topic, raw.name, kafka.connection, kafka.bootstrap)
