"""Fixtures of the pages of figures: an agency with cases of this quarter."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.web.people import Role
from adapters.web.serving import WebServer
from broker.figures.counting import last_quarters
from tests.support.recorded_cases import RecordedCases, record_cases
from tests.support.web_visitor import Visitor
from tests.unit.adapters.web.conftest import Clock

CAMDEN, LAMBETH, CITY = "E09000007", "E09000022", "E09000001"


@pytest.fixture
def quarter(time: Clock) -> str:
    return last_quarters(time.now, 1)[0].name


@pytest.fixture
def counted(folder: Path, time: Clock) -> Path:
    """The agency's folder, with 43 cases, three of them in a borough of their own."""
    found = (
        RecordedCases(20, CAMDEN, ["race"]),
        RecordedCases(12, LAMBETH, ["race", "religion"]),
        RecordedCases(8, LAMBETH, ["disability"]),
        RecordedCases(3, CITY, ["disability"]),
        RecordedCases(2, CAMDEN, ["race"], consent=False),
    )
    record_cases(folder, found, time.now)
    return folder


@pytest.fixture
def officer(counted: Path, server: WebServer) -> Visitor:
    assert counted.is_dir()
    return Visitor(server).sign_in(Role.OFFICER)
