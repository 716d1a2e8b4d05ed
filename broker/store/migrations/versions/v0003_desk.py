"""Tables of the desk, and the order in which people read lists of referrals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_DUE = (
    "min(coalesce(acknowledge_by_ms, 4611686018427387904), "
    "coalesce(respond_by_ms, 4611686018427387904))"
)


def upgrade() -> None:
    """Create the tables and indexes; events that came before are not kept for a desk."""
    _events()
    _referrals()
    _drafts()
    op.create_index(
        "ix_referrals_due",
        "referrals",
        ["role", sa.text(_DUE), "referral_id"],
        sqlite_where=sa.text("closed_ms IS NULL"),
    )
    op.create_index(
        "ix_referrals_closed",
        "referrals",
        ["role", "closed_ms", "referral_id"],
        sqlite_where=sa.text("closed_ms IS NOT NULL"),
    )


def _events() -> None:
    op.create_table(
        "desk_events",
        sa.Column("seq", sa.Integer(), nullable=False, autoincrement=True),
        sa.Column("source", sa.String(200), nullable=False),
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.Column("type", sa.String(100), nullable=False),
        sa.Column("case_key", sa.LargeBinary(32), nullable=False),
        sa.Column("referral_id", sa.String(36)),
        sa.Column("critical", sa.Boolean(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_ms", sa.BigInteger()),
        sa.Column("content", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("seq", name="pk_desk_events"),
        sa.UniqueConstraint("source", "event_id", name="uq_desk_events_source_event_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_desk_events_case", "desk_events", ["case_key", "seq"])
    for name, column, where in (
        ("ix_desk_events_critical", "case_key", "critical = 1"),
        ("ix_desk_events_unconfirmed", "seq", "critical = 1 AND confirmed_ms IS NULL"),
        ("ix_desk_events_expiring", "expires_ms", "content IS NOT NULL"),
    ):
        op.create_index(name, "desk_events", [column], sqlite_where=sa.text(where))


def _referrals() -> None:
    op.create_table(
        "desk_referrals",
        sa.Column("referral_id", sa.String(300), nullable=False),
        sa.Column("case_key", sa.LargeBinary(32), nullable=False),
        sa.Column("service", sa.String(64)),
        sa.Column("urgency", sa.String(64)),
        sa.Column("critical", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("referral_id", name="pk_desk_referrals"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_desk_referrals_case", "desk_referrals", ["case_key"])
    op.create_index(
        "ix_desk_referrals_critical",
        "desk_referrals",
        ["referral_id"],
        sqlite_where=sa.text("critical = 1"),
    )


def _drafts() -> None:
    op.create_table(
        "desk_drafts",
        sa.Column("draft_id", sa.String(36), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("case_key", sa.LargeBinary(32), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("draft_id", name="pk_desk_drafts"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_desk_drafts_owner", "desk_drafts", ["owner", "changed_ms"])
    op.create_index("ix_desk_drafts_changed", "desk_drafts", ["changed_ms"])
    op.create_index("ix_desk_drafts_case", "desk_drafts", ["case_key"])
