"""`kafka up|down|plan|apply`: a Kafka of one's own, and what the contract wants of any Kafka."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from adapters.trial_partnership import create_partnership
from broker.agency.participant import load_participant
from broker.clock import now_ms
from broker.envelope.primitives import b64, sha256
from broker.keys.governance import GovernanceSigner
from broker.operations import kafka_host
from broker.record import Record
from broker.registry.contract_files import note_path
from broker.registry.contracts import SignedContract
from broker.transport.applied import AppliedContracts, collect_applied, format_applied
from broker.transport.provisioning import Change, DeployedState
from broker.transport.topics import AclPlan
from contracts.loading import ContractText
from tests.support.command_line import Done
from tests.support.contract_signatures import signed_by
from tests.unit.broker.cli.contract_world import AGENCIES, NAME, World

DAY = 86_400_000


class FakeKafka:
    """Kafka's administration without a Kafka: what was applied is what is found."""

    found = DeployedState({}, {}, frozenset())
    applied: tuple[Change, ...] = ()
    records: tuple[Record, ...] = ()
    replication = 0
    quotas: Mapping[str, Mapping[str, float]] | None = {}

    def __init__(self, connection) -> None:
        type(self).connection = connection

    def find(self, _deployment) -> DeployedState:
        return self.found

    def apply(self, changes, *, replication=1) -> None:
        kind = type(self)
        kind.applied, kind.replication = (*kind.applied, *changes), replication
        topics = [change.topic for change in changes if change.topic is not None]
        before = kind.found
        rights = before.rights | {c.right for c in changes if c.action == "grant"}
        kind.found = DeployedState(
            {**before.partitions, **{topic.name: topic.partitions for topic in topics}},
            {**before.config, **{topic.name: dict(topic.config) for topic in topics}},
            rights - {c.right for c in changes if c.action == "revoke"},
        )

    @classmethod
    def write(cls, _connection, text: ContractText) -> None:
        assert f"{text.contract.deployment}.applied" in cls.found.partitions
        record = Record("t", 0, (), format_applied(text), key=text.contract.name.encode())
        cls.records = (*cls.records, record)

    @classmethod
    def read(cls, _connection, _deployment) -> AppliedContracts:
        return collect_applied(list(cls.records))

    @classmethod
    def limit(cls, _connection, changes: Sequence[Change]) -> None:
        set_ = {change.subject: dict(change.rates) for change in changes if change.rates}
        assert cls.quotas is not None or not set_
        cls.quotas = None if cls.quotas is None else {**cls.quotas, **set_}

    @classmethod
    def rights_of(cls, principal: str) -> set[str]:
        """The kinds of right of a principal on Kafka now, such as "write data"."""
        return {
            f"{right.operation} {_kind(right)}"
            for right in cls.found.rights
            if right.principal == f"User:{principal}"
        }


def _kind(right: AclPlan) -> str:
    if right.resource == "group":
        return "group"
    return "data" if right.name.count(".") > 1 else "control"


EVERYTHING = {"read data", "write data", "read control", "write control", "read group"}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeKafka]:
    kind = type("Fake", (FakeKafka,), {})
    monkeypatch.setattr(kafka_host, "Provisioner", kind)
    monkeypatch.setattr(kafka_host, "write_applied", kind.write)
    monkeypatch.setattr(kafka_host, "read_applied", kind.read)
    monkeypatch.setattr(kafka_host, "read_quotas", lambda _connection: kind.quotas)
    monkeypatch.setattr(kafka_host, "apply_quotas", kind.limit)
    return kind


@pytest.fixture(scope="module")
def signers() -> dict[str, GovernanceSigner]:
    return {}


@pytest.fixture
def host(cli, root: Path, fake, signers) -> Host:
    return Host(cli, root, fake, World(root, signers))


class Host:
    """The host of Kafka, whose contracts are those of the first agency's folder."""

    def __init__(self, cli, root: Path, kafka: type[FakeKafka], world: World) -> None:
        self.cli, self.root, self.kafka, self.world = cli, root, kafka, world
        self.first = (root / "council-camden" / "contracts" / f"{NAME}.yaml").read_bytes()

    def run(self, command: str, *options: object) -> Done:
        return self.cli("kafka", command, "--root", self.root, *options)

    def has(self, raw: bytes, *, beside: bool = True, by: tuple[str, ...] = AGENCIES) -> str:
        """Another version in the folder, signed; returns its hash."""
        folder = self.root / "council-camden" / "contracts"
        name = "newer.yaml" if beside else f"{NAME}.yaml"
        self.world.put(folder / name, raw, by)
        return sha256(raw).hex()

    def follower(self, changes: Mapping[str, str], *, named: bool = True) -> bytes:
        """The contract's next version with some other words in it."""
        raw = self.world.variant({"version: 1.0.0": "version: 1.1.0", **changes}, "council-camden")
        return raw + (f'previous: ["{sha256(self.first).hex()}"]\n'.encode() if named else b"")

    def principal(self, agency: str, principal: str) -> dict[str, str]:
        """The change that names a principal for an agency."""
        line = f'  - id: "{agency}"\n'
        return {line: f'{line}    kafka_principal: "{principal}"\n'}


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
    assert len(first.json) == len(fake.applied) + 1 > 50
    assert fake.replication == 3
    assert {change["action"] for change in first.json} == {"follow", "create", "grant", "limit"}
    fake.applied = ()
    again = cli("kafka", "apply", "--agency-root", made)
    assert (again.code, again.out) == (0, b"")
    assert again.err
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
        ["--agency", ".", "--tls", ".", "--bootstrap", "nonsense"],
        ["--agency", ".", "--tls", ".", "--bootstrap", "a:1,b:0"],
    ],
)
def test_an_ambiguous_request_is_wrong_usage(cli, arguments: list[str], fake) -> None:
    assert cli("kafka", "plan", *arguments).code == 2


def manifest_says(cli, root: Path, agency: str, *state: str) -> None:
    """An agency suspends its part or leaves, and the host has heard of it."""
    done = cli(
        "contract", "suspend", "--agency", root / agency, "--reason", "agency_closes", *state
    )
    assert done.code == 0, done.err
    for note in (root / agency / "manifests").glob(f"{agency}.*.note"):
        shutil.copy(note, root / "council-camden" / "manifests" / note.name)


def test_a_party_that_has_left_keeps_no_right(host: Host) -> None:
    assert host.run("apply").code == 0
    manifest_says(host.cli, host.root, "haven-support", "--leave", "--yes")
    assert host.run("apply").code == 0
    assert host.kafka.rights_of("haven-support") == set()
    assert host.kafka.rights_of("lantern-centre") == EVERYTHING


def test_a_party_that_has_suspended_its_part_writes_no_data(host: Host) -> None:
    assert host.run("apply").code == 0
    manifest_says(host.cli, host.root, "haven-support")
    assert host.run("apply").code == 0
    assert host.kafka.rights_of("haven-support") == EVERYTHING - {"write data"}
    assert host.kafka.rights_of("lantern-centre") == EVERYTHING


@pytest.mark.parametrize(
    ("principal", "code"),
    [
        ("*", "principal_reserved"),
        ("ANONYMOUS", "principal_reserved"),
        ("anonymous", "principal_reserved"),
        ("kafka-operator", "principal_of_the_host"),  # the certificate with which we administer
        ("Kafka-Operator", "principal_of_the_host"),
        ("billing", "principal_of_the_host"),  # as the host says
        ("CN=backup,O=Host", "principal_of_the_host"),
    ],
)
def test_a_principal_that_no_party_may_have_gets_no_right_and_an_error(
    host: Host, principal: str, code: str
) -> None:
    changes = host.principal("haven-support", principal)
    host.has(host.world.variant(changes, "council-camden"), beside=False)
    own = ("--own-principal", "billing", "--own-principal", "User:CN=backup,O=Host")
    done = host.run("apply", *own, "--json")
    assert done.code == 4
    errors = [row for row in done.json if row["action"] == "error"]
    assert [(row["subject"], row["code"]) for row in errors] == [("haven-support", code)]
    assert host.kafka.rights_of(principal) == set()
    assert host.kafka.rights_of("haven-support") == set()
    assert host.kafka.rights_of("lantern-centre") == EVERYTHING


@pytest.mark.parametrize("principal", ["lantern-centre", "Lantern-Centre"])
def test_agencies_that_claim_one_principal_get_no_rights(host: Host, principal: str) -> None:
    changes = host.principal("haven-support", principal)
    host.has(host.world.variant(changes, "council-camden"), beside=False)
    done = host.run("apply", "--json")
    assert done.code == 4
    errors = {row["subject"]: row["code"] for row in done.json if row["action"] == "error"}
    assert errors == dict.fromkeys(("haven-support", "lantern-centre"), "principal_shared")
    assert host.kafka.rights_of("lantern-centre") == host.kafka.rights_of(principal) == set()
    assert host.kafka.rights_of("csu-camden") == EVERYTHING


def test_a_principal_that_is_anothers_already_takes_nothing_from_it(host: Host) -> None:
    assert host.run("apply").code == 0
    before = {r for r in host.kafka.found.rights if r.principal == "User:lantern-centre"}
    host.has(host.follower(host.principal("haven-support", "lantern-centre")))
    done = host.run("apply", "--json")
    assert done.code == 4
    errors = {row["subject"]: row["code"] for row in done.json if row["action"] == "error"}
    assert errors == {"haven-support": "principal_shared"}
    after = {r for r in host.kafka.found.rights if r.principal == "User:lantern-centre"}
    assert after == before
    assert host.run("plan").code == 4  # and the answer stays the same
    assert not {r for r in host.kafka.found.rights if r.principal == "User:haven-support"}


def test_a_principal_of_the_contract_gets_the_rights(host: Host) -> None:
    name = "CN=adapter.haven,O=Haven Support"
    host.has(
        host.world.variant(host.principal("haven-support", name), "council-camden"), beside=False
    )
    assert host.run("apply").code == 0
    assert host.kafka.rights_of(name) == EVERYTHING
    assert host.kafka.rights_of("haven-support") == set()


def test_a_version_that_follows_the_applied_one_is_applied(host: Host) -> None:
    assert host.run("apply").code == 0
    digest = host.has(host.follower(host.principal("haven-support", "haven")))
    done = host.run("apply", "--json")
    assert done.code == 0
    (followed,) = (row for row in done.json if row["action"] == "follow")
    assert followed["detail"] == digest
    assert host.kafka.rights_of("haven") == EVERYTHING
    assert host.kafka.rights_of("haven-support") == set()
    assert host.run("plan").out == b""


def test_a_version_beside_the_applied_one_waits(host: Host) -> None:
    assert host.run("apply").code == 0
    before = host.kafka.found
    digest = host.has(host.follower(host.principal("haven-support", "haven"), named=False))
    done = host.run("apply", "--json")
    assert done.code == 4
    (waiting,) = (row for row in done.json if row["action"] == "wait")
    assert waiting["code"] == "contract_ambiguous"
    assert waiting["applied"]["sha256"] == sha256(host.first).hex()
    assert digest in {version["sha256"] for version in waiting["found"]}
    assert host.kafka.found == before
    assert f"kafka apply --root {host.root} --follow {digest}" in done.err
    assert host.run("apply", "--follow", digest).code == 0
    assert host.kafka.rights_of("haven") == EVERYTHING
    assert host.run("plan").code == 4  # the folder still has two versions that apply at once


def test_a_version_whose_predecessor_is_gone_from_the_folder_waits(host: Host) -> None:
    assert host.run("apply").code == 0
    before = host.kafka.found
    digest = host.has(host.follower({}, named=False), beside=False)
    done = host.run("plan", "--json")
    assert (done.code, [row["code"] for row in done.json]) == (4, ["contract_not_successor"])
    assert host.kafka.found == before
    assert host.run("apply", "--follow", digest).code == 0
    assert host.run("plan").out == b""


def test_a_version_that_removes_a_party_waits_in_any_case(host: Host) -> None:
    assert host.run("apply").code == 0
    before = host.kafka.found
    digest = host.has(without_party(host, "lantern-centre"), by=AGENCIES[:-1])
    done = host.run("apply", "--json")
    (waiting,) = (row for row in done.json if row["action"] == "wait")
    assert (done.code, waiting["code"]) == (4, "contract_removes_party")
    assert "lantern-centre" in waiting["applied"]["parties"]
    assert "lantern-centre" not in waiting["found"][0]["parties"]
    assert host.kafka.found == before
    assert host.run("plan", "--follow", digest.upper()).code == 0
    assert host.run("apply", "--follow", digest).code == 0
    assert host.kafka.rights_of("lantern-centre") == set()
    assert host.kafka.rights_of("haven-support") == EVERYTHING
    assert host.run("plan").out == b""


def test_a_removal_that_was_skipped_is_not_applied_with_the_next_version(host: Host) -> None:
    """The newest version names the applied one, so the operator needs only its hash."""
    assert host.run("apply").code == 0
    second = without_party(host, "lantern-centre")
    host.has(second, by=AGENCIES[:-1])
    third = second.replace(b"version: 1.1.0", b"version: 1.2.0")
    hashes = sorted([sha256(host.first).hex(), sha256(second).hex()])
    third = third.replace(
        f'previous: ["{sha256(host.first).hex()}"]'.encode(),
        f"previous: {json.dumps(hashes)}".encode(),
    )
    folder = host.root / "council-camden" / "contracts"
    host.world.put(folder / "newest.yaml", third, AGENCIES[:-1])
    done = host.run("apply", "--json")
    (waiting,) = (row for row in done.json if row["action"] == "wait")
    assert (done.code, waiting["code"]) == (4, "contract_removes_party")
    assert [one["sha256"] for one in waiting["found"]] == [sha256(third).hex()]
    assert host.kafka.rights_of("lantern-centre") == EVERYTHING
    replaced = host.run("apply", "--follow", sha256(second).hex())
    assert "contract_unknown" in replaced.err
    assert host.run("apply", "--follow", sha256(third).hex()).code == 0
    assert host.kafka.rights_of("lantern-centre") == set()
    assert host.run("plan").out == b""


def test_of_two_versions_in_force_the_operator_may_follow_the_one_that_removes(host: Host) -> None:
    assert host.run("apply").code == 0
    beside = without_party(host, "lantern-centre").partition(b"previous: [")[0]
    digest = host.has(beside, by=AGENCIES[:-1])
    for command in ("plan", "apply"):
        done = host.run(command, "--json")
        (waiting,) = (row for row in done.json if row["action"] == "wait")
        assert (done.code, waiting["code"]) == (4, "contract_ambiguous")
        shown = {one["sha256"]: set(one["parties"]) for one in waiting["found"]}
        assert shown.keys() == {sha256(host.first).hex(), digest}
        assert "lantern-centre" not in shown[digest]
        assert host.kafka.rights_of("lantern-centre") == EVERYTHING
    assert host.run("apply", "--follow", digest).code == 0
    assert host.kafka.rights_of("lantern-centre") == set()
    host.run("apply")  # it still finds two, and keeps the one that was followed
    assert host.kafka.rights_of("lantern-centre") == set()
    assert host.kafka.rights_of("haven-support") == EVERYTHING


def test_a_removal_that_not_all_have_signed_changes_nothing(host: Host) -> None:
    assert host.run("apply").code == 0
    before = host.kafka.found
    digest = host.has(without_party(host, "lantern-centre"), by=AGENCIES[:-2])
    assert host.run("apply").code == 0
    assert "contract_unknown" in host.run("apply", "--follow", digest).err
    assert host.kafka.found == before


def test_a_version_that_pins_other_keys_of_a_party_waits(host: Host) -> None:
    """A party has signed only if the keys that the applied version pins have signed."""
    assert host.run("apply").code == 0
    raw, by = with_other_keys(host, "lantern-centre")
    folder = host.root / "council-camden" / "contracts"
    (folder / "newer.yaml").write_bytes(raw)
    for note in by.notes:
        note_path(folder / "newer.yaml", note.agency).write_bytes(note.raw)
    done = host.run("plan", "--json")
    assert (done.code, [row["code"] for row in done.json]) == (4, ["contract_changes_keys"])


def test_a_version_that_changes_partitions_waits_and_stops_no_other_change(host: Host) -> None:
    """The number never changes; a plan that stopped there would keep the rights of who has left."""
    assert host.run("apply").code == 0
    raw = host.follower({"a: {partitions: 6}": "a: {partitions: 7}"})
    host.has(raw)
    stray = AclPlan("User:mallory", "topic", "pan-london.london-hate-crime.a", "read")
    found = host.kafka.found
    host.kafka.found = DeployedState(found.partitions, found.config, found.rights | {stray})
    done = host.run("apply", "--json")
    assert done.code == 4
    (waiting,) = (row for row in done.json if row["action"] == "wait")
    assert waiting["code"] == "contract_changes_partitions"
    assert stray not in host.kafka.found.rights


def test_a_version_that_changes_partitions_is_not_followed_and_the_next_step_works(
    host: Host,
) -> None:
    assert host.run("apply").code == 0
    before = host.kafka.found
    bad = host.has(host.follower({"a: {partitions: 6}": "a: {partitions: 7}"}))
    done = host.run("apply", "--follow", bad)
    done.require_failure("kafka_conflict", 3)
    assert host.kafka.found == before
    folder = host.root / "council-camden" / "contracts"
    for path in folder.glob("newer.*"):
        path.rename(folder / f"bad{path.name.removeprefix('newer')}")
    raw = host.follower({"a: {partitions: 6}": "c: {partitions: 7}"})
    raw = raw.replace(b"version: 1.1.0", b"version: 1.2.0", 1).replace(b"topic: a", b"topic: c")
    good = host.has(raw.replace(sha256(host.first).hex().encode(), bad.encode()))
    assert host.run("apply", "--follow", good).code == 0
    assert host.kafka.found.partitions["pan-london.london-hate-crime.c"] == 7
    assert host.kafka.found.partitions["pan-london.london-hate-crime.a"] == 6
    assert host.run("plan").code == 0


def test_a_topic_that_kafka_kept_from_an_earlier_version_waits_too(host: Host) -> None:
    assert host.run("apply").code == 0
    found = host.kafka.found
    kept = {**found.partitions, "pan-london.london-hate-crime.c": 3}
    host.kafka.found = DeployedState(kept, found.config, found.rights)
    raw = host.follower({"a: {partitions: 6}": "c: {partitions: 7}"})
    host.has(raw.replace(b"topic: a", b"topic: c"))
    done = host.run("apply", "--json")
    (waiting,) = (row for row in done.json if row["action"] == "wait")
    assert (done.code, waiting["code"]) == (4, "contract_changes_partitions")


def test_topics_without_a_record_wait_and_no_right_goes(host: Host) -> None:
    assert host.run("apply").code == 0
    host.kafka.records = ()
    stray = AclPlan("User:mallory", "topic", "pan-london.london-hate-crime.a", "read")
    host.kafka.found = DeployedState(
        host.kafka.found.partitions, host.kafka.found.config, host.kafka.found.rights | {stray}
    )
    done = host.run("apply", "--json")
    assert done.code == 4
    assert {row["action"] for row in done.json} <= {"wait", "note"}
    (waiting,) = (row for row in done.json if row["action"] == "wait")
    assert (waiting["code"], waiting["applied"]) == ("contract_unrecorded", None)
    assert stray in host.kafka.found.rights
    assert host.run("apply", "--follow", sha256(host.first).hex()).code == 0
    assert stray not in host.kafka.found.rights
    assert host.run("plan").out == b""


def test_a_record_that_is_not_one_counts_as_none(host: Host) -> None:
    assert host.run("apply").code == 0
    host.kafka.records = (Record("t", 0, (), b"else", key=NAME.encode()),)
    done = host.run("plan", "--json")
    assert (done.code, [r["code"] for r in done.json if r["action"] == "wait"]) == (
        4,
        ["contract_unrecorded"],
    )


@pytest.mark.parametrize(
    ("hash_", "exit_code", "code"),
    [("12", 2, None), ("0" * 64, 3, "contract_unknown")],
)
def test_only_a_version_that_is_in_force_can_be_followed(
    host: Host, hash_: str, exit_code: int, code: str | None
) -> None:
    done = host.run("plan", "--follow", hash_)
    assert (done.code, done.out) == (exit_code, b"")
    assert code is None or code in done.err


def test_a_contract_that_ended_keeps_its_rights_while_it_is_read(host: Host, clock) -> None:
    assert host.run("apply").code == 0
    clock(366 * DAY)
    assert host.run("plan").out == b""
    clock(600 * DAY)
    assert host.run("apply").code == 0
    assert not host.kafka.found.rights


def without_party(host: Host, agency: str) -> bytes:
    """The contract's next version without its last party."""
    text = host.follower({}).decode()
    start = text.index(f'  - id: "{agency}"')
    end = text.index("\ngovernance_keys:", start)
    text = text[:start].rstrip() + text[end:]
    keys = text.index(f"\n  {agency}:", text.index("\ngovernance_keys:"))
    after = re.search(r"\n  [a-z-]+:\n|\n[a-z_]+:", text[keys + 1 :])
    assert after is not None
    text = text[: keys + 1].rstrip() + text[keys + 1 + after.start() :]
    return text.replace(f', "{agency}"', "", 1).encode()


def with_other_keys(host: Host, agency: str) -> tuple[bytes, SignedContract]:
    """The contract's next version with keys of somebody else for a party, and its signatures."""
    other = host.root.parent / "other"
    create_partnership(other, now_ms() - 3_600_000)
    thief = World(other)._signer(agency)
    mine = host.world._signer(agency).public
    raw = host.follower(
        {
            b64(mine.ed25519): b64(thief.public.ed25519),
            b64(mine.ml_dsa_65): b64(thief.public.ml_dsa_65),
        }
    )
    others = host.world.signed(raw, tuple(a for a in AGENCIES if a != agency))
    return raw, others.with_notes(signed_by(others.text, [thief]).notes)


def test_a_contract_that_is_not_in_force_plans_nothing(cli, root: Path, fake, clock) -> None:
    clock(400 * DAY)
    done = cli("kafka", "plan", "--agency-root", root)
    assert (done.code, done.out) == (3, b"")
    assert "contract_expired" in done.err


def test_another_number_of_partitions_stops_the_plan(cli, made: Path, fake) -> None:
    assert cli("kafka", "apply", "--agency-root", made).code == 0
    partitions = {**fake.found.partitions, "pan-london.london-hate-crime.a": 3}
    fake.found = DeployedState(partitions, fake.found.config, fake.found.rights)
    done = cli("kafka", "apply", "--agency-root", made)
    assert (done.code, done.out) == (3, b"")
    assert "kafka_conflict" in done.err


def test_topics_of_every_contract_in_force_are_wanted(made: Path) -> None:
    participant = load_participant(made / "csu-camden", now_ms())
    contracts = participant.contracts
    live = [signed.text for signed in contracts.live(now_ms())]
    topics, rights = kafka_host.wanted(live, contracts, participant.manifests, now_ms())
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
    before = {path: path.read_text() for path in root.glob("*/agency.toml")}
    for path, text in before.items():
        path.write_text(re.sub("localhost:[0-9]+", "kafka.example:9093", text))
    done = cli("kafka", "up", "--agency-root", root)
    assert (done.code, done.out) == (3, b"")
    assert "kafka_not_local" in done.err
    for path, text in before.items():  # the folder as quickstart made it
        path.write_text(text)
    assert cli("kafka", "down", "--agency-root", root).code == 0


def test_a_port_that_is_given_is_named_to_every_agency(
    cli, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Local:
        def __init__(self, _folder, _authority, *, port: int, **_: object) -> None:
            self.bootstrap = f"127.0.0.1:{port}"

        def start(self) -> None:
            """Nothing."""

    monkeypatch.setattr("broker.operations.local_kafka.LocalKafka", Local)
    before = {path: path.read_text() for path in root.glob("*/agency.toml")}
    assert len(before) == len(AGENCIES)
    assert cli("kafka", "up", "--root", root, "--port", "23456").text == "127.0.0.1:23456\n"
    for path, text in before.items():
        assert path.read_text() == re.sub("localhost:[0-9]+", "localhost:23456", text)
    with socket.socket() as other:  # another program takes the port
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        for path, text in before.items():
            path.write_text(re.sub("localhost:[0-9]+", f"localhost:{taken}", text))
        (moved,) = re.findall(r"127.0.0.1:(\d+)\n", cli("kafka", "up", "--root", root).text)
    assert int(moved) != taken
    for path, text in before.items():
        assert path.read_text() == re.sub("localhost:[0-9]+", f"localhost:{moved}", text)


def test_the_hosts_authority_needs_no_agency_in_the_folder(
    cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = []

    class Local:
        def __init__(self, folder, authority, *, port: int, **_: object) -> None:
            used.append(authority)
            self.bootstrap = f"127.0.0.1:{port}"

        def start(self) -> None:
            """Nothing."""

    monkeypatch.setattr("broker.operations.local_kafka.LocalKafka", Local)
    folder = tmp_path / "authority"
    up = ["kafka", "up", "--root", tmp_path, "--authority", folder, "--port", "23456"]
    missing = cli(*up)
    assert missing.code == 3
    assert "file_unusable" in missing.err
    assert cli("kafka", "authority", "init", folder).code == 0
    assert cli(*up).text == "127.0.0.1:23456\n"
    assert [one.certificate for one in used] == [(folder / "ca.pem").read_bytes()]


def test_partnerships_do_not_share_a_port(made: Path, foreign: Path) -> None:
    ports = {
        re.findall("localhost:([0-9]+)", (root / "csu-camden" / "agency.toml").read_text())[0]
        for root in (made, foreign)
    }
    assert len(ports) == 2
    assert "19092" not in ports


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
        path.write_text(re.sub("localhost:[0-9]+", f"localhost:{port}", path.read_text()))
    agency = root / "csu-camden"
    proposed = f"kafka down --root {shlex.quote(str(root))}"
    try:
        up = cli("kafka", "up", "--agency-root", root)
        assert up.code == 0, up.err
        assert up.text == f"127.0.0.1:{port}\n"
        (proposed,) = re.findall(r"concordant (kafka down .*)", up.err)
        assert f"kafka apply --root {shlex.quote(str(root))}" in up.err
        assert "running already" in cli("kafka", "up", "--agency-root", root).err
        before = cli("doctor", "--agency", agency, "--json")
        assert before.code == 1
        assert {c["code"] for c in before.json["checks"] if c["status"] == "fail"} == {
            "right_missing"
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
        down = cli(*shlex.split(proposed))  # as `kafka up` says
    assert "Stopped" in down.err
    gone = cli("doctor", "--agency", agency, "--timeout", "1", "--json")
    assert gone.code == 1
    assert "kafka_unreachable" in {check["code"] for check in gone.json["checks"]}
