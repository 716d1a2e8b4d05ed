"""A council whose system subscribes, and its database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from concordant.client import Client, create_tables
from concordant.testing import Partnership, TestAgency
from tests.support.founded_partnership import COUNCIL, POLICE


@pytest.fixture
def council(partnership: Partnership) -> TestAgency:
    return partnership[COUNCIL]


@pytest.fixture
def police(partnership: Partnership) -> TestAgency:
    return partnership[POLICE]


@pytest.fixture
def client(council: TestAgency) -> Client:
    return council.client("dashboard")


@pytest.fixture
def send(police: TestAgency) -> Callable[..., str]:
    """Publishes a valid event from the police to the council; returns its id."""

    def sent(event_type: str = "referral.made") -> str:
        return police.publish(police.example(event_type, [COUNCIL])).id

    return sent


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """The caller's database: its own table, and those of the client."""
    connection = sqlite3.connect(tmp_path / "own.db")
    with connection:
        connection.execute("CREATE TABLE cases (event TEXT NOT NULL)")
        create_tables(connection)
    yield connection
    connection.close()
