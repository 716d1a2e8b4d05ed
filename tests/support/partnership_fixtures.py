"""Fixtures of one partnership made once; each test that changes something works on a copy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.trial_partnership import Partnership, create_partnership
from broker.agency.participant import Participant, load_participant

NOW = 1_762_000_000_000


@pytest.fixture
def now() -> int:
    return NOW


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Partnership:
    return create_partnership(tmp_path_factory.mktemp("partnership"), NOW)


@pytest.fixture
def partnership(founded: Partnership, tmp_path: Path) -> Partnership:
    root = tmp_path / "copy"
    shutil.copytree(founded.root, root)
    return Partnership(root, founded.agencies, founded.authority)


@pytest.fixture
def load(partnership: Partnership) -> Callable[..., Participant]:
    def act(agency: str = "csu-camden", now: int = NOW, **options: bool) -> Participant:
        return load_participant(partnership.directory(agency), now, **options)

    return act
