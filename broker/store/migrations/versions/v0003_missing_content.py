"""An index over the leaves whose content did not come. Never edited again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the index: receipts and the watch ask for these few among all leaves."""
    where = sa.text("status = 'content_missing'")
    op.create_index(
        "ix_reader_leaves_content_missing",
        "reader_leaves",
        ["generation_id", "idx"],
        unique=False,
        sqlite_where=where,
        postgresql_where=where,
    )
