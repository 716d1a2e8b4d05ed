"""Signed notes of the statements for unions, so that a key that was revoked later is noticed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from broker.store.dialects import short_text

revision = "0013"
down_revision = "0012"

_OWN = bytes(32)
"""Digest of a statement that this agency made."""


def upgrade() -> None:
    """Replace the digest of a note by the note.

    Results stay. Keys and tokens of other agencies have no note; they come again within a day.
    """
    connection = op.get_bind()
    kept = [
        row._asdict()
        for row in connection.execute(sa.text("SELECT * FROM union_statements"))
        if row.part == "result" or row.digest == _OWN
    ]
    op.drop_table("union_statements")
    made = op.create_table(
        "union_statements",
        sa.Column("agreement", short_text(63), nullable=False),
        sa.Column("period", short_text(7), nullable=False),
        sa.Column("part", short_text(6), nullable=False),
        sa.Column("agency", short_text(63), nullable=False),
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint(
            "agreement", "period", "part", "agency", name="pk_union_statements"
        ),
    )
    if kept:
        names = ("agreement", "period", "part", "agency", "time_ms", "content")
        op.bulk_insert(made, [{**{name: row[name] for name in names}, "note": b""} for row in kept])
