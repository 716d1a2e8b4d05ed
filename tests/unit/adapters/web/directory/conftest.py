"""Fixtures of the directory's pages: the police, a council and a charity, with listings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.web.serving import WebServer
from broker.agency.participant import load_participant
from broker.directory.listing_file import FILE_NAME
from broker.operations.directory.publishing import (
    StatedCapacity,
    publish_listing,
    state_capacity,
)
from broker.store.database import open_store
from tests.support.founded_partnership import NOW, POLICE, SUPPORT, founded
from tests.support.held_listing import hold_listing, own_content
from tests.support.listings import FILE
from tests.support.web_visitor import Visitor
from tests.unit.adapters.web.conftest import Clock

Person = Callable[..., Visitor]


@pytest.fixture
def time() -> Clock:
    return Clock(NOW + 1)


@pytest.fixture
def charity(tmp_path: Path) -> Path:
    """The charity has published two services; one has four places."""
    folder = founded().directory(SUPPORT, tmp_path)
    (folder / FILE_NAME).write_text(FILE)
    (folder / "state").mkdir(exist_ok=True)
    open_store(folder / "state" / "concordant.db").close()
    publish_listing(folder, NOW)
    state_capacity(folder, "emotional-support", StatedCapacity("capacity", places=4), NOW)
    return folder


@pytest.fixture
def police(charity: Path, tmp_path: Path) -> Path:
    """The police hold the charity's listing, and know an agency that is not connected."""
    folder = founded().directory(POLICE, tmp_path)
    (folder / FILE_NAME).write_text(FILE)
    hold_listing(folder, load_participant(charity, NOW), own_content(charity, NOW), NOW)
    return folder


@pytest.fixture
def at(time: Clock) -> Iterator[Callable[[Path], Person]]:
    """Return people at the pages of a folder."""
    servers: list[WebServer] = []

    def pages(folder: Path) -> Person:
        servers.append(WebServer(folder, time, "127.0.0.1", 0))
        return lambda *roles: Visitor(servers[-1]).sign_in(*roles)

    yield pages
    for server in servers:
        server.close()
