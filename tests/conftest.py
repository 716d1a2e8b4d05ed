"""Distribution of the suite over processes by `make test` (pytest-xdist).

A file stays together, so that the fixtures of a module are made once. All that runs with a real
Kafka stays together too: one Kafka serves it, and two would take each other's processor time. It
takes longest and begins first; files with other real servers or many processes follow, and short
files come last, so that all processes end together. (xdist's own `--dist loadgroup` does not see
its marks under pytest 9.2.)
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.support.key_derivation import scrypt_once
from tests.vectors.large import make as make_large_vectors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[1]
LONG = ("tests/integration/", "tests/acceptance/", "tests/fault/")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--state",
        choices=["sqlite", "postgresql"],
        default="sqlite",
        help="the database of every state that tests open by a path",
    )


def pytest_configure() -> None:
    """Make the large test vectors, which are not kept in the repository.

    An example may take as long as it takes: a busy machine is no fault.
    """
    list(make_large_vectors())
    settings.register_profile("any-machine", deadline=None)
    settings.load_profile("any-machine")


@pytest.fixture(scope="session", autouse=True)
def _scrypt_once() -> Iterator[None]:
    """Commands open copies of one agency's keys hundreds of times."""
    with scrypt_once():
        yield


@pytest.fixture(scope="session", autouse=True)
def _state(request: pytest.FixtureRequest) -> Iterator[None]:
    """With ``--state postgresql``, each path of a state stands for a schema of a real server."""
    if request.config.getoption("--state") == "sqlite":
        yield
        return
    from tests.support.state_places import paths_on_server

    with paths_on_server():
        yield


@pytest.fixture
def needs_file(request: pytest.FixtureRequest) -> None:
    """Skip a test that is about the SQLite file itself."""
    if request.config.getoption("--state") != "sqlite":
        pytest.skip("about the SQLite file")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_turn)  # stable: within a file the order stays


def _turn(item: pytest.Item) -> int:
    file = _file(item.nodeid)
    if _shares_kafka(file):
        return 0
    return 1 if file.startswith(LONG) or item.get_closest_marker("slow") else 2


def _file(nodeid: str) -> str:
    return nodeid.split("::", 1)[0]


@cache
def _shares_kafka(file: str) -> bool:
    """Return True for a file of ``LONG`` with the mark `kafka`.

    xdist asks where nothing is collected, so the text of the file answers.
    """
    return file.startswith(LONG) and "pytest.mark.kafka" in (ROOT / file).read_text()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = _file(nodeid)
            return "kafka" if _shares_kafka(file) else file

    return Scheduling(config, log)
