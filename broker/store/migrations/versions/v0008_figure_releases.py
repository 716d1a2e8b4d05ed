"""Table of the releases of figures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Create the table; nothing was published before it."""
    op.create_table(
        "figure_releases",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("agreement", sa.String(63), nullable=False),
        sa.Column("period", sa.String(7), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_figure_releases"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_figure_releases_period", "figure_releases", ["agreement", "period", "number"]
    )
