"""What most tests here begin with; they import this folder's modules and the judging tests'."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "judging"))
sys.path.insert(0, str(Path(__file__).parent))

from desk import Desk
from office import Clock, Office, cluster
from sent_records import Log
from workshop import COUNCIL, POLICE, Workshop, workshop

from tests.support.memory_kafka import MemoryKafka


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
