"""Schema version: a new file is created directly, an older one is migrated.

`PRAGMA user_version` shows in one read whether the schema is current, so that commands which must
answer within a second never import Alembic. Alembic's own version table is updated too, and
migrations use it.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine

from broker.errors import StoreError
from broker.store.all_tables import ALL_TABLES

FIRST_SCHEMA_VERSION = 13
"""The schema of the first release. Versions 1 to 12 were never released (ADR 0041)."""

SCHEMA_VERSION = 23
"""Stored in SQLite's ``user_version``; each migration increases it by one."""

REVISION = "0012"
"""The Alembic revision that corresponds to SCHEMA_VERSION."""

APPLICATION_ID = 0x436F6E63
"""SQLite's ``application_id`` ("Conc"), so that another program's file is not mistaken for ours."""


def make_current(engine: Engine, path: Path) -> None:
    """Bring the database to SCHEMA_VERSION.

    Raises:
        StoreError: `store_newer`, `store_unreleased`, `store_corrupt` (another program's file) or
            `store_migration_failed`.
        sqlalchemy.exc.DBAPIError: for the caller to translate.
    """
    with engine.connect() as connection:
        if _version(connection, path) == SCHEMA_VERSION:
            return
    writing = engine.execution_options(concordant_writes=True)
    with writing.begin() as connection:
        version = _version(connection, path)  # check again: another process may have done it first
        if version == SCHEMA_VERSION:
            return
        if version == 0:
            _create(connection)
        else:
            from broker.store.migration import migrate

            migrate(connection, path)
        connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _version(connection: Connection, path: Path) -> int:
    version: int = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    application: int = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
    tables: int = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one()
    if version > SCHEMA_VERSION and application == APPLICATION_ID:
        raise StoreError(
            f"a newer version of this software wrote the state database (schema {version}, "
            f"this one knows {SCHEMA_VERSION})",
            code="store_newer",
            where=str(path),
            fix="run the newer version, or restore a backup from before it ran",
        )
    if 0 < version < FIRST_SCHEMA_VERSION and application == APPLICATION_ID:
        raise StoreError(
            "a version from before the first release wrote the state database (schema "
            f"{version}; the first release has schema {FIRST_SCHEMA_VERSION})",
            code="store_unreleased",
            where=str(path),
            fix="set the trial partnership up again in new folders; only the version that wrote "
            "this file can read it",
        )
    if application != APPLICATION_ID and (tables or version):
        raise StoreError(
            "the file is a database of another program",
            code="store_corrupt",
            where=str(path),
            fix="point `state` in agency.toml at this agency's own database",
        )
    return version


def _create(connection: Connection) -> None:
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
    ALL_TABLES.create_all(connection, checkfirst=False)
    connection.exec_driver_sql(
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
        "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
    )
    connection.exec_driver_sql("INSERT INTO alembic_version (version_num) VALUES (?)", (REVISION,))
