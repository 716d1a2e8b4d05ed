"""Fixture of a watched folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.adapters.sources.watched_folder import WatchedFolder


@pytest.fixture
def watched(tmp_path: Path) -> WatchedFolder:
    return WatchedFolder(tmp_path)
