"""The example of docs/guides/subscribing.md, run as it stands against a real Kafka."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from pathlib import Path

import pytest

from adapters.trial_agencies import london_agencies
from adapters.trial_partnership import create_partnership
from broker.agency.participant import load_participant
from broker.transport.certificates import save_identity
from broker.transport.kafka import KafkaTransport
from broker.transport.provisioning import Provisioner
from broker.transport.topics import acl_plans, topic_plans
from tests.integration.conftest import RealKafka
from tests.integration.service_story import Running

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[2]
POLICE, SERVICE = "csu-camden", "haven-support"


def clock() -> int:
    return time.time_ns() // 1_000_000


def example() -> str:
    text = (ROOT / "docs" / "guides" / "subscribing.md").read_text()
    found = re.search(r"<!-- example:.*?```python\n(.*?)```", text, re.S)
    assert found is not None
    return found.group(1)


async def run_example(script: Path, folder: Path) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(script),
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode == 0, err.decode()
    return out.decode().splitlines()


async def test_the_subscriber_of_the_guide_prints_each_event_once(
    real_kafka: RealKafka, tmp_path: Path
) -> None:
    plans = {plan.id: plan for plan in london_agencies()}
    root, deployment = tmp_path / "p", real_kafka.fresh_name()
    create_partnership(
        root,
        clock(),
        agencies=[plans[POLICE], plans[SERVICE]],
        deployment=deployment,
        bootstrap=real_kafka.local.bootstrap,
    )
    tls = real_kafka.connection(SERVICE).tls
    save_identity(
        root / SERVICE / "tls",
        ca=tls.ca.read_bytes(),
        certificate=tls.certificate.read_bytes(),
        key=tls.key.read_bytes(),
    )
    contract = load_participant(root / POLICE, clock()).contract_in_force(clock()).contract
    provisioner = Provisioner(real_kafka.local.connection)
    provisioner.apply(provisioner.plan(deployment, topic_plans(contract), acl_plans(contract)))
    police = Running(
        root / POLICE,
        lambda: KafkaTransport(real_kafka.connection(POLICE), group=f"{deployment}.{POLICE}.inbox"),
        clock,
    )
    await police.start()
    script = tmp_path / "subscriber.py"
    script.write_text(example())
    try:
        sent = await asyncio.to_thread(police.publish, (SERVICE,), 20)
        assert len(sent) == 20
        first = await run_example(script, root)
        second = await run_example(script, root)
    finally:
        await police.end()
    assert len(first) == len(second) == 10
    cases = [line.split()[2] for line in (*first, *second)]
    assert len(set(cases)) == 20
    assert all(line.startswith(f"referral.made {POLICE} ") for line in (*first, *second))
