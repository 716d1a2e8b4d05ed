"""Events of the outbox that have to be sealed again. Never edited again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add why and since when an event has to be sealed again, and an index over those events."""
    op.add_column("outbox", sa.Column("held_code", sa.String(length=64)))
    op.add_column("outbox", sa.Column("held_ms", sa.BigInteger()))
    op.create_index(
        "ix_outbox_held",
        "outbox",
        ["held_ms"],
        unique=False,
        sqlite_where=sa.text("held_code IS NOT NULL"),
        postgresql_where=sa.text("held_code IS NOT NULL"),
    )
