"""The schema of 0.1.0, as `broker.store.reader_schema.ALL_TABLES` had it then. Never edited again.

A fresh SQLite file is made from `ALL_TABLES` at once; a test holds the two equal.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "case_sources",
        sa.Column("case_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("case_key", "source", name=op.f("pk_case_sources")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "disclosure_checkpoints",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("time_s", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_disclosure_checkpoints")),
    )
    op.create_table(
        "disclosures",
        sa.Column("idx", _SERIAL, autoincrement=False, nullable=False),
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("case_key", sa.LargeBinary(length=32), nullable=True),
        sa.Column("salt", sa.LargeBinary(length=32), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("idx", name=op.f("pk_disclosures")),
    )
    op.create_index(
        "ix_disclosures_case",
        "disclosures",
        ["case_key"],
        unique=False,
        sqlite_where=sa.text("case_key IS NOT NULL"),
        postgresql_where=sa.text("case_key IS NOT NULL"),
    )
    op.create_table(
        "evidence",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("origin", sa.String(length=500), nullable=False),
        sa.Column("text_a", sa.LargeBinary(), nullable=False),
        sa.Column("text_b", sa.LargeBinary(), nullable=False),
        sa.Column("found_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
    op.create_table(
        "generations",
        sa.Column("topic", sa.String(length=249), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("predecessor", sa.String(length=64), nullable=False),
        sa.Column("predecessor_size", sa.BigInteger(), nullable=False),
        sa.Column("predecessor_root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("extra", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("log_time_s", sa.BigInteger(), nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("trial", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "partition", "name", name=op.f("pk_generations")),
    )
    op.create_table(
        "heads",
        sa.Column("agency", sa.String(length=100), nullable=False),
        sa.Column("heard_ms", sa.BigInteger(), nullable=False),
        sa.Column("log_size", sa.BigInteger(), nullable=False),
        sa.Column("log_root", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("agency", name=op.f("pk_heads")),
    )
    op.create_table(
        "heartbeats",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("agency", sa.String(length=100), nullable=False),
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_heartbeats")),
    )
    op.create_table(
        "inbox",
        sa.Column("seq", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("type", sa.String(length=100), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("topic", sa.String(length=249), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("generation", sa.String(length=64), nullable=False),
        sa.Column("idx", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.Column("digests", sa.LargeBinary(), nullable=False),
        sa.Column("case_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("delivered_ms", sa.BigInteger(), nullable=True),
        sa.Column("sink_reference", sa.Text(), nullable=True),
        sa.Column("held_code", sa.String(length=64), nullable=True),
        sa.Column("held_field", sa.String(length=200), nullable=True),
        sa.Column("held_detail", sa.Text(), nullable=True),
        sa.Column("held_ms", sa.BigInteger(), nullable=True),
        sa.Column("holds_case", sa.Boolean(), nullable=True),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("discarded_code", sa.String(length=64), nullable=True),
        sa.Column("discarded_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_inbox")),
        sa.UniqueConstraint("source", "event_id", name=op.f("uq_inbox_source_event_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_inbox_discarded",
        "inbox",
        ["seq"],
        unique=False,
        sqlite_where=sa.text("discarded_ms IS NOT NULL"),
        postgresql_where=sa.text("discarded_ms IS NOT NULL"),
    )
    op.create_index(
        "ix_inbox_held",
        "inbox",
        ["seq"],
        unique=False,
        sqlite_where=sa.text("held_code IS NOT NULL"),
        postgresql_where=sa.text("held_code IS NOT NULL"),
    )
    op.create_index(
        "ix_inbox_held_case",
        "inbox",
        ["case_key", "seq"],
        unique=False,
        sqlite_where=sa.text("held_code IS NOT NULL"),
        postgresql_where=sa.text("held_code IS NOT NULL"),
    )
    op.create_index(
        "ix_inbox_undelivered",
        "inbox",
        ["priority", "seq"],
        unique=False,
        sqlite_where=sa.text("delivered_ms IS NULL"),
        postgresql_where=sa.text("delivered_ms IS NULL"),
    )
    op.create_table(
        "items",
        sa.Column("source_key", sa.LargeBinary(length=64), nullable=False),
        sa.Column("event_id", sa.String(length=36), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=True),
        sa.Column("added_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source_key", name=op.f("pk_items")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(length=200), nullable=False),
        sa.Column("taken_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_table(
        "links",
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("own_reference", sa.String(length=200), nullable=False),
        sa.Column("shared_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("kind", "own_reference", name=op.f("pk_links")),
        sa.UniqueConstraint("kind", "shared_id", name=op.f("uq_links_kind_shared_id")),
    )
    op.create_table(
        "log_reasons",
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_log_reasons")),
    )
    op.create_table(
        "meta",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_meta")),
    )
    op.create_table(
        "outbox",
        sa.Column("seq", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("topic", sa.String(length=249), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("added_ms", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.String(length=64), nullable=True),
        sa.Column("idx", sa.BigInteger(), nullable=True),
        sa.Column("leaf", sa.LargeBinary(length=32), nullable=True),
        sa.Column("proof", sa.LargeBinary(), nullable=True),
        sa.Column("kafka_offset", sa.BigInteger(), nullable=True),
        sa.Column("sent_ms", sa.BigInteger(), nullable=True),
        sa.Column("held_code", sa.String(length=64), nullable=True),
        sa.Column("held_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_outbox")),
        sa.UniqueConstraint(
            "topic",
            "partition",
            "generation",
            "idx",
            name=op.f("uq_outbox_topic_partition_generation_idx"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_outbox_content",
        "outbox",
        ["sent_ms"],
        unique=False,
        sqlite_where=sa.text("value IS NOT NULL AND sent_ms IS NOT NULL"),
        postgresql_where=sa.text("value IS NOT NULL AND sent_ms IS NOT NULL"),
    )
    op.create_index(
        "ix_outbox_held",
        "outbox",
        ["held_ms"],
        unique=False,
        sqlite_where=sa.text("held_code IS NOT NULL"),
        postgresql_where=sa.text("held_code IS NOT NULL"),
    )
    op.create_index(
        "ix_outbox_pending",
        "outbox",
        ["priority", "seq"],
        unique=False,
        sqlite_where=sa.text("generation IS NULL"),
        postgresql_where=sa.text("generation IS NULL"),
    )
    op.create_index(
        "ix_outbox_unsent",
        "outbox",
        ["generation", "idx"],
        unique=False,
        sqlite_where=sa.text("generation IS NOT NULL AND sent_ms IS NULL"),
        postgresql_where=sa.text("generation IS NOT NULL AND sent_ms IS NULL"),
    )
    op.create_table(
        "quarantine",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("topic", sa.String(length=249), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("kafka_offset", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.String(length=500), nullable=False),
        sa.Column("agency", sa.String(length=100), nullable=False),
        sa.Column("idx", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.Float(), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("headers_json", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("added_ms", sa.BigInteger(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_quarantine_status", "quarantine", ["status", "agency", "bytes"], unique=False
    )
    op.create_table(
        "reader_deferred",
        sa.Column("topic", sa.String(length=249), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("agency", sa.String(length=100), nullable=False),
        sa.Column("kafka_offset", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "partition", "agency", name=op.f("pk_reader_deferred")),
    )
    op.create_table(
        "reader_gaps",
        sa.Column("agency", sa.String(length=100), nullable=False),
        sa.Column("topic", sa.String(length=249), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("generation", sa.String(length=64), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint(
            "agency", "topic", "partition", "generation", "first", name=op.f("pk_reader_gaps")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "reader_generations",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("agency", sa.String(length=100), nullable=False),
        sa.Column("topic", sa.String(length=249), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("generation", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reader_generations")),
        sa.UniqueConstraint(
            "agency",
            "topic",
            "partition",
            "generation",
            name=op.f("uq_reader_generations_agency_topic_partition_generation"),
        ),
    )
    op.create_table(
        "reader_positions",
        sa.Column("topic", sa.String(length=249), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "partition", name=op.f("pk_reader_positions")),
    )
    op.create_table(
        "reader_states",
        sa.Column("agency", sa.String(length=100), nullable=False),
        sa.Column("topic", sa.String(length=249), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("gaps", sa.BigInteger(), nullable=False),
        sa.Column("stopped", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("agency", "topic", "partition", name=op.f("pk_reader_states")),
    )
    op.create_table(
        "receipts",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("origin", sa.String(length=500), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("cosigner", sa.String(length=200), nullable=False),
        sa.Column("time_s", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipts")),
        sa.UniqueConstraint(
            "origin", "cosigner", "size", "root", name=op.f("uq_receipts_origin_cosigner_size_root")
        ),
    )
    op.create_index("ix_receipts_cosigner_time", "receipts", ["cosigner", "time_s"], unique=False)
    op.create_index("ix_receipts_origin_size", "receipts", ["origin", "size"], unique=False)
    op.create_table(
        "referrals",
        sa.Column("referral_id", sa.String(length=36), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("counterparty", sa.String(length=100), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("business_status", sa.String(length=64), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("acknowledge_by_ms", sa.BigInteger(), nullable=True),
        sa.Column("respond_by_ms", sa.BigInteger(), nullable=True),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.Column("closed_ms", sa.BigInteger(), nullable=True),
        sa.Column("event_source", sa.String(length=200), nullable=False),
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("referral_id", name=op.f("pk_referrals")),
    )
    op.create_index(op.f("ix_referrals_case_id"), "referrals", ["case_id"], unique=False)
    op.create_index(
        "ix_referrals_open",
        "referrals",
        ["made_ms"],
        unique=False,
        sqlite_where=sa.text("closed_ms IS NULL"),
        postgresql_where=sa.text("closed_ms IS NULL"),
    )
    op.create_table(
        "unauthenticated",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("topic", sa.String(length=249), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("kafka_offset", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unauthenticated")),
        sqlite_autoincrement=True,
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
            ["heartbeat_id"], ["heartbeats.id"], name=op.f("fk_heartbeat_heads_heartbeat_id")
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
    op.create_table(
        "reader_checkpoints",
        sa.Column("generation_id", _SERIAL, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("time_s", sa.BigInteger(), nullable=False),
        sa.Column("lowest_index", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["generation_id"],
            ["reader_generations.id"],
            name=op.f("fk_reader_checkpoints_generation_id"),
        ),
        sa.PrimaryKeyConstraint("generation_id", "size", name=op.f("pk_reader_checkpoints")),
    )
    op.create_table(
        "reader_leaves",
        sa.Column("generation_id", _SERIAL, nullable=False),
        sa.Column("idx", sa.BigInteger(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(
            ["generation_id"],
            ["reader_generations.id"],
            name=op.f("fk_reader_leaves_generation_id"),
        ),
        sa.PrimaryKeyConstraint("generation_id", "idx", name=op.f("pk_reader_leaves")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_reader_leaves_content_missing",
        "reader_leaves",
        ["generation_id", "idx"],
        unique=False,
        sqlite_where=sa.text("status = 'content_missing'"),
        postgresql_where=sa.text("status = 'content_missing'"),
    )
