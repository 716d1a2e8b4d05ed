"""`kafka plan|apply --bundle`: Kafka's host needs nothing but a bundle of any party."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from broker.envelope.primitives import sha256
from broker.keys.governance import GovernanceSigner
from tests.unit.broker.cli.contract_world import AGENCIES, NAME, World
from tests.unit.broker.cli.test_kafka import EVERYTHING, FakeKafka, fake, manifest_says

__all__ = ["fake"]
HOLDER = "council-camden"


@pytest.fixture
def fake_host(cli, fake: type[FakeKafka], root: Path, tmp_path: Path) -> HostOfBundles:
    return HostOfBundles(cli, fake, root, tmp_path)


class HostOfBundles:
    """A host that has the operator's identity, and bundles that parties send."""

    def __init__(self, cli, kafka: type[FakeKafka], root: Path, folder: Path) -> None:
        self.cli, self.kafka, self.root = cli, kafka, root
        self.tls = folder / "operator"
        shutil.copytree(root / "kafka" / "tls", self.tls)
        self.bundle = folder / "party.bundle"

    def receives(self, root: Path | None = None) -> None:
        """A party makes a bundle of its folder."""
        folder = (root or self.root) / HOLDER
        done = self.cli("bundle", "make", "--agency", folder, "--out", self.bundle)
        assert done.code == 0, done.err

    def run(self, command: str, *options: object):
        given = ("--bundle", self.bundle, "--tls", self.tls, "--bootstrap", "k.example:9093")
        return self.cli("kafka", command, *given, *options)


def test_a_bundle_is_all_that_the_host_needs(fake_host: HostOfBundles) -> None:
    fake_host.receives()
    planned = fake_host.run("plan", "--json")
    folder = ("--agency", fake_host.root / HOLDER, "--tls", fake_host.tls)
    assert planned.json == fake_host.cli("kafka", "plan", *folder, "--json").json
    shutil.rmtree(fake_host.root)
    assert fake_host.kafka.applied == ()
    assert fake_host.run("apply").code == 0
    assert fake_host.kafka.connection.bootstrap == "k.example:9093"
    assert fake_host.kafka.rights_of("haven-support") == EVERYTHING
    again = fake_host.run("apply")
    assert (again.code, again.out) == (0, b"")


@pytest.mark.parametrize(
    "given",
    [
        ["--bundle", "x"],
        ["--bundle", "x", "--tls", "."],
        ["--bundle", "x", "--bootstrap", "k:1"],
        ["--bundle", "x", "--tls", ".", "--operator", "y", "--bootstrap", "k:1"],
        ["--bundle", "x", "--agency", ".", "--tls", ".", "--bootstrap", "k:1"],
    ],
)
def test_the_missing_option_is_named(cli, given: list[str]) -> None:
    assert cli("kafka", "plan", *given).code == 2


def test_a_file_that_is_no_bundle_or_has_no_agreement_is_refused(
    fake_host: HostOfBundles,
) -> None:
    fake_host.bundle.write_bytes(b"PK\5\6" + bytes(18))
    fake_host.run("plan").require_failure("bundle_without_agreement", 4)
    fake_host.bundle.write_bytes(b"PK rubbish")
    fake_host.run("plan").require_failure("bundle_malformed", 4)
    assert fake_host.kafka.applied == ()
    fake_host.receives()
    assert fake_host.run("apply").code == 0


def test_a_manifest_in_the_bundle_takes_rights_away(fake_host: HostOfBundles) -> None:
    fake_host.receives()
    assert fake_host.run("apply").code == 0
    manifest_says(fake_host.cli, fake_host.root, "haven-support", "--leave", "--yes")
    fake_host.receives()
    assert fake_host.run("apply").code == 0
    assert fake_host.kafka.rights_of("haven-support") == set()
    assert fake_host.kafka.rights_of("lantern-centre") == EVERYTHING


def test_an_invented_bundle_changes_no_right(
    fake_host: HostOfBundles, foreign: Path, tmp_path: Path
) -> None:
    """Another key for each party: neither its agreements nor its manifests count."""
    fake_host.receives()
    assert fake_host.run("apply").code == 0
    rights = fake_host.kafka.found.rights
    invented = tmp_path / "invented"
    shutil.copytree(foreign, invented)
    manifest_says(fake_host.cli, invented, "haven-support", "--leave", "--yes")
    world = World(invented, {})
    raw = world.variant({f"name: {NAME}": "name: another"}, HOLDER)
    world.put(invented / HOLDER / "contracts" / "another.yaml", raw, AGENCIES)
    fake_host.receives(invented)
    refused = fake_host.run("apply", "--json")
    assert refused.code == 4
    assert {row["code"] for row in refused.json if row["action"] == "wait"} >= {
        "contract_unconfirmed"
    }
    assert fake_host.kafka.found.rights == rights
    followed = fake_host.run("apply", "--follow", sha256(raw).hex())
    assert fake_host.kafka.found.rights > rights, followed.err


def test_a_new_agreement_of_known_parties_is_applied(fake_host: HostOfBundles) -> None:
    fake_host.receives()
    assert fake_host.run("apply").code == 0
    signers: dict[str, GovernanceSigner] = {}
    world = World(fake_host.root, signers)
    raw = world.variant({f"name: {NAME}": "name: another"}, HOLDER)
    world.put(fake_host.root / HOLDER / "contracts" / "another.yaml", raw, AGENCIES)
    fake_host.receives()
    done = fake_host.run("apply")
    assert done.code == 0, done.text
    assert any(".another." in right.name for right in fake_host.kafka.found.rights)
