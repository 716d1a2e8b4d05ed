"""State databases: a SQLite file, and for what both databases promise also a PostgreSQL schema."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.store.database import StatePlace, Store, open_store
from tests.support.state_places import empty_place, require_postgres


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "concordant.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, path: Path) -> StatePlace:
    if request.param == "sqlite":
        return path
    require_postgres()
    return empty_place()


@pytest.fixture
def store(place: StatePlace) -> Iterator[Store]:
    opened = open_store(place)
    yield opened
    opened.close()
