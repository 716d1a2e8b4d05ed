"""Tables for figures: cases, referrals, counts, unions and releases of agreements with statistics.

Facts, ids of cases, counts, statements for unions and releases are encrypted under the agency's
secret. The columns beside them do not identify a person (docs/spec/figures.md, "Facts").
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table

from broker.store.dialects import Serial, partial, short_text
from broker.store.schema import metadata

figure_cases = Table(
    "figure_cases",
    metadata,
    Column("case_key", LargeBinary(32), primary_key=True),
    Column("agreement", short_text(63)),  # null: known before cases were counted
    Column("minted_ms", BigInteger),  # null: another agency minted it
    partial("ix_figure_cases_minted", "agreement", "minted_ms", where="minted_ms IS NOT NULL"),
    sqlite_with_rowid=False,
)

figure_facts = Table(
    "figure_facts",
    metadata,
    Column("case_key", LargeBinary(32), primary_key=True),
    Column("source", short_text(200), primary_key=True),
    Column("event_id", short_text(36), primary_key=True),
    Column("content", LargeBinary, nullable=False),  # encrypted under the agency's secret
    sqlite_with_rowid=False,
)

figure_referrals = Table(
    "figure_referrals",
    metadata,
    Column("case_key", LargeBinary(32), primary_key=True),
    Column("agreement", short_text(63), primary_key=True),
    Column("event_id", short_text(36), primary_key=True),  # own event that made the referral
    Column("sent_ms", BigInteger, nullable=False),
    Index("ix_figure_referrals_sent", "agreement", "sent_ms"),
    sqlite_with_rowid=False,
)

figure_referral_facts = Table(
    "figure_referral_facts",
    metadata,
    Column("case_key", LargeBinary(32), primary_key=True),
    Column("agreement", short_text(63), primary_key=True),
    Column("source", short_text(200), primary_key=True),
    Column("event_id", short_text(36), primary_key=True),
    Column("content", LargeBinary, nullable=False),  # encrypted under the agency's secret
    sqlite_with_rowid=False,
)

union_cases = Table(
    "union_cases",
    metadata,
    Column("case_key", LargeBinary(32), primary_key=True),
    Column("agreement", short_text(63), nullable=False),
    Column("seen_ms", BigInteger, nullable=False),  # first own event about the case
    Column("content", LargeBinary, nullable=False),  # its id, encrypted under the agency's secret
    Index("ix_union_cases_seen", "agreement", "seen_ms"),
    sqlite_with_rowid=False,
)

union_statements = Table(
    "union_statements",
    metadata,
    Column("agreement", short_text(63), primary_key=True),
    Column("period", short_text(7), primary_key=True),
    Column("part", short_text(6), primary_key=True),
    Column("agency", short_text(63), primary_key=True),
    Column("time_ms", BigInteger, nullable=False),
    Column("note", LargeBinary, nullable=False),  # signed by the agency; empty for an own one
    Column("content", LargeBinary, nullable=False),  # encrypted under the agency's secret
)

figure_releases = Table(
    "figure_releases",
    metadata,
    Column("number", Serial, primary_key=True, autoincrement=True),
    Column("agreement", short_text(63), nullable=False),
    Column("period", short_text(7), nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),  # encrypted under the agency's secret
    Index("ix_figure_releases_period", "agreement", "period", "number"),
    sqlite_autoincrement=True,
)

figure_counts = Table(
    "figure_counts",
    metadata,
    Column("agreement", short_text(63), primary_key=True),
    Column("period", short_text(7), primary_key=True),
    Column("agency", short_text(63), primary_key=True),
    Column("time_ms", BigInteger, nullable=False),
    Column("note", LargeBinary, nullable=False),  # signed by the agency
    Column("content", LargeBinary, nullable=False),  # encrypted under the agency's secret
)
