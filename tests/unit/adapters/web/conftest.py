"""Fixtures of the web application: the pages of one agency of a founded partnership."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.web.serving import WebServer
from broker.clock import now_ms
from tests.support.web_visitor import Visitor

AGENCY = "haven-support"


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def time() -> Clock:
    return Clock(now_ms())


@pytest.fixture
def folder(root: Path) -> Path:
    return root / AGENCY


@pytest.fixture
def server(folder: Path, time: Clock) -> Iterator[WebServer]:
    server = WebServer(folder, time, "127.0.0.1", 0)
    yield server
    server.close()


@pytest.fixture
def visitor(server: WebServer) -> Visitor:
    return Visitor(server)
