"""Fixture of a watched folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.adapters.sources.watched_folder import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)
