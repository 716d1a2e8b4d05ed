"""An index over the receipts of each cosigner by time. Never edited again."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the index: the oldest go first where one cosigner's are too many."""
    op.create_index("ix_receipts_cosigner_time", "receipts", ["cosigner", "time_s"], unique=False)
