"""Tables for unions of cases over agencies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Create the tables; tokens are made of cases that are seen from now on."""
    op.create_table(
        "union_cases",
        sa.Column("case_key", sa.LargeBinary(32), nullable=False),
        sa.Column("agreement", sa.String(63), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("case_key", name="pk_union_cases"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_union_cases_seen", "union_cases", ["agreement", "seen_ms"])
    op.create_table(
        "union_statements",
        sa.Column("agreement", sa.String(63), nullable=False),
        sa.Column("period", sa.String(7), nullable=False),
        sa.Column("part", sa.String(6), nullable=False),
        sa.Column("agency", sa.String(63), nullable=False),
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint(
            "agreement", "period", "part", "agency", name="pk_union_statements"
        ),
    )
