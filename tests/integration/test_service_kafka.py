"""The same two services over a real Kafka."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from conftest import RealKafka
from service_story import Running, kills_in_the_middle

from broker.agency.participant import load_participant
from broker.agency.partnership import create_partnership
from broker.agency.tryout import london_agencies
from broker.transport.kafka import KafkaTransport
from broker.transport.provisioning import Provisioner
from broker.transport.topics import acl_plans, topic_plans

pytestmark = pytest.mark.kafka

POLICE, COUNCIL = "csu-camden", "council-camden"


def clock() -> int:
    return time.time_ns() // 1_000_000


async def test_nothing_is_lost_or_comes_twice_when_either_side_is_killed(
    real_kafka: RealKafka, tmp_path: Path
) -> None:
    plans = {plan.id: plan for plan in london_agencies()}
    root, deployment = tmp_path / "p", real_kafka.fresh_name()
    agencies = [plans[POLICE], plans[COUNCIL]]
    create_partnership(root, clock(), agencies=agencies, deployment=deployment)
    for agency in (POLICE, COUNCIL):
        config = root / agency / "agency.toml"
        config.write_text(config.read_text() + "\n[intervals]\nreceipt = 0.1\nheartbeat = 1.0\n")
    contract = load_participant(root / POLICE, clock()).contract(clock()).contract
    provisioner = Provisioner(real_kafka.local.connection)
    provisioner.apply(provisioner.plan(deployment, topic_plans(contract), acl_plans(contract)))

    def running(agency: str) -> Running:
        return Running(
            root / agency,
            lambda: KafkaTransport(
                real_kafka.connection(agency), group=f"{deployment}.{agency}.inbox"
            ),
            clock,
        )

    await kills_in_the_middle(running(POLICE), running(COUNCIL), COUNCIL)
