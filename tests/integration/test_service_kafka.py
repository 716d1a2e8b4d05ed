"""The same two services over a real Kafka."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import yaml
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from adapters.trial_agencies import london_agencies
from adapters.trial_partnership import create_partnership
from broker.agency.participant import load_participant
from broker.transport.connection import admin_settings
from broker.transport.kafka import KafkaTransport
from broker.transport.provisioning import Provisioner
from broker.transport.topics import acl_plans, topic_plans
from tests.integration.commands import ROOT, Done, concordant
from tests.integration.conftest import RealKafka
from tests.integration.service_story import Running, kills_in_the_middle, until

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

    running = on_real_kafka(real_kafka, root, deployment, clock)
    return Pair(running(POLICE), running(COUNCIL), deployment)


def on_real_kafka(
    real_kafka: RealKafka, root: Path, deployment: str, now: Callable[[], int]
) -> Callable[[str], Running]:
    """Return what makes the service of an agency of a partnership, not started."""

    def running(agency: str) -> Running:
        group = f"{deployment}.{agency}.inbox"
        return Running(
            root / agency,
            lambda: KafkaTransport(real_kafka.connection(agency), group=group),
            now,
        )

    return running


def provision(kafka: RealKafka, root: Path, clock: Callable[[], int] = clock) -> None:
    contract = load_participant(root / POLICE, clock()).contract_in_force(clock()).contract
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


def largest_record(kafka: RealKafka, topics: list[str], size: int) -> None:
    """Limit the size of records on topics, as the host of Kafka can."""
    entry = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
    wanted = [
        ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry]) for name in topics
    ]
    admin = AdminClient(admin_settings(kafka.local.connection))
    for done in admin.incremental_alter_configs(wanted).values():
        done.result()


def stuck_after_s() -> float:
    """The age from which on the alert rule holds."""
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())
    (rule,) = (r for g in rules["groups"] for r in g["rules"] if r.get("alert") == "OutboxStuck")
    name, sign, seconds = rule["expr"].split()
    assert (name, sign) == ("concordant_outbox_oldest_seconds", ">")
    return float(seconds)


async def test_an_event_that_a_topic_is_too_small_for_is_shown_and_sent_later(
    pair: Pair, real_kafka: RealKafka
) -> None:
    """The host lowers ``max.message.bytes``: signed, not taken, alarmed, and sent once it may."""
    await pair.police.start()
    await pair.council.start()
    before = pair.police.publish((COUNCIL,), 1)
    await pair.until(lambda: len(pair.council.inbox()) == 1)
    topics = [t.name for t in topic_plans(pair.police.contract) if t.name.count(".") > 1]
    await asyncio.to_thread(largest_record, real_kafka, topics, 1500)
    too_large = pair.police.publish((COUNCIL,), 1)
    code = "kafka_record_too_large"
    await pair.until(
        lambda: (
            pair.police.outbox().unsent == 1
            and pair.police.metric("relay_faults_total", code=code) > 0
        )
    )
    assert pair.police.metric("outbox_events", state="unsent") == 1
    limit_s = stuck_after_s()
    age_s = pair.police.metric("outbox_oldest_seconds", in_ms=round(limit_s * 1000))
    assert age_s > limit_s
    await pair.until(lambda: pair.police.readiness.reasons()["kafka"] == code)
    folder = pair.police.directory

    async def examined() -> tuple[Done, dict[str, str]]:
        done = await concordant("doctor", "--agency", folder, "--json")
        found = {check["name"]: check for check in json.loads(done.out)["checks"]}
        return done, found["outbox"]

    done, outbox = await examined()
    while outbox["code"] != code:  # the adapter writes down why with its next look
        await asyncio.sleep(0.5)
        done, outbox = await examined()
    assert (done.code, outbox["status"]) == (1, "fail")
    assert topics[0].rpartition(".")[0] in outbox["fix"]
    status = await concordant("status", "--agency", folder, "--json")
    shown = json.loads(status.out)["outbox"]
    assert (shown["unsent"], shown["oldest_unsent"] is None) == (1, False)
    assert len(pair.council.inbox()) == 1
    await asyncio.to_thread(provision, real_kafka, folder.parent)  # as `kafka apply` does
    await pair.until(lambda: len(pair.council.inbox()) == 2)
    assert pair.council.inbox() == [*before, *too_large]
    await pair.until(lambda: pair.police.outbox().unsent == 0)
    assert pair.police.metric("outbox_oldest_seconds") == 0
    await pair.police.end()
    await pair.council.end()
