"""The running adapter renews its own manifest, keeps it on Kafka, and stops at a foreign one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from broker.agency.issuing_guard import ISSUE_LOCK, issuing
from broker.agency.own_manifest import RENEW_AFTER_MS, renew_keys, suspend_contract
from broker.agency.participant import load_participant
from broker.control.own_record import PUT_BACK_AFTER_MS
from broker.errors import RegistryError
from broker.keys.issuing import ManifestChanges, issue_manifest
from broker.keys.kid import ML_DSA_44, STREAM
from broker.operations.agency_progress import agency_progress
from broker.operations.key_delegation import delegated_keys
from broker.operations.manifest_adoption import adopt_manifest
from broker.record import Record
from broker.service.manifest_renewal import ManifestRenewal
from broker.store.exclusion import exclusive
from broker.transport.topics import control_topics
from tests.integration.service_story import Running, until
from tests.support.founded_partnership import COUNCIL, DAY, POLICE, founded
from tests.support.memory_agency import Clock
from tests.support.memory_kafka import MemoryKafka, MemoryTransport
from tests.support.newer_manifests import code_of

SETTINGS = "\n[intervals]\nheartbeat = 0.05\nreceipt = 0.05\nrelay = 0.05\n"


class Renewing:
    """The police's running broker with its renewal, which a test turns by hand."""

    def __init__(self, folder: Path, kafka: MemoryKafka, clock: Clock) -> None:
        self.folder, self.kafka, self.clock = folder, kafka, clock
        self.running = Running(folder, lambda: MemoryTransport(kafka, POLICE), clock)
        self.stop = asyncio.Event()

    async def start(self) -> None:
        service = await self.running.start()
        await asyncio.wait_for(service.parts.reader.caught_up.wait(), 20)
        self.renewal = ManifestRenewal(service, self.running.metrics, self.clock)
        await until(lambda: self.under_key() is not None, self.running)

    async def look(self) -> None:
        await self.renewal.look(self.stop)

    @property
    def version(self) -> int:
        """Version of its newest manifest, by its folder."""
        return load_participant(self.folder, self.clock.now).manifest(self.clock.now).version

    def under_key(self) -> bytes | None:
        """The last record under its key on Kafka."""
        topic = control_topics(founded().deployment).manifests
        (log,) = self.kafka.topics[topic]
        found = [one.value for one in log if one.key == POLICE.encode()]
        return found[-1] if found else None

    def put(self, value: bytes | None) -> None:
        """Another party writes under the police's key."""
        topic = control_topics(founded().deployment).manifests
        (log,) = self.kafka.topics[topic]
        log.append(Record(topic, 0, (), value, len(log), key=POLICE.encode()))

    def alarms(self, code: str) -> float:
        return self.running.metric("alarms_total", code=code)


@pytest.fixture
async def police_renews(
    tmp_path: Path, kafka: MemoryKafka, clock: Clock
) -> AsyncIterator[Renewing]:
    folder = founded().directory(POLICE, tmp_path)
    config = folder / "agency.toml"
    config.write_text(config.read_text() + SETTINGS)
    one = Renewing(folder, kafka, clock)
    await one.start()
    yield one
    await one.running.end()


async def test_it_renews_when_the_manifest_is_ten_days_old(police_renews: Renewing) -> None:
    before = police_renews.version
    police_renews.clock.pass_(RENEW_AFTER_MS - 1000)
    await police_renews.look()
    assert police_renews.version == before
    police_renews.clock.pass_(1000)
    await police_renews.look()
    assert police_renews.version == police_renews.clock.now
    participant = load_participant(police_renews.folder, police_renews.clock.now)
    newest = participant.manifests.newest_verified(POLICE)
    assert newest is not None
    await until(lambda: police_renews.under_key() == newest.raw, police_renews.running)
    await police_renews.look()  # nothing is due now
    assert police_renews.version == newest.manifest.version


async def test_the_running_service_signs_with_the_new_keys(police_renews: Renewing) -> None:
    """The stream keys that end after 90 days have successors, without a person."""
    for _ in range(10):
        police_renews.clock.pass_(RENEW_AFTER_MS)
        await police_renews.look()
    service = police_renews.running.service
    assert service is not None
    now = police_renews.clock.now
    manifest = service.participant.manifest(now)
    for algorithm in ("ed25519", ML_DSA_44):
        service.participant.stream_signer(now, algorithm)
        (first, second) = manifest.keys_of(STREAM, algorithm)[:2]
        assert second.not_before == first.not_after


async def test_a_manifest_of_another_process_comes_first(police_renews: Renewing) -> None:
    """A suspension that only Kafka shows is repeated in the next manifest."""
    clock = police_renews.clock
    clock.pass_(RENEW_AFTER_MS)
    at_once = load_participant(police_renews.folder, clock.now)
    suspend_contract(at_once, founded().contract.name, "dispute", clock.now)
    before = police_renews.version
    await police_renews.look()
    participant = load_participant(police_renews.folder, clock.now)
    assert participant.manifest(clock.now).standing
    assert participant.manifest(clock.now).version >= before


async def test_it_reads_the_topic_to_its_end_before_it_issues(police_renews: Renewing) -> None:
    stolen = thief_issues(police_renews, at=police_renews.clock.now + 9 * DAY)
    police_renews.clock.pass_(RENEW_AFTER_MS)
    taken: list[int] = []
    reader = police_renews.running.service.parts.reader  # type: ignore[union-attr]
    hear = reader.hear_manifests

    async def heard(*arguments: object) -> None:
        police_renews.put(stolen)
        await hear(*arguments)  # type: ignore[arg-type]
        taken.append(police_renews.version)

    reader.hear_manifests = heard  # type: ignore[method-assign]
    await police_renews.look()
    assert taken == [police_renews.version]
    assert police_renews.alarms("manifest_not_ours") == 1


def thief_issues(one: Renewing, *, at: int) -> bytes:
    participant = load_participant(one.folder, at)
    newest = participant.manifests.newest_verified(POLICE)
    assert newest is not None
    signer = participant.manifest_signer()
    return issue_manifest(newest.manifest, ManifestChanges(), signer, at).raw


async def test_after_a_manifest_that_it_did_not_make_it_issues_none(
    police_renews: Renewing,
) -> None:
    clock = police_renews.clock
    clock.pass_(DAY)
    police_renews.put(thief_issues(police_renews, at=clock.now))
    await until(lambda: police_renews.version == clock.now, police_renews.running)
    stolen = police_renews.version
    clock.pass_(RENEW_AFTER_MS)
    await police_renews.look()
    await police_renews.look()
    assert police_renews.version == stolen
    assert police_renews.alarms("manifest_not_ours") == 1
    assert police_renews.running.metric("manifests_not_ours") == 1
    progress = agency_progress(police_renews.folder, clock.now)
    assert progress.stage == "manifest_not_ours"

    # a person's command does not build on it either, and the two ways out work
    loaded = load_participant(police_renews.folder, clock.now)
    assert code_of(lambda: renew_keys(loaded, clock.now), RegistryError) == "manifest_not_ours"
    assert adopt_manifest(police_renews.folder, stolen, clock.now) == ()
    await police_renews.look()
    assert police_renews.version == clock.now
    assert police_renews.running.metric("manifests_not_ours") == 0


async def test_withdrawing_the_manifest_keys_ends_the_stop(police_renews: Renewing) -> None:
    clock = police_renews.clock
    clock.pass_(DAY)
    police_renews.put(thief_issues(police_renews, at=clock.now))
    await until(lambda: police_renews.version == clock.now, police_renews.running)
    clock.pass_(DAY)
    delegated_keys(police_renews.folder, clock.now, withdraw=True)
    service = police_renews.running.service
    assert service is not None
    await service.reload()
    await police_renews.look()
    assert police_renews.running.metric("manifests_not_ours") == 0
    clock.pass_(RENEW_AFTER_MS)
    await police_renews.look()
    assert police_renews.version == clock.now


@pytest.mark.parametrize("value", [None, b"not a manifest"])
async def test_its_own_record_is_put_back(police_renews: Renewing, value: bytes | None) -> None:
    own = police_renews.under_key()
    police_renews.put(value)
    control = police_renews.running.service.parts.control  # type: ignore[union-attr]
    await until(lambda: control.own_record.value == value, police_renews.running)
    await police_renews.look()
    assert police_renews.under_key() == value  # our own may be on its way
    police_renews.clock.pass_(PUT_BACK_AFTER_MS)
    await police_renews.look()
    await until(lambda: police_renews.under_key() == own, police_renews.running)
    assert police_renews.alarms("manifest_displaced") == (value is not None)


async def test_an_older_one_of_its_own_is_replaced_without_an_alarm(
    police_renews: Renewing,
) -> None:
    older = police_renews.under_key()
    police_renews.clock.pass_(RENEW_AFTER_MS)
    await police_renews.look()
    await until(lambda: police_renews.under_key() != older, police_renews.running)
    newest = police_renews.under_key()
    police_renews.put(older)
    control = police_renews.running.service.parts.control  # type: ignore[union-attr]
    await until(lambda: control.own_record.value == older, police_renews.running)
    await police_renews.look()
    police_renews.clock.pass_(PUT_BACK_AFTER_MS)
    await police_renews.look()
    await until(lambda: police_renews.under_key() == newest, police_renews.running)
    assert police_renews.alarms("manifest_displaced") == 0


async def test_a_failure_is_shown_and_tried_again_after_an_hour(police_renews: Renewing) -> None:
    keys = police_renews.folder / "keys"
    for path in keys.glob("manifest-*"):
        path.rename(path.with_suffix(".away"))
    police_renews.clock.pass_(RENEW_AFTER_MS)
    turning = asyncio.create_task(police_renews.renewal.run(police_renews.stop))

    def failing() -> bool:
        return police_renews.running.metric("manifest_renewal_failed", code="key_missing") == 1

    await until(failing, police_renews.running)
    police_renews.stop.set()
    await turning
    police_renews.stop.clear()
    for path in keys.glob("manifest-*.away"):
        path.rename(path.with_suffix(".json"))
    await police_renews.look()
    assert failing()
    police_renews.clock.pass_(3_600_000)
    await police_renews.look()
    assert police_renews.version == police_renews.clock.now
    assert not failing()


async def test_past_the_end_another_agency_must_confirm_the_clock(
    police_renews: Renewing, tmp_path: Path
) -> None:
    """A clock that is years ahead would make a manifest that no reader takes for years."""
    before = police_renews.running.service.participant.manifests.newest(POLICE)  # type: ignore[union-attr]
    assert before is not None
    now = police_renews.clock.now = before.expires + DAY
    await police_renews.look()
    assert load_participant(police_renews.folder, now).manifests.newest(POLICE) == before
    service = police_renews.running.service
    assert service is not None
    assert not service.heard_others_since(now - DAY)
    council = load_participant(founded().directory(COUNCIL, tmp_path), now)
    renew_keys(council, now)
    newest = load_participant(council.root, now).manifests.newest_verified(COUNCIL)
    assert newest is not None
    (log,) = police_renews.kafka.topics[control_topics(founded().deployment).manifests]
    record = Record(control_topics(founded().deployment).manifests, 0, (), newest.raw, len(log))
    log.append(replace(record, key=COUNCIL.encode()))
    transport = MemoryTransport(police_renews.kafka, COUNCIL)
    running = Running(council.root, lambda: transport, police_renews.clock)
    await running.start()
    await until(lambda: service.heard_others_since(now - DAY), running)
    await police_renews.look()
    await running.end()
    assert police_renews.version == now


def test_two_processes_do_not_issue_at_once(tmp_path: Path, clock: Clock) -> None:
    folder = founded().directory(POLICE, tmp_path)
    clock.pass_(DAY)
    first, second = (load_participant(folder, clock.now) for _ in range(2))
    renewed = renew_keys(first, clock.now)
    assert code_of(lambda: renew_keys(second, clock.now + 1), RegistryError) == "manifest_changed"
    again = load_participant(folder, clock.now)
    assert again.manifests.newest_verified(POLICE) == renewed


def test_an_issuer_waits_for_another(tmp_path: Path, clock: Clock) -> None:
    folder = founded().directory(POLICE, tmp_path)
    participant = load_participant(folder, clock.now)
    release = threading.Event()
    held = threading.Event()

    def other() -> None:
        with exclusive(folder / ISSUE_LOCK):
            held.set()
            release.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    held.wait(10)
    threading.Timer(0.1, release.set).start()
    with issuing(participant):
        assert release.is_set()
    thread.join()
