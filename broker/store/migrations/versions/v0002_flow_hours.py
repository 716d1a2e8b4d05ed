"""Table of the events of each hour, for the plots of throughput and delay."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table; the figures of earlier hours are unknown."""
    op.create_table(
        "flow_hours",
        sa.Column("hour_ms", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("published", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("lags", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("hour_ms", name="pk_flow_hours"),
    )
