"""A contract learned while running, over a real Kafka whose host applies it late."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.agency.participant import load_participant
from broker.subscriber import subscribe
from broker.transport.kafka import KafkaTransport
from broker.transport.provisioning import Provisioner
from broker.transport.topics import acl_plans, topic_plans
from contracts.model import Contract
from tests.integration.conftest import RealKafka
from tests.integration.key_story import COUNCIL, POLICE, SUPPORT, Adapter, clock, partnership
from tests.integration.learned_story import learned_while_running

pytestmark = pytest.mark.kafka


async def test_topics_of_a_contract_learned_while_running_are_read(
    real_kafka: RealKafka, tmp_path: Path
) -> None:
    deployment = real_kafka.fresh_name()
    root = partnership(tmp_path / "p", clock(), deployment=deployment)
    provisioner = Provisioner(real_kafka.local.connection)

    def apply(contract: Contract) -> None:
        provisioner.apply(provisioner.plan(deployment, topic_plans(contract), acl_plans(contract)))

    def transport(agency: str, use: str) -> KafkaTransport:
        return KafkaTransport(
            real_kafka.connection(agency), group=f"{deployment}.{agency}.{use}", send_timeout_s=4
        )

    def adapter(agency: str) -> Adapter:
        return Adapter(root / agency, lambda: transport(agency, "inbox"))

    apply(load_participant(root / POLICE, clock()).contract_in_force(clock()).contract)
    police, council, support = adapter(POLICE), adapter(COUNCIL), adapter(SUPPORT)
    desk = transport(COUNCIL, "desk")
    async with subscribe(root / COUNCIL, "desk", clock=clock, receiver=desk) as events:
        await learned_while_running(police, council, [support], events, apply)
    await desk.close()
    for one in (police, council, support):
        await one.end()
