"""Two agencies whose own systems are REST clients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.founded_partnership import COUNCIL, POLICE
from tests.support.http_agency import HttpAgency, HttpPartnership, http_partnership


@pytest.fixture
def town(tmp_path: Path) -> Iterator[HttpPartnership]:
    made = http_partnership(tmp_path, POLICE, COUNCIL)
    yield made
    made.close()


@pytest.fixture
def police(town: HttpPartnership) -> HttpAgency:
    return town[POLICE]


@pytest.fixture
def council(town: HttpPartnership) -> HttpAgency:
    return town[COUNCIL]
