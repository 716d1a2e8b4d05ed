"""Schema version: a new database is created directly, an older one is migrated.

A mark (in SQLite `PRAGMA user_version`) shows in one read whether the schema is current, so that
commands which must answer within a second never import Alembic. Alembic's own version table is
updated too, and migrations use it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, text

from broker.errors import StoreError
from broker.store.all_tables import ALL_TABLES
from broker.store.backend import Backend

FIRST_SCHEMA_VERSION = 13
"""The schema of the first release. Versions 1 to 12 were never released (ADR 0041)."""

SCHEMA_VERSION = 24
"""Stored in the mark of the database; each migration increases it by one."""

REVISION = "0013"
"""The Alembic revision that corresponds to SCHEMA_VERSION."""

APPLICATION_ID = 0x436F6E63
"""SQLite's ``application_id`` ("Conc"), so that another program's file is not mistaken for ours."""


class SchemaVersion(Protocol):
    """The mark in a database that says whose it is and which schema it has."""

    def read(self, connection: Connection) -> FoundVersion:
        """Read the mark."""
        ...

    def create(self, connection: Connection) -> None:
        """Mark an empty database as ours."""
        ...

    def write(self, connection: Connection, version: int) -> None:
        """Write the version."""
        ...


@dataclass(frozen=True, slots=True)
class FoundVersion:
    """The mark of a database.

    Attributes:
        version: number of the schema; 0 for an empty database.
        ours: whether this software made it, for this agency.
        tables: number of tables and indexes.
    """

    version: int
    ours: bool
    tables: int


class SqliteVersion:
    """The mark of a SQLite file: `user_version` and `application_id`."""

    def read(self, connection: Connection) -> FoundVersion:
        """Read the mark."""
        version: int = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        application: int = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
        tables: int = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one()
        return FoundVersion(version, application == APPLICATION_ID, tables)

    def create(self, connection: Connection) -> None:
        """Mark an empty file as ours."""
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")

    def write(self, connection: Connection, version: int) -> None:
        """Write the version."""
        connection.exec_driver_sql(f"PRAGMA user_version = {version}")


def make_current(held: Backend, mark: SchemaVersion, where: str) -> None:
    """Bring the database to SCHEMA_VERSION.

    Raises:
        StoreError: `store_newer`, `store_unreleased`, `store_corrupt` (another program's database),
            `store_migration_failed`, or the database cannot be used.
    """
    with held.reading() as connection:
        if _version(mark.read(connection), where) == SCHEMA_VERSION:
            return
    with held.writing() as connection:
        # check again: another process may have done it first
        version = _version(mark.read(connection), where)
        if version == SCHEMA_VERSION:
            return
        if version == 0:
            mark.create(connection)
            _create(connection)
        else:
            from broker.store.migration import migrate

            migrate(connection, where)
        mark.write(connection, SCHEMA_VERSION)


def _version(found: FoundVersion, where: str) -> int:
    version = found.version
    if version > SCHEMA_VERSION and found.ours:
        raise StoreError(
            f"a newer version of this software wrote the state database (schema {version}, "
            f"this one knows {SCHEMA_VERSION})",
            code="store_newer",
            where=where,
            fix="Run the newer version, or restore a backup from before it ran.",
        )
    if 0 < version < FIRST_SCHEMA_VERSION and found.ours:
        raise StoreError(
            "a version from before the first release wrote the state database (schema "
            f"{version}; the first release has schema {FIRST_SCHEMA_VERSION})",
            code="store_unreleased",
            where=where,
            fix="Set the trial partnership up again in new folders; only the version that wrote "
            "this file can read it.",
        )
    if not found.ours and (found.tables or version):
        raise StoreError(
            "the state database belongs to another program or another agency",
            code="store_corrupt",
            where=where,
            fix="Point `state` in agency.toml at this agency's own database.",
        )
    return version


def _create(connection: Connection) -> None:
    ALL_TABLES.create_all(connection, checkfirst=False)
    connection.exec_driver_sql(
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
        "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
    )
    connection.execute(
        text("INSERT INTO alembic_version (version_num) VALUES (:number)"), {"number": REVISION}
    )
