"""Places of the states of a campaign: a SQLite file for each agency, or a schema on a server.

With a server, several adapters of each agency share its state and its folder: one works, the others
wait to take over.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from psycopg import sql
from sqlalchemy import text

from broker.store.database import StatePlace, open_store
from broker.store.moving import exported, move_to_server
from broker.store.place import PostgresPlace
from broker.store.snapshot import snapshot
from tests.support.postgres import OWNER, PASSWORD, PostgresServer

LEASE_MS = 3_000
"""Shorter than in the product, so that a campaign plays more faults."""
_SECTION = """\
[state]
url = "{url}"
password = {{ file = "state-password" }}
"""


class States(Protocol):
    """Place of states, their copies, and the number of adapters that share one.

    Attributes:
        adapters: number of adapters of each agency.
    """

    adapters: int

    def prepare(self, folder: Path) -> None:
        """Write the settings of an agency's folder."""

    def copy(self, place: StatePlace, target: Path) -> None:
        """Copy a state, beside the adapters that use it, into a SQLite file."""

    def restore(self, place: StatePlace, copy: Path) -> None:
        """Put a copy in the place of a state that no adapter uses."""

    def end(self) -> None:
        """Stop what was started."""


class FileStates:
    """A SQLite file for each agency, and one adapter."""

    adapters = 1

    def prepare(self, folder: Path) -> None:
        """See `States`."""

    def copy(self, place: StatePlace, target: Path) -> None:
        """See `States`."""
        assert isinstance(place, Path)
        kept = target.with_suffix(".made")
        with snapshot(place, kept):
            shutil.copy(kept, target)

    def restore(self, place: StatePlace, copy: Path) -> None:
        """See `States`."""
        for ending in ("", "-wal", "-shm"):
            Path(f"{place}{ending}").unlink(missing_ok=True)
        assert isinstance(place, Path)
        shutil.copy(copy, place)

    def end(self) -> None:
        """See `States`."""


class ServerStates:
    """A schema for each agency on a real server, and several adapters that share it."""

    def __init__(self, adapters: int) -> None:
        self.adapters = adapters
        self.server = PostgresServer("max_connections=200")
        self._database = self.server.database()

    def prepare(self, folder: Path) -> None:
        """See `States`."""
        (folder / "state-password").write_text(PASSWORD)
        config = folder / "agency.toml"
        section = _SECTION.format(url=self.server.url(self._database, OWNER))
        before, found, after = config.read_text().partition("[state]\n")
        config.write_text(f"{before}{section}{after}" if found else f"{before}\n{section}")

    def copy(self, place: StatePlace, target: Path) -> None:
        """See `States`."""
        assert isinstance(place, PostgresPlace)
        kept = target.with_suffix(".made")
        with exported(place, kept):
            shutil.copy(kept, target)

    def restore(self, place: StatePlace, copy: Path) -> None:
        """See `States`."""
        assert isinstance(place, PostgresPlace)
        with self.server.owner(self._database) as connection:
            connection.execute(
                sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(place.schema))
            )
        moved = copy.with_suffix(".moved")
        shutil.copy(copy, moved)
        move_to_server(moved, place)

    def crash(self, meanwhile: Callable[[], None]) -> None:
        """End the server as a power cut does, and start it again."""
        self.server.stop(signal.SIGQUIT)
        meanwhile()
        self.server.start()

    def end(self) -> None:
        """See `States`."""
        self.server.end()


def number_in(place: StatePlace, asked: str, **values: str) -> int | None:
    """Return the number that a statement of one row and one column gives."""
    store = open_store(place)
    try:
        with store._engine.connect() as connection:
            found = connection.execute(text(asked), values).scalar()
    finally:
        store.close()
    return None if found is None else int(found)
