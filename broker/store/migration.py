"""Alembic migration of an older database; imported only when it is needed.

The whole migration and the new schema version are one transaction. SQLite and PostgreSQL can roll
back DDL, so a crash leaves the old version intact.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection

from broker.errors import StoreError

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(connection: Connection, where: str) -> None:
    """Migrate the database of `connection`, in its write transaction, to the newest revision.

    Raises:
        StoreError: `store_migration_failed`.
        sqlalchemy.exc.DBAPIError: for the caller to translate.
    """
    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    configuration.attributes["connection"] = connection
    try:
        command.upgrade(configuration, "head")
    except CommandError:
        raise StoreError(
            "the state database cannot be migrated to this version",
            code="store_migration_failed",
            where=where,
            fix="Keep a copy of the database and run the version of the software that wrote it.",
        ) from None
