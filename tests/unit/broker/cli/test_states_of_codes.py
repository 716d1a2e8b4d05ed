"""States of reason codes that no other test brings about; the registry's next step ends each."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.base import AgencySystem, MappingError
from adapters.council import ADAPTER
from adapters.delivery import InboxDelivery
from adapters.sinks.folder_sink import FolderSink
from adapters.sources.shelving import shelve
from broker.agency.participant import load_participant
from broker.agency.running import ADAPTER_LOCK
from broker.clock import now_ms
from broker.codes.meanings import CODES
from broker.errors import ConfigError, RegistryError
from broker.held.reason_file import FileReason, format_reason
from broker.observing import logs
from broker.operations.checks.machine_checks import disk
from broker.service.own_manifest_watch import watch_own_manifest
from broker.store.exclusion import exclusive
from broker.store.rows import NewOutboxRow
from broker.subscriber import subscribe
from contracts.durations import DAY_MS, MINUTE_MS
from tests.support.memory_kafka import MemoryKafka, MemoryTransport

SENDER, READER = "csu-camden", "council-camden"


def doctor(cli, folder: Path) -> dict[str, dict[str, str]]:
    """Findings of `doctor`, by code."""
    checks = cli("doctor", "--agency", folder, "--offline", "--json").json["checks"]
    return {one["code"]: one for one in checks if one["code"]}


def referral(world, cli):
    event = world.event(cli, SENDER, "referral.made")
    event["recipients"] = [READER, "haven-support", "csu-lewisham"]
    return event


def test_an_adapter_package_that_cannot_be_loaded_and_is_corrected(
    cli, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = tmp_path / "packages"
    info = packages / "their_adapter-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-adapter\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[concordant.adapters]\nours = their_adapter:ADAPTER\n")
    module = packages / "their_adapter.py"
    module.write_text("raise ImportError('not there')\n")
    monkeypatch.syspath_prepend(str(packages))
    settings = root / SENDER / "agency.toml"
    settings.write_text(settings.read_text().replace('kind = "csu"', 'kind = "ours"'))
    found = doctor(cli, root / SENDER)["config_adapter_broken"]
    assert "their_adapter" in found["fix"]
    module.write_text("from adapters.csu import ADAPTER\n")  # corrected
    shutil.rmtree(packages / "__pycache__", ignore_errors=True)
    sys.modules.pop("their_adapter", None)
    assert "config_adapter_broken" not in doctor(cli, root / SENDER)


def test_a_disk_without_room_and_one_with_room(tmp_path: Path) -> None:
    """The file system of the kernel's own files has no room at all."""
    (full,) = disk(Path("/proc"))
    assert (full.status, full.code) == ("fail", "disk_full")
    (other,) = disk(tmp_path)
    assert other.code != "disk_full"


def test_a_held_event_is_in_the_log_and_its_reason_in_the_list(world, cli) -> None:
    class Unmapped:
        suffixes = ADAPTER.suffixes

        def from_event(self, *_: object) -> bytes:
            raise MappingError("The code has no own code.", code="unknown_value", where="column X")

    world.receive(READER, *world.live(SENDER, referral(world, cli)))
    out = io.StringIO()
    logs.configure("warning", json=True, stream=out)
    try:
        store = world.store(READER)
        sink = FolderSink(world.directory(READER) / "inbox")
        InboxDelivery(AgencySystem(Unmapped(), READER, {}), store, sink, now_ms).round()  # type: ignore[arg-type]  # what delivery uses of an adapter
        store.close()
    finally:
        logs.configure("warning")
    (line,) = map(json.loads, out.getvalue().splitlines())
    assert (line["event"], line["code"], line["agency"]) == ("event_held", "unknown_value", SENDER)
    (item,) = cli("quarantine", "list", "--agency", world.directory(READER), "--json").json
    assert (item["event_id"], item["code"]) == (line["event_id"], "unknown_value")


def refused_file(folder: Path) -> Path:
    path = folder / "import" / "bad.jsonl"
    path.write_bytes(b"{}")
    reason = format_reason(FileReason(path.name, "", "missing_column", "A column is missing."))
    shelve(path, folder / "quarantine", "0" * 16, reason)
    return folder / "quarantine" / "bad.jsonl"


def test_a_folder_that_is_gone_and_is_made_again(world, cli) -> None:
    world.state_of(READER)
    folder = world.directory(READER)
    held = refused_file(folder)
    (item,) = cli("quarantine", "list", "--agency", folder, "--json").json
    (folder / "import").rmdir()
    again = ("quarantine", "retry", item["id"], "--agency", folder)
    cli(*again).require_failure("file_unusable")
    assert held.exists()
    (folder / "import").mkdir()
    assert cli(*again).code == 0
    assert (folder / "import" / "bad.jsonl").exists()


def test_a_refused_file_without_its_reason_is_retried(world, cli) -> None:
    world.state_of(READER)
    folder = world.directory(READER)
    held = refused_file(folder)
    (folder / "quarantine" / "bad.jsonl.reason.json").unlink()
    (item,) = cli("quarantine", "list", "--agency", folder, "--json").json
    assert item["code"] == "no_reason"
    held.write_bytes(b"corrected")
    assert cli("quarantine", "retry", item["id"], "--agency", folder).code == 0
    assert (folder / "import" / "bad.jsonl").read_bytes() == b"corrected"


def test_events_that_wait_for_kafka_name_lines_that_doctor_has(world, cli) -> None:
    folder = world.directory(READER)
    store = world.store(READER)
    with store.transaction() as tx:
        tx.outbox.add_many(
            [NewOutboxRow("id", "pan-london.a", 0, b"v", False)], now_ms() - 2 * MINUTE_MS
        )[0]
    with exclusive(folder / ADAPTER_LOCK):
        assert "outbox_waits" in doctor(cli, folder)
        lines = cli("doctor", "--agency", folder, "--offline", "--json").json["checks"]
    assert {"kafka", "rights"} <= {one["name"] for one in lines}
    assert "kafka and rights" in CODES["outbox_waits"].to_do
    with store.transaction() as tx:  # Kafka takes it
        (row,) = tx.outbox.pending(1)
        tx.outbox.index([(row.seq, "g", 0, b"l" * 32, b"p")])
        tx.outbox.mark_sent([(row.seq, 1, now_ms())])
    store.close()
    with exclusive(folder / ADAPTER_LOCK):
        assert "outbox_waits" not in doctor(cli, folder)


def test_a_gap_is_shown_until_the_record_arrives(world, cli) -> None:
    folder = world.directory(READER)
    events = [referral(world, cli) for _ in range(3)]
    records = [replace(one, offset=at) for at, one in enumerate(world.live(SENDER, *events))]
    world.receive(READER, records[0], records[2])
    assert "records_missing" in doctor(cli, folder)
    world.receive(READER, replace(records[1], offset=3))  # published again
    assert "records_missing" not in doctor(cli, folder)


async def test_a_running_adapter_says_that_it_cannot_take_up_a_file_and_doctor_says_why(
    cli, root: Path
) -> None:
    folder = root / SENDER
    participant = load_participant(folder, now_ms())

    class Running:
        """The part of a service that takes up new files."""

        async def reload(self) -> None:
            load_participant(folder, now_ms())

    out = io.StringIO()
    logs.configure("warning", json=True, stream=out)
    stop = asyncio.Event()
    watching = asyncio.create_task(watch_own_manifest(participant, Running(), stop))  # type: ignore[arg-type]  # it asks for no more
    try:
        await asyncio.sleep(0.3)
        note = min((folder / "contracts").glob("*.note"))
        whole = note.read_bytes()
        note.write_bytes(b"x")
        async with asyncio.timeout(10):
            while "registry_not_reloaded" not in out.getvalue():  # noqa: ASYNC110 - a log has no event
                await asyncio.sleep(0.1)
        why = json.loads(out.getvalue().splitlines()[0])["code"]
        assert why in doctor(cli, folder)
        note.write_bytes(whole)
        assert why not in doctor(cli, folder)
    finally:
        stop.set()
        await watching
        logs.configure("warning")


def test_signing_keys_that_have_ended_are_renewed(cli, root: Path, clock) -> None:
    folder = root / SENDER
    clock(80 * DAY_MS)
    suspended = cli("contract", "suspend", "--agency", folder, "--reason", "dpia_review")
    assert suspended.code == 0, suspended.err
    later = clock(95 * DAY_MS)
    with pytest.raises(RegistryError) as ended:
        load_participant(folder, later).stream_signer(later)
    assert ended.value.code == "signing_key_expired"
    assert cli("keys", "renew", "--agency", folder).code == 0
    assert load_participant(folder, later).stream_signer(later)


async def test_a_subscription_with_another_name(root: Path) -> None:
    folder = root / READER
    (folder / "state").mkdir(exist_ok=True)
    receiver = MemoryTransport(MemoryKafka(), READER, group="desk")
    with pytest.raises(ConfigError) as refused:
        async with subscribe(folder, "Our Desk", clock=now_ms, receiver=receiver):
            pass
    assert refused.value.code == "subscription_name"
    async with subscribe(folder, "our-desk", clock=now_ms, receiver=receiver) as events:
        assert events is not None


def test_a_manifest_that_never_came_is_copied_from_another_party(root: Path) -> None:
    folder = root / SENDER
    (note,) = (folder / "manifests").glob("haven-support.*.note")
    note.unlink()
    versions = folder / "state" / "manifest-versions.json"
    kept = json.loads(versions.read_text())
    versions.write_text(json.dumps({k: v for k, v in kept.items() if k != "haven-support"}))
    with pytest.raises(RegistryError) as missing:
        load_participant(folder, now_ms()).manifests.exchange_key("haven-support", now_ms())
    assert missing.value.code == "manifest_missing"
    shutil.copy(root / READER / "manifests" / note.name, note)
    assert load_participant(folder, now_ms()).manifests.exchange_key("haven-support", now_ms())
