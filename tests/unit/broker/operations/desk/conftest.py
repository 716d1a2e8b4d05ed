"""Desks of the police, a council and a charity."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.trial_agencies import london_agencies
from tests.support.desk_partnership import DeskPartnership, desk_partnership
from tests.support.founded_partnership import (
    COUNCIL,
    POLICE,
    SUPPORT,
    FoundedPartnership,
    found_with,
)
from tests.support.founding import cheap_scrypt


@pytest.fixture(scope="package")
def town() -> FoundedPartnership:
    plans = [plan for plan in london_agencies() if plan.id in (POLICE, COUNCIL, SUPPORT)]
    with cheap_scrypt():
        return found_with(plans)


@pytest.fixture
def desks(town: FoundedPartnership, tmp_path: Path) -> Iterator[DeskPartnership]:
    made = desk_partnership(town, tmp_path)
    yield made
    made.close()
