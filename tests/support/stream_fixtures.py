"""Fixtures of the two ends of a stream: its sender, and a reader that remembers."""

from __future__ import annotations

import pytest

from tests.support.stream_world import MemoryHistory, SenderLog, StreamReader


@pytest.fixture
def sender() -> SenderLog:
    return SenderLog()


@pytest.fixture
def reader() -> StreamReader:
    return StreamReader()


@pytest.fixture
def history() -> MemoryHistory:
    return MemoryHistory()
