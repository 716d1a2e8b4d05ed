"""Discarded events, and the size of each refused record. Never edited again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add when and why an event was held that a person discarded; count what each record takes.

    Records that are no longer held lose their bytes: they were opened, or are in the inbox.
    """
    op.add_column("inbox", sa.Column("discarded_code", sa.String(length=64)))
    op.add_column("inbox", sa.Column("discarded_ms", sa.BigInteger()))
    op.create_index(
        "ix_inbox_discarded",
        "inbox",
        ["seq"],
        unique=False,
        sqlite_where=sa.text("discarded_ms IS NOT NULL"),
        postgresql_where=sa.text("discarded_ms IS NOT NULL"),
    )
    size = sa.Column("bytes", sa.BigInteger(), server_default="0", nullable=False)
    op.add_column("quarantine", size)
    op.execute("UPDATE quarantine SET bytes = length(value) + length(headers_json)")
    op.execute("UPDATE quarantine SET value = x'' WHERE status <> 'held'")
    op.drop_index("ix_quarantine_status", "quarantine")
    op.create_index(
        "ix_quarantine_status", "quarantine", ["status", "agency", "bytes"], unique=False
    )
