"""Columns for events that the agency's system does not take. Never edited again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the reason, its time and the number of tries, and indexes over what is held."""
    op.add_column("inbox", sa.Column("held_code", sa.String(64)))
    op.add_column("inbox", sa.Column("held_field", sa.String(200)))
    op.add_column("inbox", sa.Column("held_detail", sa.Text))
    op.add_column("inbox", sa.Column("held_ms", sa.BigInteger))
    op.add_column("inbox", sa.Column("holds_case", sa.Boolean))
    op.add_column("inbox", sa.Column("tries", sa.Integer, nullable=False, server_default="0"))
    where = sa.text("held_code IS NOT NULL")
    for name, columns in (("ix_inbox_held", ["seq"]), ("ix_inbox_held_case", ["case_key", "seq"])):
        op.create_index(
            name, "inbox", columns, unique=False, sqlite_where=where, postgresql_where=where
        )
