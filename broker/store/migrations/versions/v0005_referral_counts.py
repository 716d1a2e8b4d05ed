"""Indexes for the numbers of open referrals of each partner, and of cancelled ones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the indexes."""
    op.create_index(
        "ix_referrals_partner",
        "referrals",
        ["role", "counterparty"],
        sqlite_where=sa.text("closed_ms IS NULL"),
    )
    op.create_index(
        "ix_referrals_ended",
        "referrals",
        ["status"],
        sqlite_where=sa.text("closed_ms IS NOT NULL"),
    )
