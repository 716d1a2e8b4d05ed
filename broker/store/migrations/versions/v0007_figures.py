"""Tables of the cases that figures count, and of facts about them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create the tables; a case that is known now is not counted, because its quarter is not."""
    op.create_table(
        "figure_cases",
        sa.Column("case_key", sa.LargeBinary(32), nullable=False),
        sa.Column("agreement", sa.String(63)),
        sa.Column("minted_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("case_key", name="pk_figure_cases"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_figure_cases_minted",
        "figure_cases",
        ["agreement", "minted_ms"],
        sqlite_where=sa.text("minted_ms IS NOT NULL"),
    )
    op.create_table(
        "figure_facts",
        sa.Column("case_key", sa.LargeBinary(32), nullable=False),
        sa.Column("source", sa.String(200), nullable=False),
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("case_key", "source", "event_id", name="pk_figure_facts"),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO figure_cases (case_key) SELECT DISTINCT case_key FROM case_sources")
