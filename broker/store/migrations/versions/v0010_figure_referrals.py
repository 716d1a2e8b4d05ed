"""Tables of the referrals that figures count, and of facts about them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0008"


def upgrade() -> None:
    """Create the tables; a referral that was sent before is not counted."""
    op.create_table(
        "figure_referrals",
        sa.Column("case_key", sa.LargeBinary(32), nullable=False),
        sa.Column("agreement", sa.String(63), nullable=False),
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.Column("sent_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("case_key", "agreement", "event_id", name="pk_figure_referrals"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_figure_referrals_sent", "figure_referrals", ["agreement", "sent_ms"])
    op.create_table(
        "figure_referral_facts",
        sa.Column("case_key", sa.LargeBinary(32), nullable=False),
        sa.Column("agreement", sa.String(63), nullable=False),
        sa.Column("source", sa.String(200), nullable=False),
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint(
            "case_key", "agreement", "source", "event_id", name="pk_figure_referral_facts"
        ),
        sqlite_with_rowid=False,
    )
