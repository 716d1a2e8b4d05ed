"""`doctor`: one line for each thing that an adapter needs, and the fix for each that fails."""

from __future__ import annotations

import re
import shutil
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from broker.agency.participant import load_participant
from broker.clock import now_ms
from broker.observing.tallies import Tallies
from broker.operations.checks import kafka_checks, machine_checks
from broker.operations.checks.rights_checks import needed_rights, rights_results
from broker.store.database import open_store
from broker.store.exclusion import exclusive
from broker.store.reader_rows import HeadsRow
from broker.store.rows import NewInboxRow, NewOutboxRow
from broker.transport.certificates import Authority, issue_certificate
from broker.transport.rights import TriedRights
from tests.support.manifest_files import newest_manifest_file

DAY = 86_400_000
AGENCY = "csu-camden"
NAMES = {
    "adapter",
    "delegation",
    "settings",
    "partners",
    "outbox",
    "inbox",
    "streams",
    "heartbeats",
    "newest",
    "referrals",
    "alarms",
    "held",
    "configuration",
    "folders",
    "disk",
    "state",
    "clock",
    "contract",
    "manifests",
    "passphrase",
    "keys",
    "certificate",
    "kafka",
    "kafka clock",
    "rights",
    "other rights",
}


def examined(cli, folder: Path, *more: str):
    done = cli("doctor", "--agency", folder, "--offline", "--json", *more)
    return done, {
        check["name"]: check
        for check in sorted(done.json["checks"], key=lambda c: c["status"] == "fail")
    }


def test_a_sound_agency_passes(cli, root: Path) -> None:
    done, checks = examined(cli, root / AGENCY)
    assert done.code == 0
    assert done.json["ok"] is True
    assert checks.keys() == NAMES
    assert {check["status"] for check in checks.values()} == {"ok", "warn", "skipped"}
    assert checks["keys"]["fix"]


def test_one_line_each(cli, root: Path) -> None:
    done = cli("doctor", "--agency", root / AGENCY, "--offline")
    assert done.code == 0
    assert sum(line.startswith(("ok  ", "warn", "FAIL", "-   ")) for line in done.lines) >= 13
    assert "Nothing fails." in done.err


def test_governance_keys_offline_leave_nothing_to_say(cli, root: Path) -> None:
    shutil.rmtree(root / AGENCY / "governance")
    _, checks = examined(cli, root / AGENCY)
    assert checks["keys"]["status"] == "ok"


Break = Callable[[Path], object]


def unlink(*names: str) -> Break:
    return lambda folder: [path.unlink() for name in names for path in folder.glob(name)]


def write(name: str, content: bytes) -> Break:
    return lambda folder: (folder / name).write_bytes(content)


def setting(before: bytes, after: bytes) -> Break:
    def change(folder: Path) -> None:
        content = (folder / "agency.toml").read_bytes()
        assert before in content
        (folder / "agency.toml").write_bytes(content.replace(before, after, 1))

    return change


def chmod(name: str, mode: int) -> Break:
    return lambda folder: (folder / name).chmod(mode)


def swap_certificate(folder: Path) -> None:
    for name in ("cert.pem", "key.pem"):
        shutil.copy(folder.parent / "council-camden" / "tls" / name, folder / "tls" / name)


def foreign_tls_key(folder: Path) -> None:
    shutil.copy(folder.parent / "council-camden" / "tls" / "key.pem", folder / "tls" / "key.pem")


PORT, INTERVAL = "config_port_unusable", "config_interval_invalid"


@pytest.mark.parametrize(
    ("spoil", "name", "code"),
    [
        (setting(b'kind = "csu"', b'kind = "csuu"'), "adapter", "config_adapter_unknown"),
        (setting(b'"council-camden"', b'"council-camdem"'), "partners", "partner_unknown"),
        (setting(b'= "cps-london"', b'= "csu-camden"'), "partners", "partner_unknown"),
        (setting(b'"localhost:', b'"localhost" #'), "settings", "config_address_invalid"),
        (setting(b'inbox = "inbox"', b'inbox = "import"'), "settings", "config_folders_same"),
        (setting(b'host = "127.0.0.1"', b'host = "no.such.host"'), "settings", PORT),
        (setting(b"[http]", b"[intervals]\nheartbeat = 600\n[http]"), "settings", INTERVAL),
        (setting(b"[http]", b"[intervals]\nsilence_alarm = 30\n[http]"), "settings", INTERVAL),
        (lambda folder: shutil.rmtree(folder / "inbox"), "folders", "folder_unwritable"),
        (write("state/concordant.db", b"rubbish" * 999), "state", "store_corrupt"),
        (unlink("passphrase"), "passphrase", "passphrase_missing"),
        (chmod("passphrase", 0o644), "passphrase", "passphrase_readable"),
        (write("passphrase", b"wrong"), "keys", "passphrase_wrong"),
        (unlink("keys/stream-*"), "keys", "key_missing"),
        (unlink("keys/exchange-*"), "keys", "key_missing"),
        (unlink("keys/secret-*"), "keys", "key_missing"),
        (unlink("tls/cert.pem"), "certificate", "certificate_unreadable"),
        (write("tls/key.pem", b"rubbish"), "certificate", "certificate_unreadable"),
        (foreign_tls_key, "certificate", "certificate_unreadable"),
        (chmod("tls/key.pem", 0o640), "certificate", "key_readable"),
        (swap_certificate, "principal", "principal_differs"),
        (unlink("contracts/london-hate-crime.csu-camden.note"), "registry", "contract_unsigned"),
        (unlink("contracts/*"), "registry", "contract_missing"),
        (write("contracts/london-hate-crime.yaml", b"{"), "registry", "contract_invalid"),
        (unlink("manifests/haven-support.*.note"), "registry", "manifest_rollback"),
    ],
)
def test_each_fault_fails_with_its_fix(cli, root: Path, spoil: Break, name: str, code: str) -> None:
    spoil(root / AGENCY)
    done, checks = examined(cli, root / AGENCY)
    assert done.code == 1
    assert done.json["ok"] is False
    assert (checks[name]["status"], checks[name]["code"]) == ("fail", code)
    assert checks[name]["fix"]
    assert "FAIL" in cli("doctor", "--agency", root / AGENCY, "--offline").text


def test_everything_else_is_still_looked_at(cli, root: Path) -> None:
    unlink("contracts/*")(root / AGENCY)
    _, checks = examined(cli, root / AGENCY)
    assert checks["certificate"]["status"] == checks["folders"]["status"] == "ok"
    assert checks["keys"]["status"] == checks["contract"]["status"] == "skipped"


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (unlink("agency.toml"), "config_missing"),
        (write("agency.toml", b"x=1"), "config_invalid"),
        (write("agency.toml", b"["), "config_unreadable"),
    ],
)
def test_without_a_configuration_nothing_can_be_checked(
    cli, root: Path, spoil: Break, code: str
) -> None:
    spoil(root / AGENCY)
    done, checks = examined(cli, root / AGENCY)
    assert done.code == 3
    assert list(checks) == ["configuration"]
    assert checks["configuration"]["code"] == code
    assert checks["configuration"]["fix"]


def test_an_event_that_kafka_does_not_take_is_named_with_its_size(cli, root: Path) -> None:
    store = open_store(root / AGENCY / "state" / "concordant.db")
    now = now_ms()
    tallies = Tallies()
    tallies.add("relay", "kafka_record_too_large")
    with store.transaction() as tx:
        seq = tx.outbox.add_many(
            [NewOutboxRow("id", "the.topic", 0, b"v" * 1812, False)], now - 30_000
        )[0]
        tx.outbox.index([(seq, "g", 0, b"l" * 32, b"proof")])
    _, checks = examined(cli, root / AGENCY)
    assert checks["outbox"]["status"] == "warn"  # it waits, and the adapter does not run
    assert "concordant adapter run" in checks["outbox"]["fix"]
    with store.transaction() as tx:
        tallies.keep(tx, now)
    store.close()
    done, checks = examined(cli, root / AGENCY)
    assert done.code == 1
    assert (checks["outbox"]["status"], checks["outbox"]["code"]) == (
        "fail",
        "kafka_record_too_large",
    )
    assert "1812 bytes" in checks["outbox"]["detail"]
    assert "the.topic" in checks["outbox"]["fix"]


def test_faults_that_status_shows_are_named(cli, root: Path) -> None:
    store = open_store(root / AGENCY / "state" / "concordant.db")
    now = now_ms()
    tallies = Tallies()
    tallies.add("alarm", "rollback", "cps-london")
    with store.transaction() as tx:
        tallies.keep(tx, now)
        tx.inbox.add(
            NewInboxRow("cps-london", "i", "a", now - DAY, "t", 0, "g", 0, b"p", b"", b"c" * 32)
        )
    store.close()
    _, checks = examined(cli, root / AGENCY)
    assert checks["inbox"]["status"] == checks["alarms"]["status"] == "warn"
    assert "rollback (cps-london)" in checks["alarms"]["detail"]
    assert checks["heartbeats"]["status"] == "skipped"  # it cannot hear
    with exclusive(root / AGENCY / "state" / "adapter.lock"):
        _, checks = examined(cli, root / AGENCY)
    assert (checks["inbox"]["status"], checks["inbox"]["code"]) == ("fail", "inbox_waits")
    assert checks["heartbeats"]["status"] == "warn"


def test_a_folder_that_is_no_agency(cli, tmp_path: Path) -> None:
    done = cli("doctor", "--agency", tmp_path / "nothing", "--offline")
    assert done.code == 3
    assert "quickstart" in done.text


@pytest.mark.parametrize(
    ("ahead", "name", "status", "fix"),
    [
        (25 * DAY, "manifests", "warn", "keys renew"),
        (25 * DAY, "keys", "warn", "keys renew"),
        (31 * DAY, "manifests", "fail", "keys renew"),
        (340 * DAY, "contract", "warn", "agree"),
        (400 * DAY, "contract", "fail", "new version"),
        (340 * DAY, "certificate", "warn", "issue a certificate"),
        (366 * DAY, "certificate", "fail", "issue a certificate"),
    ],
)
def test_an_approaching_end_is_reported_in_time(
    cli, root: Path, clock, ahead: int, name: str, status: str, fix: str
) -> None:
    clock(ahead)
    done = cli("doctor", "--agency", root / AGENCY, "--offline", "--json")
    found = [check for check in done.json["checks"] if check["name"] == name]
    assert status in {check["status"] for check in found}
    assert any(fix in (check["fix"] or "") for check in found)


def test_our_own_suspension_and_anothers(cli, root: Path) -> None:
    suspended = root / "council-camden"
    assert cli("contract", "suspend", "--agency", suspended, "--reason", "dpia_review").code == 0
    _, checks = examined(cli, suspended)
    assert checks["contract"]["code"] == "contract_suspended"
    assert "contract resume" in checks["contract"]["fix"]
    note = newest_manifest_file(suspended, "council-camden").name
    shutil.copy(suspended / "manifests" / note, root / AGENCY / "manifests" / note)
    done, checks = examined(cli, root / AGENCY)
    assert done.code == 0
    found = [check for check in done.json["checks"] if check["name"] == "contract"]
    assert [check["status"] for check in found] == ["ok", "warn"]


def test_a_clock_behind_what_was_heard_or_signed(cli, root: Path, clock) -> None:
    store = open_store(root / AGENCY / "state" / "concordant.db")
    with store.transaction() as tx:
        tx.heads.save(HeadsRow("cps-london", now_ms() + 600_000, 0, b""))
    store.close()
    _, checks = examined(cli, root / AGENCY)
    assert (checks["clock"]["status"], checks["clock"]["code"]) == ("fail", "clock_behind")
    clock(-7_200_000)
    _, checks = examined(cli, root / AGENCY)
    assert (checks["registry"]["status"], checks["registry"]["code"]) == (
        "fail",
        "delegation_early",
    )


@pytest.mark.parametrize(("free", "status"), [(2**20, "fail"), (2**30, "warn"), (2**40, "ok")])
def test_room_on_the_disk(
    cli, root: Path, monkeypatch: pytest.MonkeyPatch, free: int, status: str
) -> None:
    monkeypatch.setattr(
        machine_checks.shutil, "disk_usage", lambda _path: SimpleNamespace(free=free)
    )
    _, checks = examined(cli, root / AGENCY)
    assert checks["disk"]["status"] == status


# --- Kafka ---------------------------------------------------------------------------------------


def online(cli, folder: Path, bootstrap: str):
    config = folder / "agency.toml"
    config.write_text(re.sub(r'"localhost:[0-9]+"', f'"{bootstrap}"', config.read_text()))
    done = cli("doctor", "--agency", folder, "--timeout", "1", "--json")
    return done, {check["name"]: check for check in done.json["checks"]}


def listening(answer: bytes) -> tuple[socket.socket, int]:
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            while True:
                client, _ = server.accept()
                client.sendall(answer)
                client.close()
        except OSError:
            return

    threading.Thread(target=serve, daemon=True).start()
    return server, server.getsockname()[1]


@pytest.mark.parametrize(
    ("bootstrap", "words"),
    [
        ("127.0.0.1:1", "connection refused"),
        ("no-such-host.invalid:9092", "does not exist"),
        ("127.0.0.1", "not HOST:PORT"),
        ("127.0.0.1:1,127.0.0.1:2", "connection refused"),
    ],
)
def test_a_kafka_that_is_not_there(cli, root: Path, bootstrap: str, words: str) -> None:
    done, checks = online(cli, root / AGENCY, bootstrap)
    assert done.code == 1
    assert checks["kafka"]["code"] == "kafka_unreachable"
    assert words in checks["kafka"]["detail"]
    assert "kafka up" in checks["kafka"]["fix"]
    assert checks["rights"]["status"] == checks["kafka clock"]["status"] == "skipped"


def test_something_that_is_no_kafka(cli, root: Path) -> None:
    server, port = listening(b"220 smtp.example ESMTP\r\n")
    with server:
        done, checks = online(cli, root / AGENCY, f"127.0.0.1:{port}")
    assert done.code == 1
    assert checks["kafka"]["code"] == "kafka_unreachable"


def test_rights_are_compared_with_the_contract(root: Path) -> None:
    asked = needed_rights(load_participant(root / AGENCY, now_ms()), now_ms())
    topics = frozenset(asked.topics)
    every = dict.fromkeys(asked.needed, True) | dict.fromkeys(asked.others, False)
    assert [
        check.status for check in rights_results(asked, TriedRights(every, topics, frozenset()))
    ] == ["ok", "ok"]
    for right in asked.needed:
        lacking = TriedRights({**every, right: False}, topics, frozenset())
        assert [check.code for check in rights_results(asked, lacking)] == ["right_missing", None]
    for right in asked.others:
        excess = TriedRights({**every, right: True}, topics, frozenset())
        assert [check.code for check in rights_results(asked, excess)] == [None, "right_excess"]
    (lost,) = sorted(topics)[:1]
    gone = TriedRights(every, topics - {lost}, frozenset({"create", "describe"}))
    found = list(rights_results(asked, gone))
    assert [check.code for check in found] == ["topic_missing", "right_excess", "right_excess"]
    assert all("kafka apply" in (check.fix or "") for check in found)


def test_rights_of_others_and_of_the_host_are_tried(root: Path) -> None:
    asked = needed_rights(load_participant(root / AGENCY, now_ms()), now_ms())
    operations = {(right.resource, right.operation) for right in asked.needed}
    assert operations == {("topic", "read"), ("topic", "write"), ("group", "read")}
    assert {right.operation for right in asked.others} == {"read", "write", "delete"}
    groups = [right.name for right in asked.others if right.resource == "group"]
    assert f"pan-london.{AGENCY}." not in groups
    assert len(groups) > 1
    assert "pan-london.applied" in {right.name for right in asked.others}


def test_kafkas_clock_is_compared_with_ours() -> None:
    now = now_ms()
    assert kafka_checks._clock(None, now).status == "skipped"
    assert kafka_checks._clock(now - 1000, now).status == "ok"
    assert kafka_checks._clock(now - DAY, now).status == "ok"
    behind = kafka_checks._clock(now + 600_000, now)
    assert (behind.status, behind.code) == ("fail", "clock_behind")


def test_a_certificate_that_is_not_valid_yet(cli, root: Path) -> None:
    folder = root / "kafka" / "authority"
    authority = Authority((folder / "cert.pem").read_bytes(), (folder / "key.pem").read_bytes())
    certificate, key = issue_certificate(authority, AGENCY, now=now_ms() + 10 * DAY)
    (root / AGENCY / "tls" / "cert.pem").write_bytes(certificate)
    (root / AGENCY / "tls" / "key.pem").write_bytes(key)
    _, checks = examined(cli, root / AGENCY)
    assert checks["certificate"]["code"] == "certificate_expired"


def test_a_state_that_others_could_read(cli, root: Path) -> None:
    path = root / AGENCY / "state" / "concordant.db"
    open_store(path).close()
    path.chmod(0o644)
    done, _ = examined(cli, root / AGENCY)
    found = [check for check in done.json["checks"] if check["name"] == "state"]
    assert [check["status"] for check in found] == ["warn", "ok"]
    assert "644" in found[0]["detail"]
