"""The baseline: the schema of 0.1.0. A later migration names it as `down_revision`.

A file without tables is never migrated: it is made from `ALL_TABLES` at once and gets the newest
revision. `schema.sql` beside the tests of the store holds it, so that no table changes unnoticed.
"""

from __future__ import annotations

from alembic.util.exc import CommandError

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Refuse a file that has no tables but names a version: another program emptied it."""
    raise CommandError("no released file is older than the baseline")
