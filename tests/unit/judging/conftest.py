"""Lets the tests of this folder import ``workshop``; there are no packages among tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from workshop import Log, Reader, Workshop, workshop


@pytest.fixture(scope="session")
def world() -> Workshop:
    return workshop()


@pytest.fixture
def council() -> Reader:
    return Reader()


@pytest.fixture
def log() -> Log:
    return Log()
