"""Heartbeats that are kept as evidence. Never edited again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the two tables; they start empty, because earlier heartbeats had one signature."""
    op.create_table(
        "heartbeats",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("agency", sa.String(length=100), nullable=False),
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_heartbeats")),
    )
    op.create_table(
        "heartbeat_heads",
        sa.Column("agency", sa.String(length=100), nullable=False),
        sa.Column("topic", sa.String(length=249), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("generation", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("key_id", sa.LargeBinary(length=4), nullable=False),
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.Column("heartbeat_id", _SERIAL, nullable=False),
        sa.ForeignKeyConstraint(
            ["heartbeat_id"],
            ["heartbeats.id"],
            name=op.f("fk_heartbeat_heads_heartbeat_id"),
        ),
        sa.PrimaryKeyConstraint(
            "agency",
            "topic",
            "partition",
            "generation",
            "size",
            "key_id",
            name=op.f("pk_heartbeat_heads"),
        ),
    )
    op.create_index(
        op.f("ix_heartbeat_heads_heartbeat_id"), "heartbeat_heads", ["heartbeat_id"], unique=False
    )
