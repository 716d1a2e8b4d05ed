"""Adapters over a real Kafka of three nodes: nodes are killed, and one agency sends too much.

Each topic has three copies, and two of them must have a record before it is acknowledged. So
events flow while one node is away, and wait while two are. The tests read the results from the
folders and databases of the agencies (`tests.fault.fault_invariants`).
"""

from __future__ import annotations

import shutil
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer, ThrottleEvent
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from broker.transport.connection import admin_settings
from broker.transport.local_settings import KAFKA_FOLDER
from broker.transport.provisioning import Change
from broker.transport.quotas import RATES, apply_quotas, read_quotas
from broker.transport.topics import principal_user
from tests.fault.campaign import Campaign
from tests.fault.fault_stage import FaultStage, await_condition, now_ms
from tests.support.command_line import run
from tests.support.kafka_cluster import NODES, KafkaCluster

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(900)]

SEED = 20
LOUD, QUIET = "csu-camden", "council-camden"
LOW_RATE = 20_000
"""Bytes a second: far below what `LOUD` sends in `test_an_agency_above_its_limit_is_slowed`."""
MESSAGE = bytes(50_000)
PROBE = "limits-probe"
PATIENCE_S = 300.0


class ClusterStage(FaultStage):
    """The stage of the faults with a Kafka of three nodes."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.kafka: KafkaCluster = KafkaCluster(self.root / KAFKA_FOLDER)

    def provision(self) -> None:
        """Topics, rights and limits, as the host of a real service applies them."""
        met = await_condition(self.kafka.whole, lambda: None, PATIENCE_S)
        assert met, "the nodes have not met"
        done = run("kafka", "apply", "--root", self.root, "--replication", len(NODES))
        assert done.code == 0, done.err

    def principal(self, agency: str) -> str:
        contract = self.participant(agency).contract_in_force(now_ms()).contract
        return next(party.principal for party in contract.parties if party.id == agency)


@pytest.fixture(scope="module")
def campaign() -> Iterator[Campaign]:
    memory = Path("/dev/shm")  # each write is durable, which takes long on a disk
    root = Path(tempfile.mkdtemp("", "brokers-", memory if memory.is_dir() else None))
    try:
        with ClusterStage(root / "p") as stage:
            stage.prepare(disks=False)
            played = Campaign(stage, SEED)
            played.await_all()
            yield played
    finally:
        shutil.rmtree(root, ignore_errors=True)


def test_each_topic_has_three_copies_and_two_must_have_a_record(campaign: Campaign) -> None:
    admin = AdminClient(admin_settings(campaign.stage.kafka.connection))
    topics = admin.list_topics(timeout=20).topics
    ours = [name for name in topics if not name.startswith("__")]
    assert len(ours) > 4
    for name in ours:
        assert {len(one.replicas) for one in topics[name].partitions.values()} == {len(NODES)}
    asked = [ConfigResource(ResourceType.TOPIC, name) for name in ours]
    for answer in admin.describe_configs(asked).values():
        settings = answer.result()
        assert settings["min.insync.replicas"].value == "2"
        assert settings["unclean.leader.election.enable"].value == "false"


def test_nothing_is_lost_when_each_node_is_killed_in_turn(campaign: Campaign) -> None:
    kafka: KafkaCluster = campaign.stage.kafka
    for node in NODES:
        campaign.play(1)
        kafka.kill(node)
        campaign.play(1)
        until(campaign, lambda: not kafka.whole(), f"the others have not noticed node {node}")
        settle(campaign)  # by the two that are left
        campaign.play(1)
        kafka.start_nodes([node])
        until(campaign, kafka.whole, f"node {node} has not caught up")
    settle(campaign)
    require_all(campaign)


def test_sending_waits_while_two_nodes_are_away_and_goes_on_afterwards(
    campaign: Campaign,
) -> None:
    kafka: KafkaCluster = campaign.stage.kafka
    kafka.kill(*NODES[:2])
    campaign.play(1)
    assert campaign.traffic.drop(LOUD) > 0
    until(campaign, lambda: waiting(campaign, LOUD) > 0, "no event waits")
    until(campaign, lambda: troubled(campaign, LOUD), "status does not say that Kafka is away")
    assert gauge(campaign, LOUD, 'concordant_outbox_events{state="') > 0
    assert campaign.invariants.missing()
    kafka.start_nodes(NODES[:2])
    until(campaign, kafka.whole, "the nodes have not caught up")
    settle(campaign)
    require_all(campaign)
    assert waiting(campaign, LOUD) == 0


def test_an_agency_above_its_limit_is_slowed_and_no_other(campaign: Campaign) -> None:
    stage = campaign.stage
    kafka: KafkaCluster = stage.kafka
    loud, quiet = stage.principal(LOUD), stage.principal(QUIET)
    found = read_quotas(kafka.connection)
    assert found is not None
    assert found[loud] == found[quiet] == RATES
    low = {**RATES, "producer_byte_rate": LOW_RATE}
    apply_quotas(kafka.connection, [Change("limit", loud, rates=tuple(low.items()))])
    stage.provision()  # a rate that the host has set itself stays
    again = read_quotas(kafka.connection)
    assert again is not None
    assert again[loud] == low

    open_topic(kafka, loud, quiet)
    with_limit, without = Writer(stage, LOUD), Writer(stage, QUIET)
    until(campaign, with_limit.write, "Kafka slows no client above its limit")
    for _ in range(with_limit.written):
        without.write()
    assert without.producer.flush(PATIENCE_S) == 0
    assert without.slowed_ms == []
    assert max(with_limit.slowed_ms) > 0

    assert campaign.traffic.drop(QUIET) > 0
    until(campaign, lambda: not owed_by(campaign, QUIET), "the other agency's events wait")
    assert campaign.traffic.drop(LOUD) > 0
    normal = tuple(RATES.items())
    apply_quotas(kafka.connection, [Change("limit", loud, rates=normal)])
    settle(campaign)
    require_all(campaign)


class Writer:
    """A client with an agency's certificate that sends too much.

    Attributes:
        producer: its Kafka client.
        written: number of messages.
        slowed_ms: how long Kafka made it wait, each time.
    """

    def __init__(self, stage: FaultStage, agency: str) -> None:
        self.written = 0
        self.slowed_ms: list[float] = []
        connection = stage.participant(agency).kafka_connection()
        settings: dict[str, Any] = {**admin_settings(connection), "throttle_cb": self._slowed}
        self.producer = Producer(settings)

    def write(self) -> bool:
        """Write one message; return whether Kafka has slowed this client."""
        self.producer.produce(PROBE, MESSAGE)
        self.producer.poll(0.05)
        self.written += 1
        return bool(self.slowed_ms)

    def _slowed(self, event: ThrottleEvent) -> None:
        if event.throttle_time > 0:
            self.slowed_ms.append(event.throttle_time)


def open_topic(kafka: KafkaCluster, *principals: str) -> None:
    """Make a topic outside the agreement to which some principals may write."""
    admin = AdminClient(admin_settings(kafka.connection))
    (made,) = admin.create_topics([NewTopic(PROBE, num_partitions=1)]).values()
    made.result()
    rights = [
        AclBinding(
            ResourceType.TOPIC,
            PROBE,
            ResourcePatternType.LITERAL,
            principal_user(one),
            "*",
            AclOperation.WRITE,
            AclPermissionType.ALLOW,
        )
        for one in principals
    ]
    for answer in admin.create_acls(rights).values():
        answer.result()


def until(campaign: Campaign, seen: Callable[[], object], what: str) -> None:
    """Wait for a condition, while adapters that ended are started again."""
    assert await_condition(lambda: bool(seen()), campaign.wait, PATIENCE_S), what


def settle(campaign: Campaign) -> None:
    """Wait until everything that was exported has arrived and is acknowledged."""
    settled = await_condition(campaign.invariants.settled, campaign.wait, PATIENCE_S)
    assert settled, campaign.invariants.unsettled()


def require_all(campaign: Campaign) -> None:
    """Nothing is lost, nothing arrived twice, and every log verifies."""
    assert campaign.invariants.broken() == []
    assert campaign.invariants.twice == 0
    assert campaign.invariants.arrived == len(campaign.traffic.owed) > 0


def owed_by(campaign: Campaign, sender: str) -> list[str]:
    """Events of an agency that have not arrived."""
    return [one for one in campaign.invariants.missing() if f" of {sender} for " in one]


def status(campaign: Campaign, agency: str) -> dict[str, Any]:
    """Answer of `status`."""
    answer: dict[str, Any] = run("status", "--agency", campaign.stage.folder(agency), "--json").json
    return answer


def waiting(campaign: Campaign, agency: str) -> int:
    """Events that Kafka has not acknowledged, as `status` says."""
    outbox = status(campaign, agency)["outbox"]
    return int(outbox["pending"]) + int(outbox["unsent"])


def troubled(campaign: Campaign, agency: str) -> bool:
    """Return whether `status` names a fault of Kafka."""
    faults = status(campaign, agency)["side_faults"]
    return any(str(one["code"]).startswith("kafka_") for one in faults)


def gauge(campaign: Campaign, agency: str, begins: str) -> float:
    """Sum of the samples of `/metrics` that begin so."""
    port = int((campaign.stage.folder(agency) / "state/http-port").read_text())
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(begins))
