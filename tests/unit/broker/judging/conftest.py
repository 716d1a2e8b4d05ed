"""Fixtures of a partnership whose records are judged."""

from __future__ import annotations

from datetime import timedelta

import pytest

from broker.registry.contracts import SignedContract
from tests.support.forged_events import draft_event
from tests.support.founded_partnership import COUNCIL, TODAY, FoundedPartnership, founded
from tests.support.judging_agency import Reader
from tests.support.sent_records import Log


@pytest.fixture(scope="session")
def world() -> FoundedPartnership:
    return founded()


@pytest.fixture
def council() -> Reader:
    return Reader()


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture(scope="session")
def short(world: FoundedPartnership) -> SignedContract:
    """A contract that ends tomorrow."""
    return world.another_contract(ends=TODAY + timedelta(days=1))


@pytest.fixture
def hidden() -> int:
    """A group that the support service reads and the council does not."""
    return draft_event().may_read[COUNCIL].index(False)


@pytest.fixture
def mine() -> int:
    """A group beside group 0 that the council reads."""
    return draft_event().may_read[COUNCIL].index(True, 1)
