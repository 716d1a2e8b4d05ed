"""Table of the notices that people were sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table; referrals that are open now are told of once."""
    op.create_table(
        "told_notices",
        sa.Column("way", sa.String(16), nullable=False),
        sa.Column("key", sa.String(400), nullable=False),
        sa.Column("told_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("way", "key", name="pk_told_notices"),
    )
