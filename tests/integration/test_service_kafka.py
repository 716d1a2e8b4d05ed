"""The same two services over a real Kafka."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka.admin import AdminClient
from conftest import RealKafka
from service_story import Running, kills_in_the_middle, until

from adapters.demo.london import london_agencies
from adapters.demo.partnership import create_partnership
from broker.agency.participant import load_participant
from broker.transport.connection import admin_settings
from broker.transport.kafka import KafkaTransport
from broker.transport.provisioning import Provisioner
from broker.transport.topics import acl_plans, topic_plans

pytestmark = pytest.mark.kafka

AWAY_WITHIN_S: Final = 20.0
"""It takes about two seconds; a loaded machine may need more. It was forty and more."""
GONE_S: Final = 15.0
"""Long enough for clients to learn that the topic is gone, and to forget it."""

POLICE, COUNCIL = "csu-camden", "council-camden"


def clock() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Pair:
    """The police and the council on the real Kafka, not started."""

    police: Running
    council: Running
    deployment: str

    async def until(self, condition: Callable[[], bool]) -> None:
        await until(condition, self.police, self.council, within_s=100)


@pytest.fixture
def pair(real_kafka: RealKafka, tmp_path: Path) -> Pair:
    plans = {plan.id: plan for plan in london_agencies()}
    root, deployment = tmp_path / "p", real_kafka.fresh_name()
    agencies = [plans[POLICE], plans[COUNCIL]]
    create_partnership(root, clock(), agencies=agencies, deployment=deployment)
    for agency in (POLICE, COUNCIL):
        config = root / agency / "agency.toml"
        config.write_text(config.read_text() + "\n[intervals]\nreceipt = 0.1\nheartbeat = 1.0\n")
    provision(real_kafka, root)

    def running(agency: str) -> Running:
        return Running(
            root / agency,
            lambda: KafkaTransport(
                real_kafka.connection(agency), group=f"{deployment}.{agency}.inbox"
            ),
            clock,
        )

    return Pair(running(POLICE), running(COUNCIL), deployment)


def provision(kafka: RealKafka, root: Path) -> None:
    contract = load_participant(root / POLICE, clock()).contract(clock()).contract
    provisioner = Provisioner(kafka.local.connection)
    deployment = contract.deployment
    provisioner.apply(provisioner.plan(deployment, topic_plans(contract), acl_plans(contract)))


async def test_nothing_is_lost_or_comes_twice_when_either_side_is_killed(pair: Pair) -> None:
    await kills_in_the_middle(pair.police, pair.council, COUNCIL)


async def test_readiness_follows_kafka_down_and_up(pair: Pair, real_kafka: RealKafka) -> None:
    """Also while there is nothing to send; and it does not come and go while Kafka is away."""
    await pair.police.start()
    await pair.council.start()

    def reason() -> str | None:
        return pair.council.readiness.reasons()["kafka"]

    await pair.until(lambda: reason() is None)
    await asyncio.to_thread(real_kafka.local.stop)
    began = time.monotonic()
    await pair.until(lambda: reason() is not None)
    assert time.monotonic() - began < AWAY_WITHIN_S
    for _ in range(40):
        assert reason() == "kafka_unreachable"
        await asyncio.sleep(0.1)
    await asyncio.to_thread(real_kafka.local.start)
    await pair.until(lambda: reason() is None)
    await pair.police.end()
    await pair.council.end()


async def test_a_topic_that_is_made_anew_is_read_and_written_again(
    pair: Pair, real_kafka: RealKafka
) -> None:
    await pair.police.start()
    await pair.council.start()
    before = pair.police.publish((COUNCIL,), 3)
    await pair.until(lambda: len(pair.council.inbox()) == 3)
    admin = AdminClient(admin_settings(real_kafka.local.connection))
    contract = pair.police.contract
    gone = [topic.name for topic in topic_plans(contract) if topic.name.count(".") > 1]
    await asyncio.to_thread(lambda: [a.result() for a in admin.delete_topics(gone).values()])
    await asyncio.sleep(GONE_S)
    while_gone = pair.police.publish((COUNCIL,), 2)
    await asyncio.sleep(1)
    await asyncio.to_thread(provision, real_kafka, pair.police.directory.parent)
    after = pair.police.publish((COUNCIL,), 3)
    await pair.until(lambda: len(pair.council.inbox()) == 8)
    assert set(pair.council.inbox()) == {*before, *while_gone, *after}
    await pair.police.end()
    await pair.council.end()
