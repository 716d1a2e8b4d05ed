"""The local Kafka as a process: it starts once, comes back, and never outlives its parent."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from adapters.trial_partnership import create_partnership
from broker.agency.participant import load_participant
from broker.clock import now_ms
from broker.errors import TransportError
from broker.operations.kafka_contracts import contracts_of_participant
from broker.operations.kafka_host import KafkaHost
from broker.record import Record
from broker.transport.applied import read_applied
from broker.transport.connection import KafkaConnection
from broker.transport.kafka import KafkaTransport, raw_records
from broker.transport.local import LocalKafka, Phase, find_detached, stop_detached
from broker.transport.provisioning import Change, DeployedState, Provisioner, plan_changes
from broker.transport.quotas import RATES, apply_quotas, plan_quotas, read_quotas
from broker.transport.topics import AclPlan, TopicPlan
from tests.integration.conftest import RealKafka

pytestmark = pytest.mark.kafka


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    if status.exists():
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path("/proc/self").exists()


def wait_until_gone(pid: int, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while alive(pid):
        assert time.monotonic() < deadline, "the process is still there"
        time.sleep(0.05)


def test_a_start_tells_its_phases_and_leaves_a_private_folder(tmp_path: Path) -> None:
    told: list[Phase] = []
    folder = tmp_path / "with a space"
    with LocalKafka(folder, progress=lambda phase, _: told.append(phase)) as kafka:
        assert list(dict.fromkeys(told)) == [Phase.JARS, Phase.FORMAT, Phase.START, Phase.READY]
        assert kafka.bootstrap == f"127.0.0.1:{kafka.port}"
        for name in ("tls/keystore.pem", "tls/key.pem", "authority/key.pem"):
            assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        java = kafka._java
        with pytest.raises(TransportError) as twice:
            kafka.start()
        assert twice.value.code == "kafka_start_failed"
    assert java
    assert not alive(java)
    assert not list((folder / "tmp").iterdir())
    kafka.stop()


def test_it_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = textwrap.dedent(f"""
        import threading, time
        from pathlib import Path
        from broker.transport.local import LocalKafka
        kafka = LocalKafka(Path({str(tmp_path)!r}))
        thread = threading.Thread(target=kafka.start)  # its end must not end Kafka
        thread.start()
        thread.join()
        time.sleep(1)
        print(kafka._java, kafka.running, flush=True)
        time.sleep(300)
    """)
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert parent.stdout
    java, running = parent.stdout.readline().split()
    assert running == b"True"
    assert alive(int(java))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    wait_until_gone(int(java))


def test_a_detached_one_goes_on_until_it_is_stopped(tmp_path: Path) -> None:
    script = textwrap.dedent(f"""
        from pathlib import Path
        from broker.transport.local import LocalKafka
        LocalKafka(Path({str(tmp_path)!r}), detached=True).start()
    """)
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
    connection = find_detached(tmp_path)
    assert connection
    try:
        Provisioner(connection).find("nothing")
        with pytest.raises(TransportError):
            LocalKafka(tmp_path, detached=True).start()
    finally:
        assert stop_detached(tmp_path)
    assert find_detached(tmp_path) is None
    assert not stop_detached(tmp_path)


def test_a_process_that_took_over_the_number_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        noted = f'{{"pid": {other.pid}, "port": 1, "started": "before that"}}'
        (tmp_path / "kafka.pid").write_text(noted)
        assert not stop_detached(tmp_path)
        assert other.poll() is None
        other.kill()


def test_a_port_in_use_is_an_error_if_it_was_asked_for(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(TransportError) as refused:
            LocalKafka(tmp_path, port=taken.getsockname()[1]).start()
    assert refused.value.code == "kafka_start_failed"
    assert refused.value.where == str(tmp_path / "kafka.log")


async def test_the_plan_is_applied_once_and_rights_that_go_are_taken_away(
    real_kafka: RealKafka,
) -> None:
    deployment = real_kafka.fresh_name()
    topic = f"{deployment}.c.a"
    plan = TopicPlan(
        topic, 2, 3_600_000, "delete", {"retention.ms": "3600000", "compression.type": "zstd"}
    )
    rights = [
        AclPlan("User:carol", "topic", topic, "write"),
        AclPlan("User:carol", "group", f"{deployment}.carol.", "read", prefixed=True),
    ]
    provisioner = Provisioner(real_kafka.local.connection)
    first = provisioner.plan(deployment, [plan], rights)
    assert [change.action for change in first] == ["create", "grant", "grant"]
    provisioner.apply(first)
    assert provisioner.plan(deployment, [plan], rights) == ()
    carol = KafkaTransport(real_kafka.connection("carol"), send_timeout_s=10)
    assert await carol.send([Record(topic, 0, ((b"proof", b"p"),), b"v")]) == [0]
    seen = await raw_records(real_kafka.local.connection, [topic])
    assert [(r.partition, r.headers, r.value) for r in seen] == [(0, ((b"proof", b"p"),), b"v")]

    longer = TopicPlan(topic, 2, 7_200_000, "delete", {"retention.ms": "7200000"})
    second = provisioner.plan(deployment, [longer], [])
    assert [change.action for change in second] == ["alter", "revoke", "revoke"]
    provisioner.apply(second)
    found = provisioner.find(deployment)
    assert found.config[topic]["retention.ms"] == "7200000"
    assert found.config[topic]["compression.type"] == "zstd", "other overrides stay"
    assert found.rights == frozenset()
    with pytest.raises(TransportError) as refused:
        await carol.send([Record(topic, 0, (), b"v")])
    assert refused.value.code == "kafka_refused"
    await carol.close()


def test_only_what_is_below_the_deployment_is_managed(real_kafka: RealKafka) -> None:
    """A party's principal may have other rights on the cluster, also as another application."""
    deployment = real_kafka.fresh_name()
    inside = {
        AclPlan("User:*", "topic", f"{deployment}.c.a", "read"),
        AclPlan("User:erin", "topic", f"{deployment}.c", "all", prefixed=True),
        AclPlan("User:erin", "topic", f"{deployment}.c.a", "write", host="10.0.0.1"),
        AclPlan("User:mallory", "group", f"{deployment}.erin.", "read", prefixed=True),
        AclPlan("User:mallory", "group", f"{deployment}.erin.inbox", "describe"),
    }
    outside = {
        AclPlan("User:erin", "group", "erin.", "read", prefixed=True),
        AclPlan("User:billing", "group", f"{deployment}-billing.", "read", prefixed=True),
        AclPlan("User:billing", "group", "billing", "read"),
        AclPlan("User:billing", "topic", f"{deployment}", "read"),
        AclPlan("User:billing", "topic", f"{deployment}x.c.a", "read"),
        AclPlan("User:auditor", "topic", f"{deployment}", "read", prefixed=True),
        AclPlan("User:auditor", "topic", "*", "describe"),
        AclPlan("User:erin", "transactional_id", f"{deployment}.x", "write"),
    }
    wanted = AclPlan("User:erin", "group", f"{deployment}.erin.", "read", prefixed=True)
    provisioner = Provisioner(real_kafka.local.connection)
    provisioner.apply(plan_changes([], inside | outside, DeployedState({}, {}, frozenset())))
    try:
        plan = provisioner.plan(deployment, [], [wanted])
        assert {change.right for change in plan if change.action == "revoke"} == inside
        assert {change.right for change in plan if change.action == "grant"} == {wanted}
        noted = [change.subject for change in plan if change.action == "note"]
        assert noted == [
            "User:auditor may describe topic *",
            f"User:auditor may read topic {deployment}*",
        ]
        provisioner.apply(plan)
        rights = provisioner._rights()
        assert outside <= rights
        assert wanted in rights
        assert not inside & rights
        again = provisioner.plan(deployment, [], [wanted])
        assert {change.action for change in again} == {"note"}
    finally:
        left = DeployedState({}, {}, frozenset(outside | {wanted}))
        provisioner.apply(plan_changes([], [], left))


def test_the_applied_agreement_is_recorded_on_the_cluster(
    real_kafka: RealKafka, tmp_path: Path
) -> None:
    deployment = real_kafka.fresh_name()
    partnership = create_partnership(tmp_path / "p", now_ms(), deployment=deployment)
    participant = load_participant(partnership.directory("council-camden"), now_ms())
    operator = real_kafka.local.connection

    def host() -> KafkaHost:  # as another machine would: nothing is kept here
        return KafkaHost(contracts_of_participant(participant), operator, [], now_ms())

    host().apply(host().plan())
    assert host().plan().changes == ()
    assert host().plan().begun == ()
    (signed,) = participant.contracts.all()
    found = read_applied(operator, deployment)
    assert found.by_name["london-hate-crime"].raw == signed.text.raw
    topic = f"{deployment}.applied"
    assert not [
        right for right in Provisioner(operator).find(deployment).rights if right.name == topic
    ]


def test_a_party_cannot_administer(real_kafka: RealKafka) -> None:
    provisioner = Provisioner(real_kafka.connection("carol"))
    with pytest.raises(TransportError) as refused:
        provisioner.find(real_kafka.fresh_name())
    assert refused.value.code == "kafka_refused"


def test_administration_of_a_kafka_that_is_not_there_says_so(
    real_kafka: RealKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    monkeypatch.setattr("broker.transport.provisioning.ADMIN_TIMEOUT_S", 1)
    nowhere = replace(real_kafka.local.connection, bootstrap="127.0.0.1:1")
    with pytest.raises(TransportError) as unreachable:
        Provisioner(nowhere).find("d")
    assert unreachable.value.code == "kafka_unreachable"


def test_limits_of_parties_are_set_and_those_of_others_stay(real_kafka: RealKafka) -> None:
    operator = real_kafka.local.connection
    one, other = f"{real_kafka.fresh_name()}-one", f"{real_kafka.fresh_name()}-other"
    apply_quotas(operator, [Change("limit", other, rates=(("producer_byte_rate", 1024),))])
    _await_quotas(operator, {other: {"producer_byte_rate": 1024.0}})
    planned = plan_quotas([one], read_quotas(operator))
    assert [(change.action, change.subject) for change in planned] == [("limit", one)]
    apply_quotas(operator, planned)
    found = _await_quotas(operator, {one: {name: float(rate) for name, rate in RATES.items()}})
    assert found[other] == {"producer_byte_rate": 1024.0}
    assert plan_quotas([one], found) == ()
    assert read_quotas(real_kafka.connection("carol")) is None, "a party may not see them"


def _await_quotas(
    operator: KafkaConnection, wanted: Mapping[str, Mapping[str, float]]
) -> Mapping[str, Mapping[str, float]]:
    """Return the quotas when a node has applied those of the controller."""
    for _ in range(100):
        found = read_quotas(operator)
        assert found is not None
        if wanted.items() <= found.items():
            return found
        time.sleep(0.1)
    raise AssertionError(found)
