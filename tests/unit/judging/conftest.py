"""Lets the tests of this folder import ``workshop`` and its neighbours: tests have no packages."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from drafts import draft_event
from readers import Reader
from sent_records import Log
from workshop import COUNCIL, TODAY, Workshop, workshop

from broker.registry.contracts import SignedContract


@pytest.fixture(scope="session")
def world() -> Workshop:
    return workshop()


@pytest.fixture
def council() -> Reader:
    return Reader()


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture(scope="session")
def short(world: Workshop) -> SignedContract:
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
