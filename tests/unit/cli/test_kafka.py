"""`kafka up|down|plan|apply`: a Kafka of one's own, and what the contract wants of any Kafka."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest

from broker.agency.participant import load_participant
from broker.cli.kafka import changes as kafka_changes
from broker.clock import now_ms
from broker.transport.provisioning import Change, Found, plan_changes

DAY = 86_400_000


class FakeProvisioner:
    """Kafka's administration without a Kafka: what was applied is what is found."""

    found = Found({}, {}, frozenset())
    applied: tuple[Change, ...] = ()
    replication = 0

    def __init__(self, connection) -> None:
        type(self).connection = connection

    def plan(self, _deployment, topics, rights):
        return plan_changes(topics, rights, self.found)

    def apply(self, changes, *, replication=1) -> None:
        kind = type(self)
        kind.applied, kind.replication = tuple(changes), replication
        topics = [change.topic for change in changes if change.topic is not None]
        kind.found = Found(
            {topic.name: topic.partitions for topic in topics},
            {topic.name: dict(topic.config) for topic in topics},
            frozenset(change.right for change in changes if change.action == "grant"),
        )


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeProvisioner]:
    kind = type("Fake", (FakeProvisioner,), {})
    monkeypatch.setattr(kafka_changes, "Provisioner", kind)
    return kind


def test_a_plan_changes_nothing_and_says_what_would(cli, made: Path, fake) -> None:
    done = cli("kafka", "plan", "--agency-root", made)
    assert done.code == 0
    assert "create pan-london.london-hate-crime.a" in done.text
    assert "User:haven-support may read topic pan-london.london-hate-crime.a" in done.text
    assert "referral" not in done.text  # topic names tell no event type
    assert "kafka apply" in done.err
    assert fake.applied == ()


def test_applying_makes_the_changes_once(cli, made: Path, fake) -> None:
    first = cli("kafka", "apply", "--agency-root", made, "--json", "--replication", "3")
    assert first.code == 0
    assert len(first.json) == len(fake.applied) > 50
    assert fake.replication == 3
    assert {change["action"] for change in first.json} == {"create", "grant"}
    fake.applied = ()
    again = cli("kafka", "apply", "--agency-root", made)
    assert (again.code, again.out) == (0, b"")
    assert "Nothing to do" in again.err
    assert fake.applied == ()
    assert cli("kafka", "plan", "--agency-root", made, "--json").json == []


def test_the_operators_identity_and_the_address_can_be_given(cli, made: Path, fake) -> None:
    tls = made / "kafka" / "tls"
    done = cli(
        *("kafka", "plan", "--agency", made / "cps-london"),
        *("--tls", tls, "--bootstrap", "kafka.example:9093"),
    )
    assert done.code == 0
    assert fake.connection.bootstrap == "kafka.example:9093"
    assert fake.connection.tls.key == tls / "key.pem"
    assert fake.connection.client_id == "kafka-operator"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--agency-root", ".", "--agency", "."],
        ["--agency", "."],
        ["--agency", ".", "--bootstrap", "a:1"],
    ],
)
def test_what_is_asked_must_be_clear(cli, arguments: list[str], fake) -> None:
    assert cli("kafka", "plan", *arguments).code == 2


def test_who_has_left_keeps_no_right(cli, root: Path, fake) -> None:
    leaver = root / "haven-support"
    done = cli("contract", "suspend", "--agency", leaver, "--reason", "closing", "--leave")
    assert done.code == 0, done.err
    note = leaver / "manifests" / "haven-support.2.note"
    shutil.copy(note, root / "council-camden" / "manifests" / note.name)
    text = cli("kafka", "plan", "--agency-root", root).text
    assert "User:lantern-centre" in text
    assert "User:haven-support" not in text


def test_a_contract_that_is_not_in_force_plans_nothing(cli, root: Path, fake, clock) -> None:
    clock(400 * DAY)
    done = cli("kafka", "plan", "--agency-root", root)
    assert (done.code, done.out) == (3, b"")
    assert "contract_expired" in done.err


def test_another_number_of_partitions_stops_the_plan(cli, made: Path, fake) -> None:
    fake.found = Found({"pan-london.london-hate-crime.a": 3}, {}, frozenset())
    done = cli("kafka", "apply", "--agency-root", made)
    assert (done.code, done.out) == (3, b"")
    assert "kafka_conflict" in done.err


def test_topics_of_every_contract_in_force_are_wanted(made: Path) -> None:
    participant = load_participant(made / "csu-camden", now_ms())
    topics, rights = kafka_changes.wanted(participant, now_ms())
    assert sorted(topic.name for topic in topics) == [
        "pan-london.contracts",
        "pan-london.heartbeats",
        "pan-london.london-hate-crime.a",
        "pan-london.london-hate-crime.b",
        "pan-london.manifests",
        "pan-london.receipts",
    ]
    assert not [right for right in rights if right.name.endswith(".trial")]


@pytest.mark.parametrize("command", ["up", "down", "plan", "apply"])
def test_a_folder_that_is_no_partnership(cli, tmp_path: Path, command: str) -> None:
    done = cli("kafka", command, "--agency-root", tmp_path)
    assert (done.code, done.out) == (3, b"")
    assert "partnership_missing" in done.err
    assert "quickstart" in done.err


def test_a_partnership_whose_kafka_is_elsewhere(cli, root: Path) -> None:
    for path in root.glob("*/agency.toml"):
        path.write_text(path.read_text().replace("localhost:19092", "kafka.example:9093"))
    done = cli("kafka", "up", "--agency-root", root)
    assert (done.code, done.out) == (3, b"")
    assert "kafka_not_local" in done.err


def test_stopping_what_does_not_run_is_done(cli, made: Path) -> None:
    done = cli("kafka", "down", "--agency-root", made)
    assert (done.code, done.out) == (0, b"")
    assert "not running" in done.err


@pytest.mark.kafka
@pytest.mark.slow
def test_with_a_real_kafka(cli, root: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for path in root.glob("*/agency.toml"):
        path.write_text(path.read_text().replace("localhost:19092", f"localhost:{port}"))
    agency = root / "csu-camden"
    try:
        up = cli("kafka", "up", "--agency-root", root)
        assert up.code == 0, up.err
        assert up.text == f"127.0.0.1:{port}\n"
        assert "running already" in cli("kafka", "up", "--agency-root", root).err
        before = cli("doctor", "--agency", agency, "--json")
        assert before.code == 1
        assert {c["code"] for c in before.json["checks"] if c["status"] == "fail"} == {
            "topic_missing"
        }
        assert cli("kafka", "apply", "--agency-root", root).code == 0
        assert cli("kafka", "plan", "--agency-root", root).out == b""
        after = cli("doctor", "--agency", agency, "--json")
        assert after.code == 0, after.text
        checks = {check["name"]: check["status"] for check in after.json["checks"]}
        assert (checks["kafka"], checks["rights"]) == ("ok", "ok")
        refused = cli("kafka", "plan", "--agency", agency, "--tls", agency / "tls")
        assert (refused.code, refused.out) == (3, b"")
        assert "kafka_refused" in refused.err
        assert "csu-camden" in refused.err
    finally:
        down = cli("kafka", "down", "--agency-root", root)
    assert "Stopped" in down.err
    gone = cli("doctor", "--agency", agency, "--timeout", "1", "--json")
    assert gone.code == 1
    assert "kafka_unreachable" in {check["code"] for check in gone.json["checks"]}
