"""One rehearsal in memory with each behaviour, through the real adapter of each agency."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from adapters.sandbox import rehearsal, simulated_partner
from adapters.sandbox.happenings import Happening, Summary
from adapters.sandbox.invented_events import MARK
from adapters.sandbox.rehearsal import RehearsalPlan, Shown, rehearse
from adapters.sandbox.sandbox_world import InMemory, SandboxWorld
from broker.agency.participant import Participant
from broker.errors import ConfigError, TransportError
from contracts.model import Contract
from tests.support.founded_partnership import (
    COUNCIL,
    NOW,
    POLICE,
    PROSECUTION,
    SUPPORT,
    founded,
)
from tests.support.key_derivation import cheap_scrypt_of_new_keys
from tests.support.live_adapter import export

KINDS = {
    "garbage", "unsigned", "malformed", "altered", "oversized", "foreign", "duplicated", "empty",
    "outside_vocabulary", "reordered",
}  # fmt: skip


@dataclass
class Rehearsed:
    """A rehearsal with everything that it told.

    Attributes:
        own: the agency's own folder.
        before, after: its files with their bytes.
        sandbox: the folder of the rehearsal.
    """

    own: Path
    sandbox: Path
    before: dict[str, bytes]
    after: dict[str, bytes] = field(default_factory=dict)
    told: list[Happening] = field(default_factory=list)
    summary: Summary = field(default_factory=Summary)

    def of(self, what: str, **facts: object) -> list[Happening]:
        return [
            one
            for one in self.told
            if one.what == what
            and all(one.facts.get(name) == value for name, value in facts.items())
        ]

    def complete(self) -> bool:
        kinds = {one.facts["kind"] for one in self.of("rubbish_sent")}
        codes = {one.facts.get("code") for one in self.of("refused")}
        return (
            kinds == KINDS
            and {"value_missing", "event_invalid"} <= codes
            and bool(self.of("rejected", partner=COUNCIL))
            and bool(self.of("imported", partner=SUPPORT))
            and bool(self.of("delivered", partner=SUPPORT, type="referral.status-changed"))
            and bool(self.of("passed_over"))
            and bool(self.of("put_aside", partner=PROSECUTION))
        )


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module", autouse=True)
def _cheap() -> Iterator[None]:
    """Each rehearsal founds its partners anew."""
    founded()
    with cheap_scrypt_of_new_keys():
        yield


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Rehearsed:
    tmp = tmp_path_factory.mktemp("rehearsal")
    own = founded().directory(POLICE, tmp / "own")
    (tmp / "referrals.csv").write_bytes(
        export({"PARTNERS": "VSHAV"}, {"PARTNERS": "LBCAM"}, {"PARTNERS": "VSHAV", "RISK": "?"})
    )
    found = Rehearsed(own, tmp / "sandbox", files_of(own))

    def tell(happening: Happening) -> None:
        found.told.append(happening)
        if found.complete():
            os.kill(os.getpid(), signal.SIGINT)  # Ctrl-C

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulated_partner, "RUBBISH_S", 0.15)
        plan = RehearsalPlan(
            agency=own,
            exports=(tmp / "referrals.csv",),
            partners=(f"{PROSECUTION}=rubbish", f"{COUNCIL}=reject", f"{SUPPORT}=late:1s"),
            folder=found.sandbox,
            every_s=60.0,
            for_s=60.0,
        )
        found.summary = rehearse(plan, Shown(tell))
    found.after = files_of(own)
    return found


def test_each_behaviour_is_seen_and_ctrl_c_ends_it(rehearsed: Rehearsed) -> None:
    assert rehearsed.complete(), [one.text for one in rehearsed.told]
    assert rehearsed.summary.counts["rubbish_sent"] >= len(KINDS)
    assert rehearsed.summary.folder == str(rehearsed.sandbox)


def test_the_agencys_own_folder_is_not_touched(rehearsed: Rehearsed) -> None:
    assert rehearsed.after == rehearsed.before


def test_nothing_of_the_agencys_keys_or_deployment_is_in_the_sandbox(rehearsed: Rehearsed) -> None:
    """Private keys are compared by file, public ones by the ids in the manifests."""
    theirs = {content for content in files_of(rehearsed.sandbox).values() if len(content) > 32}
    secret = {
        content
        for name, content in rehearsed.before.items()
        if name.startswith(("keys/", "governance/", "tls/", "state/", "manifests/", "entries/"))
        or name == "passphrase"
    }
    assert secret
    assert not secret & theirs
    contract = (rehearsed.sandbox / POLICE / "contracts/london-hate-crime.yaml").read_text()
    assert '\ndeployment: "sandbox-london-hate-crime"\n' in contract
    for governance in founded().contract.governance_keys.values():
        assert governance.ed25519 is not None
        assert governance.ed25519 not in contract


def test_a_sent_event_names_the_fields_of_each_partner(rehearsed: Rehearsed) -> None:
    for partner in (SUPPORT, COUNCIL):
        (sent,) = rehearsed.of("sent", partner=partner)
        assert "case_id" in sent.facts["fields"]  # type: ignore[operator]  # a list


def test_a_refused_row_is_told_with_its_code_and_can_be_tried_again(rehearsed: Rehearsed) -> None:
    (refused,) = rehearsed.of("not_sent")
    assert refused.facts["code"] == "unknown_value"
    (held,) = [one for one in rehearsed.of("put_aside") if one.facts["kind"] == "rows"]
    assert held.fix.startswith("concordant quarantine retry ")
    assert str(rehearsed.sandbox / POLICE) in held.fix


def test_a_late_partner_waits_and_answers_with_the_next_status(rehearsed: Rehearsed) -> None:
    texts = [(one.what, one.facts.get("partner")) for one in rehearsed.told]
    assert texts.index(("waiting", SUPPORT)) < texts.index(("imported", SUPPORT))


def test_invented_events_are_marked_and_reach_the_agencys_system(rehearsed: Rehearsed) -> None:
    inbox = rehearsed.sandbox / POLICE / "inbox"
    texts = [path.read_text() for path in inbox.iterdir() if path.is_file()]
    assert any(MARK.strip() in text for text in texts)


def test_a_temporary_folder_is_removed_and_a_silent_partner_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second rehearsal ends by itself, and takes nothing of the first."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    own = founded().directory(POLICE, tmp_path / "own")
    told: list[Happening] = []
    silent = [f"{agency}=silent" for agency in (PROSECUTION, COUNCIL, SUPPORT)]
    summary = rehearse(RehearsalPlan(agency=own, partners=silent, for_s=1.0), Shown(told.append))
    assert [one.what for one in told] == ["ready"]
    assert told[0].facts["agreement"] == str(own / "contracts/london-hate-crime.yaml")
    assert (summary.folder, summary.done) == ("", 0)
    assert not list(tmp_path.glob("concordant-sandbox-*"))


def test_a_missing_export_is_file_unusable_before_anything_is_made(tmp_path: Path) -> None:
    own = founded().directory(POLICE, tmp_path)
    plan = RehearsalPlan(agency=own, exports=(tmp_path / "no.csv",), folder=tmp_path / "sandbox")
    with pytest.raises(ConfigError) as caught:
        rehearse(plan, Shown(lambda _happening: None))
    assert caught.value.code == "file_unusable"
    assert not (tmp_path / "sandbox").exists()


def test_a_local_kafka_that_does_not_start_is_refused_and_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code is that of the local Kafka, and its stop is called."""
    stopped: list[bool] = []

    class Broken(InMemory):
        def start(self, contract: Contract) -> None:
            raise TransportError("Kafka did not start", code="kafka_start_failed")

        def stop(self) -> None:
            stopped.append(True)

    class World(SandboxWorld):
        def participant(self, agency: str, now: int) -> Participant:
            return founded().participants[agency]

    def made(_directory: Path, _agreement: object, root: Path, *_: object, **__: object) -> World:
        return World(root, POLICE, (COUNCIL,), Broken(), (), "terms")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(rehearsal, "make_world", made)
    monkeypatch.setattr(rehearsal, "now_ms", lambda: NOW)
    own = founded().directory(POLICE, tmp_path / "own")
    with pytest.raises(TransportError) as caught:
        rehearse(RehearsalPlan(agency=own, kafka="local"), Shown(lambda _happening: None))
    assert (caught.value.code, caught.value.exit_code, stopped) == ("kafka_start_failed", 3, [True])
    assert not list(tmp_path.glob("concordant-sandbox-*"))


def test_sigterm_while_the_keys_are_made_removes_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def making(_directory: Path, _agreement: object, root: Path, *_: object, **__: object) -> None:
        (root / "keys").mkdir()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)  # the handler interrupts it

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(rehearsal, "make_world", making)
    own = founded().directory(POLICE, tmp_path / "own")
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(KeyboardInterrupt):
            rehearse(RehearsalPlan(agency=own), Shown(lambda _happening: None))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not list(tmp_path.glob("concordant-sandbox-*"))


def with_http(own: Path) -> None:
    settings = own / "agency.toml"
    text = settings.read_text()
    assert "\n[adapter]\n" in text
    settings.write_text(text.replace("\n[adapter]\n", '\n[adapter]\nsource = "http"\n'))


def test_a_rehearsal_with_the_http_interface_shows_its_address_and_a_token(tmp_path: Path) -> None:
    own = founded().directory(POLICE, tmp_path / "own")
    with_http(own)
    told: list[Happening] = []
    silent = [f"{agency}=silent" for agency in (PROSECUTION, COUNCIL, SUPPORT)]
    rehearse(RehearsalPlan(agency=own, partners=silent, for_s=0.1), Shown(told.append))
    (ready,) = told
    assert re.fullmatch(r"http://127\.0\.0\.1:[1-9][0-9]+", str(ready.facts["api"]))
    assert ready.facts["token"]


def test_an_adapter_that_does_not_become_ready_is_sandbox_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = founded().directory(POLICE, tmp_path / "own")
    monkeypatch.setattr(rehearsal, "_READY_S", 0.3)
    monkeypatch.setattr(rehearsal, "PORT_FILE", "state/another")
    silent = [f"{agency}=silent" for agency in (PROSECUTION, COUNCIL, SUPPORT)]
    with pytest.raises(ConfigError) as caught:
        rehearse(RehearsalPlan(agency=own, partners=silent), Shown(lambda _happening: None))
    assert (caught.value.code, caught.value.exit_code) == ("sandbox_not_ready", 3)
