"""Migrating an older database with Alembic; imported only when there is something to do.

The whole migration and the new `user_version` are one transaction: SQLite can roll back DDL, so
a crash half-way leaves the old version intact.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection

from broker.errors import StoreError

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(connection: Connection, path: Path, revision: str = "head") -> None:
    """Brings the database behind `connection`, which is in a write transaction, to `revision`.

    Raises:
        StoreError: `store_migration_failed`.
        sqlalchemy.exc.DBAPIError: for the caller to translate.
    """
    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    configuration.attributes["connection"] = connection
    try:
        command.upgrade(configuration, revision)
    except CommandError:
        raise StoreError(
            "the state database cannot be brought to this version",
            code="store_migration_failed",
            where=str(path),
            fix="keep the file as it is and run the version of the software that wrote it",
        ) from None
