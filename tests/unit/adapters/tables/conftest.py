"""Two agencies with a real PostgreSQL server or an SQLite file each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from adapters.tables.scripts import Dialect
from tests.support.database_agency import (
    DatabaseAgency,
    DatabasePartnership,
    OwnDatabase,
    database_partnership,
)
from tests.support.founded_partnership import COUNCIL, POLICE, founded


@pytest.fixture(params=["postgresql", "sqlite"])
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return cast("Dialect", request.param)


@pytest.fixture
def town(tmp_path: Path, dialect: Dialect) -> Iterator[DatabasePartnership]:
    own = {one: OwnDatabase(dialect, tmp_path / one) for one in (POLICE, COUNCIL)}
    made = database_partnership(tmp_path, founded(), own)
    yield made
    made.close()


@pytest.fixture
def police(town: DatabasePartnership) -> DatabaseAgency:
    return town[POLICE]


@pytest.fixture
def council(town: DatabasePartnership) -> DatabaseAgency:
    return town[COUNCIL]
