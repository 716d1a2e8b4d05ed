"""Fixtures of agencies that send and receive over a Kafka in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.founded_partnership import COUNCIL, POLICE, FoundedPartnership, founded
from tests.support.memory_agency import Clock, MemoryAgency, cluster
from tests.support.memory_control import ControlNode
from tests.support.memory_kafka import MemoryKafka
from tests.support.sent_records import Log


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kafka() -> MemoryKafka:
    return cluster()


@pytest.fixture
def open_member(
    tmp_path: Path, kafka: MemoryKafka, clock: Clock
) -> Iterator[Callable[[str], MemoryAgency]]:
    opened: list[MemoryAgency] = []

    def make(agency: str) -> MemoryAgency:
        opened.append(MemoryAgency(agency, tmp_path / f"{len(opened)}.db", kafka, clock))
        return opened[-1]

    yield make
    for one in opened:
        one.store.close()


@pytest.fixture
def police(open_member: Callable[[str], MemoryAgency]) -> MemoryAgency:
    return open_member(POLICE)


@pytest.fixture
def council(open_member: Callable[[str], MemoryAgency]) -> MemoryAgency:
    return open_member(COUNCIL)


@pytest.fixture
def world() -> FoundedPartnership:
    return founded()


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def node(council: MemoryAgency, world: FoundedPartnership, tmp_path: Path) -> ControlNode:
    return ControlNode(council, world.directory(COUNCIL, tmp_path))
