"""Table of what agencies offer, for the directory."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "listings",
        sa.Column("agency", sa.String(63), nullable=False),
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.LargeBinary()),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("agency", name="pk_listings"),
    )
