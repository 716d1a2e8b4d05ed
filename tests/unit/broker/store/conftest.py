from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.store.database import Store, open_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "concordant.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = open_store(path)
    yield opened
    opened.close()
