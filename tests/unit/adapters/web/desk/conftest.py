"""Desks of the police, a council and a charity, with their pages over the same state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.trial_agencies import london_agencies
from adapters.web.people import Role
from adapters.web.serving import WebServer
from tests.support.desk_partnership import DeskPartnership, desk_partnership
from tests.support.founded_partnership import (
    COUNCIL,
    POLICE,
    SUPPORT,
    FoundedPartnership,
    found_with,
)
from tests.support.web_visitor import Visitor

Opened = Callable[..., Visitor]


@pytest.fixture(scope="package")
def town() -> FoundedPartnership:
    plans = [plan for plan in london_agencies() if plan.id in (POLICE, COUNCIL, SUPPORT)]
    return found_with(plans)


@pytest.fixture
def folders(town: FoundedPartnership, tmp_path: Path) -> dict[str, Path]:
    """Copy the folders; each adapter has the kind `desk` and its state where the test has it."""
    found = {}
    for agency in (POLICE, COUNCIL, SUPPORT):
        found[agency] = town.directory(agency, tmp_path / "folders")
        settings = found[agency] / "agency.toml"
        text = settings.read_text()
        kind = next(line for line in text.splitlines() if line.startswith("kind = "))
        text = text.replace(kind, 'kind = "desk"')
        settings.write_text(text.replace("state/concordant.db", str(tmp_path / f"{agency}.db")))
    return found


@pytest.fixture
def desks(town: FoundedPartnership, tmp_path: Path) -> Iterator[DeskPartnership]:
    made = desk_partnership(town, tmp_path)
    yield made
    made.close()


@pytest.fixture
def opened(desks: DeskPartnership, folders: dict[str, Path]) -> Iterator[Opened]:
    """Return a browser that has signed in at an agency's pages."""
    servers: dict[str, WebServer] = {}

    def visitor(agency: str, *roles: Role) -> Visitor:
        if agency not in servers:
            servers[agency] = WebServer(folders[agency], desks.clock, "127.0.0.1", 0)
        return Visitor(servers[agency]).sign_in(*(roles or (Role.CASEWORKER,)))

    yield visitor
    for server in servers.values():
        server.close()
