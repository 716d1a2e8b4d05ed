"""Tables of other agencies' streams: states, leaves, checkpoints, receipts and heartbeats.

Leaves refer to their generation by a small integer, because repeating the five-part name in 10^6
keys would triple the file.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    UniqueConstraint,
)

from broker.store.dialects import Serial, partial, short_text
from broker.store.schema import metadata

reader_states = Table(
    "reader_states",
    metadata,
    Column("agency", short_text(100), primary_key=True),
    Column("topic", short_text(249), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("state", LargeBinary, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("gaps", BigInteger, nullable=False),
    Column("stopped", Boolean, nullable=False),
)

reader_gaps = Table(
    "reader_gaps",
    metadata,
    Column("agency", short_text(100), primary_key=True),
    Column("topic", short_text(249), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("generation", short_text(64), primary_key=True),
    Column("first", BigInteger, primary_key=True),
    Column("last", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

reader_generations = Table(
    "reader_generations",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("agency", short_text(100), nullable=False),
    Column("topic", short_text(249), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("generation", short_text(64), nullable=False),
    UniqueConstraint("agency", "topic", "partition", "generation"),
)

reader_leaves = Table(
    "reader_leaves",
    metadata,
    Column("generation_id", Serial, ForeignKey("reader_generations.id"), primary_key=True),
    Column("idx", BigInteger, primary_key=True),
    Column("leaf", LargeBinary(32), nullable=False),
    Column("status", short_text(16), nullable=False),
    partial(
        "ix_reader_leaves_content_missing",
        "generation_id",
        "idx",
        where="status = 'content_missing'",
    ),
    sqlite_with_rowid=False,
)

reader_checkpoints = Table(
    "reader_checkpoints",
    metadata,
    Column("generation_id", Serial, ForeignKey("reader_generations.id"), primary_key=True),
    Column("size", BigInteger, primary_key=True),
    Column("root", LargeBinary(32), nullable=False),
    Column("time_s", BigInteger, nullable=False),
    Column("lowest_index", BigInteger, nullable=False),
    Column("text", LargeBinary, nullable=False),
)

reader_positions = Table(
    "reader_positions",
    metadata,
    Column("topic", short_text(249), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("next_offset", BigInteger, nullable=False),
)

reader_deferred = Table(
    "reader_deferred",
    metadata,
    Column("topic", short_text(249), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("agency", short_text(100), primary_key=True),
    Column("kafka_offset", BigInteger, nullable=False),
    Column("reason", short_text(64), nullable=False),
    Column("since_ms", BigInteger, nullable=False),
)

receipts = Table(
    "receipts",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("origin", short_text(500), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("cosigner", short_text(200), nullable=False),
    Column("time_s", BigInteger, nullable=False),
    Column("text", LargeBinary, nullable=False),
    UniqueConstraint("origin", "cosigner", "size", "root"),
    Index("ix_receipts_origin_size", "origin", "size"),
    Index("ix_receipts_cosigner_time", "cosigner", "time_s"),
)

heads = Table(
    "heads",
    metadata,
    Column("agency", short_text(100), primary_key=True),
    Column("heard_ms", BigInteger, nullable=False),
    Column("log_size", BigInteger, nullable=False),
    Column("log_root", LargeBinary(32), nullable=False),
)

named_manifests = Table(
    "named_manifests",
    metadata,
    Column("agency", short_text(100), primary_key=True),
    Column("delegation", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("lacking_since_ms", BigInteger),
    Column("differs_contract", LargeBinary(32)),
    Column("differs_ours", LargeBinary(32)),
    Column("differs_theirs", LargeBinary(32)),
    Column("differs_since_ms", BigInteger),
    Column("differs_last_ms", BigInteger),
)

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("agency", short_text(100), nullable=False),
    Column("time_ms", BigInteger, nullable=False),
    Column("note", LargeBinary, nullable=False),
)

heartbeat_heads = Table(
    "heartbeat_heads",
    metadata,
    Column("agency", short_text(100), primary_key=True),
    Column("topic", short_text(249), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("generation", short_text(64), primary_key=True),
    Column("size", BigInteger, primary_key=True),
    Column("key_id", LargeBinary(4), primary_key=True),
    Column("time_ms", BigInteger, nullable=False),
    Column("heartbeat_id", Serial, ForeignKey("heartbeats.id"), nullable=False, index=True),
)
