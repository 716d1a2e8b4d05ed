"""Sources of a case, and reasons in words, for the disclosure log. Never edited again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make both tables; the sources of a case are those that its log entries name already."""
    op.create_table(
        "case_sources",
        sa.Column("case_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("case_key", "source", name=op.f("pk_case_sources")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_reasons",
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_log_reasons")),
    )
    op.execute(
        "INSERT OR IGNORE INTO case_sources "
        "SELECT case_key, coalesce(json_extract(CAST(entry AS TEXT), '$.source'), '') "
        "FROM disclosures WHERE kind = 'disclosure' AND case_key IS NOT NULL"
    )
