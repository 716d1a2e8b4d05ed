"""Listings of three running services over a Kafka in memory."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from broker.agency.participant import load_participant
from broker.control.own_listing import PAUSE_MS
from broker.operations.directory.held_listings import HeldListings, all_listings
from broker.operations.directory.publishing import (
    StatedCapacity,
    publish_listing,
    state_capacity,
)
from broker.service import service
from broker.transport.topics import control_topics
from tests.integration.service_story import Running, cluster_of, create_agencies, until
from tests.support.listings import FILE
from tests.support.memory_kafka import MemoryKafka, MemoryTransport

POLICE, COUNCIL, SUPPORT = "csu-camden", "council-camden", "haven-support"
CAST = (POLICE, COUNCIL, SUPPORT)


@dataclass
class Clock:
    """The real clock, and what a test adds to it."""

    ahead_ms: int = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(service, "LISTING_EVERY_S", 0.05)
    return Clock()


@pytest.fixture
def root(tmp_path: Path, clock: Clock) -> Path:
    create_agencies(tmp_path / "p", CAST, clock())
    return tmp_path / "p"


@pytest.fixture
def kafka(root: Path, clock: Clock) -> MemoryKafka:
    return cluster_of(root, CAST, clock())


async def test_partners_read_what_an_agency_offers_and_its_newest_capacity(
    root: Path, kafka: MemoryKafka, clock: Clock
) -> None:
    def running(agency: str) -> Running:
        return Running(root / agency, lambda: MemoryTransport(kafka, agency), clock)

    def held(reader: str) -> HeldListings:
        return all_listings(root / reader, clock())

    def services(reader: str) -> list[str]:
        found = {one.agency: one.listing for one in held(reader).held}
        return sorted(found[SUPPORT].services) if SUPPORT in found else []

    def state(reader: str) -> str | None:
        found = {one.agency: one.listing for one in held(reader).held}
        capacity = found[SUPPORT].services["emotional-support"].partners.capacity
        return None if capacity is None else capacity.state

    police, support = running(POLICE), running(SUPPORT)
    await support.start()
    await police.start()
    await until(lambda: SUPPORT not in held(POLICE).silent, police, support)
    assert services(POLICE) == []  # its software alone has spoken
    (root / SUPPORT / "directory.yaml").write_text(FILE)
    publish_listing(root / SUPPORT, clock())
    clock.ahead_ms += PAUSE_MS
    await until(lambda: services(POLICE) == ["emotional-support", "safe-home"], police, support)
    assert state(POLICE) is None

    await police.kill()  # what it took, it still has; what comes meanwhile, it reads later
    stated = StatedCapacity("waitlist", 3)
    state_capacity(root / SUPPORT, "emotional-support", stated, clock())
    clock.ahead_ms += PAUSE_MS
    council = running(COUNCIL)  # a reader that comes late
    await council.start()
    await until(lambda: bool(services(COUNCIL)) and state(COUNCIL) == "waitlist", council, support)
    assert services(POLICE) == ["emotional-support", "safe-home"]
    assert state(POLICE) is None
    police = running(POLICE)
    await police.start()
    await until(lambda: state(POLICE) == "waitlist", police, support)

    topic = control_topics(load_participant(root / POLICE, clock()).deployment).receipts
    on_kafka = b"".join(one.value or b"" for one in kafka.topics[topic][0])
    assert b"waitlist" not in on_kafka  # the host of Kafka reads nothing of it
    assert b"Refer over Concordant" not in on_kafka
    for one in (police, council, support):
        await one.end()
