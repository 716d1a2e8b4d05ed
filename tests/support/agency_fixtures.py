"""Fixtures of agencies that send and receive over a Kafka in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.founded_partnership import COUNCIL, POLICE, Workshop, workshop
from tests.support.memory_agency import Clock, Office, cluster
from tests.support.memory_control import Desk
from tests.support.memory_kafka import MemoryKafka
from tests.support.sent_records import Log


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kafka() -> MemoryKafka:
    return cluster()


@pytest.fixture
def open_office(
    tmp_path: Path, kafka: MemoryKafka, clock: Clock
) -> Iterator[Callable[[str], Office]]:
    opened: list[Office] = []

    def make(agency: str) -> Office:
        opened.append(Office(agency, tmp_path / f"{len(opened)}.db", kafka, clock))
        return opened[-1]

    yield make
    for one in opened:
        one.store.close()


@pytest.fixture
def police(open_office: Callable[[str], Office]) -> Office:
    return open_office(POLICE)


@pytest.fixture
def council(open_office: Callable[[str], Office]) -> Office:
    return open_office(COUNCIL)


@pytest.fixture
def world() -> Workshop:
    return workshop()


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def desk(council: Office, world: Workshop, tmp_path: Path) -> Desk:
    return Desk(council, world.directory(COUNCIL, tmp_path))
