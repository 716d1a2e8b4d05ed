"""Baseline migration: the schema of 0.1.0. A later migration names it as `down_revision`.

A file without tables is never migrated: it is made from `ALL_TABLES` and gets the newest revision.
The tests compare the schema with their `schema.sql`, so that no table changes unnoticed.
"""

from __future__ import annotations

from alembic.util.exc import CommandError

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Refuse a file that has no tables but names a version: another program emptied it."""
    raise CommandError("no released file is older than the baseline")
