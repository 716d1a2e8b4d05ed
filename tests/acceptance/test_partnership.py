"""A real partnership of seven in seven folders, each under a user id of its own.

The agencies pass one file round. Each step of an agency is a process that cannot read the folders
of the others. Referrals go over a real Kafka. An eighth agency joins, one is removed, and every
certificate and operational key is renewed.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from adapters.csu import ADAPTER as CSU
from adapters.demo.samples import csu as csu_samples
from adapters.demo.samples.facts import case_list
from adapters.demo.samples.sample_rows import SampleRow
from broker.transport.certificates import Authority
from broker.transport.local import LocalKafka
from broker.transport.local_settings import free_port
from contracts.documents import shipped_documents
from tests.support.command_line import run
from tests.support.other_user import User, at_once, load_everything, until

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        os.geteuid() != 0,
        reason="each agency needs a user id of its own: run this test as root",
    ),
]

ROLES: Final = {
    "csu-camden": ("police", "csu"),
    "csu-lewisham": ("police", "csu"),
    "cps-london": ("prosecution", "cps"),
    "council-camden": ("council", "council"),
    "council-lewisham": ("council", "council"),
    "haven-support": ("support", "support"),
    "lantern-centre": ("support", "support"),
}
NEWCOMER: Final = "harbour-support"
REMOVED: Final = "csu-lewisham"
SUSPENDED: Final = "haven-support"
WRITER: Final = "csu-camden"
HOST: Final = "council-camden"
CODES: Final = {
    "VSHAV": "haven-support",
    "VSHARBOUR": NEWCOMER,
}
NAME: Final = "london-hate-crime"
PASSPHRASE: Final = "a long passphrase that no passed file may hold"
CONTACTS: Final = ("data_protection_officer", "breach", "rights_and_complaints", "operations")
FIRST_UID: Final = 61_001


class Story:
    """The agencies, their Kafka, and every file that was passed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = free_port()
        self.users: dict[str, User] = {}
        self.passed: list[tuple[str, bytes]] = []
        self.local: LocalKafka | None = None
        self.plain: set[str] = set()

    def __getitem__(self, agency: str) -> User:
        return self.users[agency]

    def add(self, agency: str) -> User:
        """A home for an agency's user, with a passphrase."""
        home = self.root / agency
        home.mkdir()
        user = User(agency, FIRST_UID + len(self.users), home)
        user.own(home)
        (home / "passphrase").write_text(PASSPHRASE)
        user.own(home / "passphrase")
        self.users[agency] = user
        return user

    def copy(self, sender: str, name: str, *receivers: str) -> None:
        """Copy one file of an agency to others, as by mail."""
        content = (self[sender].home / name).read_bytes()
        self.passed.append((f"{sender}/{name}", content))
        for receiver in receivers:
            if receiver != sender:
                copied = self[receiver].home / name
                copied.write_bytes(content)
                self[receiver].own(copied)

    def init(self, agency: str, role: str, kind: str) -> Callable[[], None]:
        """The step that makes an agency and its entry."""
        arguments: list[object] = ["agency", "init", agency, "--id", agency, "--name", agency]
        arguments += ["--role", role, "--area", "E09000007", "--adapter", kind]
        arguments += ["--kafka", f"localhost:{self.port}", "--passphrase-file", "passphrase"]
        for name in CONTACTS:
            arguments += ["--contact", f"{name}=Duty desk,{name}@{agency}.example"]

        def act() -> None:
            for command in (
                arguments,
                ["agency", "entry", "--agency", agency, "--out", f"{agency}.entry"],
            ):
                done = run(*command)
                assert done.code == 0, done.err
            config = Path(agency, "agency.toml")
            text = config.read_text()
            lines = "".join(
                f'"{code}" = "{partner}"\n' for code, partner in CODES.items() if partner != agency
            )
            head, mark, rest = text.partition("[partners]")
            line, _, rest = rest.partition("\n")
            assert mark
            config.write_text(f"{head}{mark}{line}\n{lines}{rest}" + SETTINGS)

        return act

    def sign_round(self, signers: Sequence[str], file: str, *, first: str) -> None:
        """All sign one version, and the first passes the file with all signatures to all."""
        words = {one: self.words(one) for one in signers}
        self.copy(first, file, *signers)

        def ok(*arguments: object) -> None:
            done = run(*arguments)
            assert done.code == 0, (arguments, done.err)

        def sign(agency: str) -> None:
            ok("bundle", "add", "--agency", agency, file)
            status = json.loads(run("agency", "status", "--agency", agency, "--json").out)
            for partner in status["partners"]:
                if partner["checked"] is None and partner["agency"] in words:
                    said = ("--words", words[partner["agency"]], "--by", "Ada Okafor")
                    ok("agency", "check-partner", partner["agency"], "--agency", agency,
                       *said, "--channel", "telephone")  # fmt: skip
            person = ("--as", "Ada Okafor, Director")
            ok("contract", "sign", "--agency", agency, *person, "--yes")
            ok("bundle", "make", "--agency", agency, "--out", f"{agency}.bundle")

        at_once([(self[one], partial(sign, one)) for one in signers])
        for one in signers:
            self.copy(one, f"{one}.bundle", first)

        def collect() -> None:
            ok("bundle", "add", "--agency", first, *[f"{one}.bundle" for one in signers])
            ok("bundle", "make", "--agency", first, "--out", "signed.bundle")

        self[first].do(collect)
        self.copy(first, "signed.bundle", *signers)
        at_once(
            [
                (self[one], partial(ok, "bundle", "add", "--agency", one, "signed.bundle"))
                for one in signers
            ]
        )

    def words(self, agency: str) -> str:
        """The twelve words that an agency reads out on the telephone."""
        done = self[agency].concordant("bundle", "show", f"{agency}.entry", "--json")
        return str(done.json["entries"][0]["words"])

    def certify(self, *agencies: str) -> None:
        """The host issues certificates for entries, and all add the bundle."""
        for one in agencies:
            self.copy(one, f"{one}.entry", HOST)
        entries = [f"{one}.entry" for one in agencies]
        self[HOST].concordant("kafka", "authority", "init", "authority")
        self[HOST].concordant(
            "kafka", "authority", "issue", "--authority", "authority", *entries,
            "--out", "certificates.bundle",
        )  # fmt: skip
        self.copy(HOST, "certificates.bundle", *agencies)
        for one in agencies:
            self[one].concordant("bundle", "add", "--agency", one, "certificates.bundle")

    def revise(self, version: str, *change: str, files: Sequence[str]) -> None:
        """The writer makes the next version, and a bundle with it."""

        def act() -> None:
            folder = Path(WRITER, "contracts")
            (before,) = [
                path
                for path in sorted(folder.glob("*.yaml"))
                if f"\nversion: {version}\n" in path.read_text()
            ]
            Path("next.yaml").unlink(missing_ok=True)
            checked("contract", "revise", before, *change, "--out", "next.yaml")
            checked("bundle", "add", "--agency", WRITER, "next.yaml", *files)
            checked("bundle", "make", "--agency", WRITER, "--out", "draft.bundle")

        self[WRITER].do(act)

    def secrets_of(self, agency: str) -> dict[str, object]:
        """The agency's certificate, and the newest manifest that it made."""
        folder = self[agency].home / agency
        certificate = folder / "tls" / "cert.pem"
        return {
            "certificate": certificate.read_bytes() if certificate.exists() else None,
            "manifest": max(folder.glob(f"manifests/{agency}.*.note"), key=_number).read_bytes(),
        }

    def require_nothing_secret(self) -> None:
        """No passed file holds a private key, a passphrase or a word of an event."""
        secret = [PASSPHRASE.encode(), b"PRIVATE KEY"]
        for user in self.users.values():
            for path in (user.home / user.agency).rglob("*"):
                if path.is_file() and path.parent.name in {"keys", "governance"}:
                    secret.append(path.read_bytes()[:200])
        shipped = b"".join(shipped_documents().values())
        for rows in PLAIN:
            secret += [one.encode() for one in rows if one.encode() not in shipped]
        assert len(self.passed) > 3 * len(ROLES)
        assert len(secret) > 3 * len(ROLES)
        for name, content in self.passed:
            assert not [one for one in secret if one and one in content], name

    def start_kafka(self) -> None:
        """The host starts Kafka with its authority."""
        folder = self[HOST].home / "authority"
        authority = Authority((folder / "ca.pem").read_bytes(), (folder / "key.pem").read_bytes())
        self.local = LocalKafka(self.root / "kafka", authority, port=self.port)
        self.local.start()
        tls = self[HOST].home / "operator"
        shutil.copytree(self.root / "kafka" / "tls", tls)
        for path in (tls, *tls.iterdir()):
            self[HOST].own(path)

    def apply(self, *follow: str) -> None:
        """The host gives Kafka the topics and rights of the agreement."""
        more = [option for one in follow for option in ("--follow", one)]
        self[HOST].concordant("kafka", "apply", "--agency", HOST, "--tls", "operator", *more)

    def run_adapters(self, *agencies: str) -> None:
        """Start adapters, and wait until they are ready."""
        for one in agencies:
            self[one].start_adapter()
        for one in agencies:
            port = self[one].home / one / "state" / "http-port"
            until(port.exists, lambda one=one: self.log(one))  # type: ignore[misc]

    def stop_adapters(self) -> None:
        for user in self.users.values():
            user.stop_adapter()

    def log(self, agency: str) -> str:
        """Log of its adapter, its files, and its held items."""
        folder = self[agency].home / agency
        path = self[agency].home / "adapter.log"
        text = path.read_text()[-2000:] if path.exists() else ""
        names = ("import", "quarantine", "processed", "inbox")
        files = [str(one.relative_to(folder)) for name in names for one in folder.glob(f"{name}/*")]
        reasons = [one.read_text()[:300] for one in folder.glob("quarantine/*.json")]
        held = self[agency].concordant("quarantine", "list", "--agency", agency, code=None).text
        state = self[agency].concordant("status", "--agency", agency, code=None).text
        return f"{agency}: {text}\n{files}\n{reasons}\n{held}\n{state}"

    def held(self, agency: str) -> str:
        """Items that it holds for a person."""
        return self[agency].concordant("quarantine", "list", "--agency", agency, code=None).text

    def drop(self, agency: str, name: str, content: bytes) -> None:
        """The agency's own system writes an export."""

        def act() -> None:
            (Path(agency) / "import" / name).write_bytes(content)

        self[agency].do(act)

    def inbox(self, agency: str) -> list[Path]:
        return sorted((self[agency].home / agency / "inbox").glob("[!.]*"))

    def validity(self, agency: str) -> dict[str, Any]:
        """Answer of `contract verify`."""
        done = self[agency].concordant(
            "contract", "verify", "--agency", agency, "--json", code=None
        )
        answer: dict[str, Any] = done.json
        return answer

    def status(self, agency: str) -> dict[str, Any]:
        """Answer of `status`."""
        done = self[agency].concordant("status", "--agency", agency, "--json", code=None)
        answer: dict[str, Any] = done.json
        return answer

    def published(self, agency: str) -> int:
        """Number of its events that Kafka has.

        Sizes of streams are no answer: an adapter that starts again opens new generations.
        """
        return int(self.status(agency)["outbox"]["sent"])

    def taken(self, agency: str, name: str) -> bool:
        """Return whether its adapter has taken an export out of the import folder."""
        return not (self[agency].home / agency / "import" / name).exists()

    def stop(self, act: str, reason: str) -> None:
        """One agency suspends or resumes its part."""
        self[SUSPENDED].concordant(
            "contract", act, "--agency", SUSPENDED, "--contract", NAME, "--reason", reason, "--yes"
        )

    def stopped(self, agency: str) -> dict[str, str]:
        """Parties of the newest version that have suspended their part or left."""
        return dict(max(self.validity(agency)["contracts"], key=_version)["departed"])

    def sha256(self, version: str) -> str:
        """Hash of a version, as the writer knows it."""
        contracts = self.validity(WRITER)["contracts"]
        return next(str(one["sha256"]) for one in contracts if one["version"] == version)


SETTINGS: Final = """
[intervals]
poll = 0.1
relay = 0.1
heartbeat = 1
receipt = 1
"""


PLAIN: Final[list[list[str]]] = []
"""Texts of the events that were sent: names, addresses and accounts."""


def checked(*arguments: object) -> None:
    """Run a command that has to succeed."""
    done = run(*arguments)
    assert done.code == 0, (arguments, done.err)


def _number(path: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in path.name.split(".") if part.isdigit())


def _version(one: dict[str, Any]) -> str:
    return str(one["version"])


def remember(rows: Sequence[SampleRow]) -> None:
    """Keep the long texts of rows, which no passed file may hold."""
    for row in rows:
        PLAIN.append([str(one) for one in row.values.values() if len(str(one)) > 20])  # type: ignore[union-attr]


def police_rows(partner: str, number: int, seed: int) -> list[SampleRow]:
    made = csu_samples.sample_rows(random.Random(seed), case_list(seed, 40), flaws=False)
    rows = [
        row
        for row in made
        if row.event_type == "referral.made" and row.values["PARTNERS"] == "VSHAV"
    ][:number]
    assert len(rows) == number
    for row in rows:
        row.values["PARTNERS"] = partner  # type: ignore[index]
    remember(rows)
    return rows


def police_export(partner: str, number: int, seed: int) -> bytes:
    rows = [row.values for row in police_rows(partner, number, seed)]
    return CSU.write(rows, header=CSU.mapping.export_columns)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    load_everything()
    memory = Path("/dev/shm")  # each write is durable, which takes long on a disk
    root = Path(tempfile.mkdtemp("", "partnership-", memory if memory.is_dir() else None))
    root.chmod(0o711)
    told = Story(root)
    try:
        yield told
    finally:
        told.stop_adapters()
        if told.local is not None:
            told.local.stop()
        shutil.rmtree(root, ignore_errors=True)


def test_a_partnership_is_founded_joined_changed_and_left(story: Story) -> None:
    today = datetime.now(UTC).date()
    for agency in ROLES:
        story.add(agency)
    at_once([(story[a], story.init(a, *kinds)) for a, kinds in ROLES.items()])
    with pytest.raises(AssertionError, match="PermissionError"):
        story[REMOVED].do((story[WRITER].home / "passphrase").read_text)

    for agency in ROLES:
        story.copy(agency, f"{agency}.entry", WRITER)
    entries = [option for a in ROLES for option in ("--entry", f"{a}.entry")]
    story[WRITER].concordant(
        "contract", "draft", "--terms", NAME, *entries, "--deployment", "pan-camden",
        "--starts", today, "--ends", today + timedelta(days=364),
        "--review", today + timedelta(days=180), "--out", "agreement.yaml",
    )  # fmt: skip
    files = ["agreement.yaml", *[f"{a}.entry" for a in ROLES]]
    story[WRITER].concordant("bundle", "add", "--agency", WRITER, *files)
    story[WRITER].concordant("bundle", "make", "--agency", WRITER, "--out", "draft.bundle")
    story.sign_round(list(ROLES), "draft.bundle", first=WRITER)
    assert all(story.validity(agency)["in_force"] for agency in (WRITER, REMOVED))

    story.certify(*ROLES)
    story.start_kafka()
    story.apply()
    story.run_adapters(WRITER, SUSPENDED, REMOVED)
    story.drop(WRITER, "first.csv", police_export("VSHAV", 2, 5))
    story.drop(REMOVED, "first.csv", police_export("VSHAV", 1, 7))
    until(
        lambda: len(story.inbox(SUSPENDED)) >= 3, lambda: story.log(WRITER) + story.log(SUSPENDED)
    )
    story.stop_adapters()

    # an eighth agency joins: its entry goes to any member, which revises; all sign
    story.add(NEWCOMER)
    story[NEWCOMER].do(story.init(NEWCOMER, "support", "support"))
    story.copy(NEWCOMER, f"{NEWCOMER}.entry", WRITER)
    story.revise("1.0.0", "--add-entry", f"{NEWCOMER}.entry", files=[f"{NEWCOMER}.entry"])
    story.sign_round([*ROLES, NEWCOMER], "draft.bundle", first=WRITER)
    joined = story.validity(NEWCOMER)["contracts"]
    assert [one["state"] for one in joined] == ["in_force"]
    story.certify(NEWCOMER)
    story.apply()  # every party of both versions has signed, so the newcomer gets its rights

    # one is removed: the others sign a version without it
    story.revise(joined[0]["version"], "--remove", REMOVED, files=[])
    others = [one for one in (*ROLES, NEWCOMER) if one != REMOVED]
    story.sign_round(others, "draft.bundle", first=WRITER)
    states = {one["version"]: one["state"] for one in story.validity(WRITER)["contracts"]}
    newest = max(states)
    assert states.pop(newest) == "in_force"
    assert set(states.values()) == {"superseded"}

    # the removed agency, which has not heard of it, sends once more: the others refuse its event
    story.run_adapters(REMOVED)
    story.drop(REMOVED, "second.csv", police_export("VSHAV", 1, 11))
    until(lambda: story.published(REMOVED) >= 2, lambda: story.log(REMOVED))
    story[REMOVED].stop_adapter()
    story.run_adapters(WRITER, SUSPENDED, NEWCOMER)
    until(
        lambda: REMOVED in json.dumps(story.status(SUSPENDED)["quarantine"]),
        lambda: story.log(SUSPENDED),
    )
    assert len(story.inbox(SUSPENDED)) == 3
    story.drop(WRITER, "second.csv", police_export("VSHARBOUR", 1, 13))
    until(lambda: len(story.inbox(NEWCOMER)) == 1, lambda: story.log(WRITER) + story.log(NEWCOMER))
    story.apply(story.sha256(newest))  # a person of the host decides to remove its rights

    # one suspends its part, and the others stop sealing to it; it resumes
    story.stop("suspend", "dpia_review")
    until(lambda: story.stopped(WRITER) == {SUSPENDED: "suspended"}, lambda: story.log(WRITER))
    story.drop(WRITER, "third.csv", police_export("VSHAV", 1, 17))
    until(lambda: story.taken(WRITER, "third.csv"), lambda: story.log(WRITER))
    reason = story[WRITER].home / WRITER / "quarantine" / "third.csv.reason.json"
    until(reason.exists, lambda: story.log(WRITER))
    assert [one["code"] for one in json.loads(reason.read_text())["rows"]] == ["suspended"]
    assert len(story.inbox(SUSPENDED)) == 3
    story.stop("resume", "resolved")
    until(lambda: story.stopped(WRITER) == {}, lambda: story.log(WRITER))
    story.drop(WRITER, "fourth.csv", police_export("VSHAV", 1, 31))
    until(
        lambda: len(story.inbox(SUSPENDED)) >= 4, lambda: story.log(WRITER) + story.log(SUSPENDED)
    )
    story.stop_adapters()

    # every certificate and operational key is renewed
    before = {one: story.secrets_of(one) for one in story.users}
    at_once(
        [
            (story[one], partial(checked, "keys", "renew", "--all", "--agency", one))
            for one in story.users
        ]
    )
    story.certify(*story.users)
    after = {one: story.secrets_of(one) for one in story.users}
    for agency, files in after.items():
        assert files["certificate"] != before[agency]["certificate"], agency
        assert files["manifest"] != before[agency]["manifest"], agency
    story.require_nothing_secret()
