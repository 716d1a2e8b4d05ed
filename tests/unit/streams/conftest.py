"""Lets the tests of this folder import ``stream_world``; there are no packages among tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from stream_world import MemoryHistory, SenderLog, StreamReader


@pytest.fixture
def sender() -> SenderLog:
    return SenderLog()


@pytest.fixture
def reader() -> StreamReader:
    return StreamReader()


@pytest.fixture
def recall() -> MemoryHistory:
    return MemoryHistory()
