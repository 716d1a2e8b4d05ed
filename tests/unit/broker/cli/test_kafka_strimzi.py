"""`kafka strimzi`: the plan of `kafka apply` as resources for a Kafka in Kubernetes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from broker.envelope.primitives import sha256
from broker.keys.governance import GovernanceSigner
from tests.support.command_line import Done
from tests.unit.broker.cli.contract_world import AGENCIES, NAME, World
from tests.unit.broker.cli.test_kafka import FakeKafka, fake, manifest_says

__all__ = ["fake"]
HOLDER = "council-camden"
SCHEMAS = Path(__file__).parents[3] / "unit" / "deploy" / "strimzi"


@pytest.fixture(scope="module")
def signers() -> dict[str, GovernanceSigner]:
    return {}


@pytest.fixture
def host(cli, root: Path, tmp_path: Path, signers) -> StrimziHost:
    return StrimziHost(cli, World(root, signers), tmp_path / "strimzi")


class StrimziHost:
    """The host of a Kafka in Kubernetes, with the contracts of one agency's folder."""

    def __init__(self, cli, world: World, out: Path) -> None:
        self.cli, self.world, self.out = cli, world, out
        self.first = world.contract(HOLDER).read_bytes()

    def run(self, *options: object) -> Done:
        given = ("--agency", self.world.agency(HOLDER), "--out", self.out)
        return self.cli("kafka", "strimzi", *given, "--host", "kafka.example.org", *options)

    def resources(self, name: str) -> dict[str, dict[str, Any]]:
        """Resources of a file by their names, each as its schema demands."""
        found = {}
        for one in yaml.safe_load_all((self.out / f"{name}.yaml").read_text()):
            schema = json.loads((SCHEMAS / f"{one['kind']}.json").read_text())
            Draft202012Validator(schema).validate(one)
            found[one["metadata"]["name"]] = one
        return found

    def rights(self, principal: str) -> set[tuple[str, str, str, str, str]]:
        """Rights of a principal: kind, name, pattern, operation, host."""
        user = self.resources("users")[principal]
        assert user["spec"]["authorization"]["type"] == "simple"
        return set(_rights(user))

    def newer(self, changes: dict[str, str], *, named: bool = True) -> str:
        """Put the next version of the contract beside the first; return its hash."""
        raw = self.world.variant({"version: 1.0.0": "version: 1.1.0", **changes}, HOLDER)
        raw += f'previous: ["{sha256(self.first).hex()}"]\n'.encode() if named else b""
        self.world.put(self.world.agency(HOLDER) / "contracts" / "newer.yaml", raw, AGENCIES)
        return sha256(raw).hex()


def _rights(user: dict[str, Any]) -> Iterator[tuple[str, str, str, str, str]]:
    for acl in user["spec"]["authorization"]["acls"]:
        of = acl["resource"]
        for operation in acl["operations"]:
            yield of["type"], of["name"], of["patternType"], operation, acl["host"]


def named(agency: str, principal: str) -> dict[str, str]:
    """The change that names a principal for an agency."""
    line = f'  - id: "{agency}"\n'
    return {line: f'{line}    kafka_principal: "{principal}"\n'}


def test_resources_give_what_apply_gives(host: StrimziHost, cli, fake: type[FakeKafka]) -> None:
    """The same topics with the same settings, the same rights and the same limits."""
    assert host.run().code == 0
    assert cli("kafka", "apply", "--root", host.world.root).code == 0
    topics = {
        one["spec"]["topicName"]: (one["spec"]["partitions"], one["spec"]["config"])
        for one in host.resources("topics").values()
    }
    applied = f"{next(iter(topics)).partition('.')[0]}.applied"  # is a file of the folder here
    kafka = {
        name: (count, fake.found.config[name]) for name, count in fake.found.partitions.items()
    }
    assert kafka.pop(applied)
    assert topics == kafka
    users = host.resources("users")
    written = {
        (f"User:{principal}", *right)
        for principal, user in users.items()
        for right in _rights(user)
    }
    assert written == {
        (
            right.principal,
            right.resource,
            right.name,
            "prefix" if right.prefixed else "literal",
            right.operation.capitalize(),
            right.host,
        )
        for right in fake.found.rights
    }
    assert fake.quotas == {
        principal: {
            "producer_byte_rate": user["spec"]["quotas"]["producerByteRate"],
            "consumer_byte_rate": user["spec"]["quotas"]["consumerByteRate"],
        }
        for principal, user in users.items()
    }


def test_the_cluster_denies_by_default_and_keeps_three_copies(host: StrimziHost) -> None:
    assert host.run("--own-principal", "billing", "--operator-principal", "root-of-kafka").code == 0
    found = host.resources("kafka")
    kafka = found["concordant"]["spec"]["kafka"]
    assert kafka["authorization"] == {"type": "simple", "superUsers": ["root-of-kafka"]}
    assert kafka["config"]["min.insync.replicas"] == 2
    assert kafka["config"]["auto.create.topics.enable"] is False
    (listener,) = kafka["listeners"]
    assert listener["authentication"]["listenerConfig"]["ssl.client.auth"] == "required"
    assert found["nodes"]["spec"]["replicas"] == 3
    assert {one["spec"]["replicas"] for one in host.resources("topics").values()} == {3}


def test_one_node_keeps_one_copy(host: StrimziHost) -> None:
    assert host.run("--brokers", "1").code == 0
    kafka = host.resources("kafka")["concordant"]["spec"]["kafka"]
    assert kafka["config"]["min.insync.replicas"] == 1
    assert {one["spec"]["replicas"] for one in host.resources("topics").values()} == {1}


def test_a_second_run_changes_nothing_and_keeps_the_hosts_own_settings(host: StrimziHost) -> None:
    assert host.run().code == 0
    fitted = (host.out / "kafka.yaml").read_text().replace("50Gi", "900Gi")
    (host.out / "kafka.yaml").write_text(fitted)
    before = {file.name: file.read_bytes() for file in host.out.iterdir() if file.is_file()}
    again = host.run("--json")
    assert (again.code, again.json["plan"]) == (0, [])
    assert {file.name: file.read_bytes() for file in host.out.iterdir() if file.is_file()} == before


def test_a_version_that_follows_is_taken_and_one_beside_waits(host: StrimziHost) -> None:
    assert host.run().code == 0
    digest = host.newer(named("haven-support", "haven"), named=False)
    waiting = host.run("--json")
    assert waiting.code == 4
    assert [row["code"] for row in waiting.json["plan"]] == ["contract_ambiguous"]
    assert "haven" not in host.resources("users")
    assert f"--follow {digest}" in waiting.err
    assert host.run("--follow", digest).code == 0
    assert host.rights("haven")


def test_a_principal_that_lost_its_place_keeps_a_user_without_rights(host: StrimziHost) -> None:
    """Kubernetes keeps what a file no longer names, so the file goes on naming it."""
    assert host.run().code == 0
    host.newer(named("haven-support", "haven"))
    done = host.run("--json")
    assert (done.code, done.json["stopped"]) == (0, ["haven-support"])
    assert host.rights("haven-support") == set()
    assert host.run("--json").json["stopped"] == ["haven-support"]


def test_a_party_that_has_left_has_no_right(host: StrimziHost, cli) -> None:
    assert host.run().code == 0
    manifest_says(cli, host.world.root, "haven-support", "--leave", "--yes")
    assert host.run().code == 0
    assert host.rights("haven-support") == set()
    assert host.rights("lantern-centre")


@pytest.mark.parametrize(
    ("principal", "code"),
    [
        ("CN=adapter,O=Haven", "principal_unnameable"),
        ("Haven", "principal_unnameable"),
        ("kafka-operator", "principal_of_the_host"),
        ("billing", "principal_of_the_host"),
        ("lantern-centre", "principal_shared"),
    ],
)
def test_a_principal_that_cannot_be_has_no_user(
    host: StrimziHost, principal: str, code: str
) -> None:
    raw = host.world.variant(named("haven-support", principal), HOLDER)
    host.world.put(host.world.contract(HOLDER), raw, AGENCIES)
    done = host.run("--json", "--own-principal", "billing")
    assert done.code == 4
    codes = {row["code"] for row in done.json["plan"] if row["action"] == "error"}
    assert codes == {code}
    assert principal not in host.resources("users")
    assert host.rights("csu-camden")


def test_a_folder_whose_record_is_lost_or_damaged_is_not_guessed_about(host: StrimziHost) -> None:
    assert host.run().code == 0
    record = host.out / "applied" / NAME
    users = (host.out / "users.yaml").read_bytes()
    for damage in (record.unlink, lambda: record.write_bytes(b"rubbish")):
        damage()
        done = host.run("--json")
        assert (done.code, [row["code"] for row in done.json["plan"]]) == (
            4,
            ["contract_unrecorded"],
        )
        assert (host.out / "users.yaml").read_bytes() == users
    digest = sha256(host.first).hex()
    assert host.run("--follow", digest).code == 0


@pytest.mark.parametrize("content", [b"- [", b"a: 1\n", b"\xff\xfe", b"text\n"])
def test_a_damaged_file_of_resources_is_named(host: StrimziHost, content: bytes) -> None:
    assert host.run().code == 0
    (host.out / "users.yaml").write_bytes(content)
    host.run().require_failure("resources_unreadable", 3)
    assert (host.out / "users.yaml").read_bytes() == content


@pytest.mark.parametrize(
    "given",
    [
        ["--bundle", "x"],
        ["--cluster", "A_b"],
        ["--namespace", "-"],
        ["--brokers", "0"],
        ["--follow", "x"],
    ],
)
def test_wrong_usage_is_named(host: StrimziHost, given: list[str]) -> None:
    assert host.run(*given).code == 2
    assert not host.out.exists()


def test_a_bundle_is_enough(host: StrimziHost, cli, tmp_path: Path) -> None:
    bundle = tmp_path / "party.bundle"
    holder = host.world.agency(HOLDER)
    assert cli("bundle", "make", "--agency", holder, "--out", bundle).code == 0
    other = tmp_path / "other"
    given = ("--bundle", bundle, "--out", other, "--host", "kafka.example.org")
    assert cli("kafka", "strimzi", *given).code == 0
    assert host.run().code == 0
    for name in ("kafka.yaml", "topics.yaml", "users.yaml"):
        assert (other / name).read_bytes() == (host.out / name).read_bytes()
