"""A state as a later version of the software leaves it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from broker.store.versions import SCHEMA_VERSION


def make_newer(folder: Path) -> Path:
    """Give an agency's state a schema that this version does not know; return its file."""
    path = folder / "state/concordant.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE later (x INTEGER)")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        connection.commit()
    return path
