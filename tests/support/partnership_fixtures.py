"""Fixtures of one partnership made once; each test that changes something works on a copy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.trial_partnership import TrialPartnership
from broker.agency.participant import Participant, load_participant
from tests.support.trial_folder import trial_partnership

NOW = 1_762_000_000_000


@pytest.fixture
def now() -> int:
    return NOW


@pytest.fixture(scope="session")
def founded() -> TrialPartnership:
    return trial_partnership(NOW)


@pytest.fixture
def partnership(founded: TrialPartnership, tmp_path: Path) -> TrialPartnership:
    root = tmp_path / "copy"
    shutil.copytree(founded.root, root)
    return TrialPartnership(root, founded.agencies, founded.authority)


@pytest.fixture
def load(partnership: TrialPartnership) -> Callable[..., Participant]:
    def act(agency: str = "csu-camden", now: int = NOW, **options: bool) -> Participant:
        return load_participant(partnership.directory(agency), now, **options)

    return act
