"""Tables for figures: cases and referrals of agreements with statistics, facts, and releases.

Facts and releases are encrypted under the agency's secret. The columns beside them do not identify
a person (docs/spec/figures.md, "Facts").
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, String, Table

from broker.store.schema import Serial, metadata, partial

figure_cases = Table(
    "figure_cases",
    metadata,
    Column("case_key", LargeBinary(32), primary_key=True),
    Column("agreement", String(63)),  # null: known before cases were counted
    Column("minted_ms", BigInteger),  # null: another agency minted it
    partial("ix_figure_cases_minted", "agreement", "minted_ms", where="minted_ms IS NOT NULL"),
    sqlite_with_rowid=False,
)

figure_facts = Table(
    "figure_facts",
    metadata,
    Column("case_key", LargeBinary(32), primary_key=True),
    Column("source", String(200), primary_key=True),
    Column("event_id", String(36), primary_key=True),
    Column("content", LargeBinary, nullable=False),  # encrypted under the agency's secret
    sqlite_with_rowid=False,
)

figure_referrals = Table(
    "figure_referrals",
    metadata,
    Column("case_key", LargeBinary(32), primary_key=True),
    Column("agreement", String(63), primary_key=True),
    Column("event_id", String(36), primary_key=True),  # own event that made the referral
    Column("sent_ms", BigInteger, nullable=False),
    Index("ix_figure_referrals_sent", "agreement", "sent_ms"),
    sqlite_with_rowid=False,
)

figure_referral_facts = Table(
    "figure_referral_facts",
    metadata,
    Column("case_key", LargeBinary(32), primary_key=True),
    Column("agreement", String(63), primary_key=True),
    Column("source", String(200), primary_key=True),
    Column("event_id", String(36), primary_key=True),
    Column("content", LargeBinary, nullable=False),  # encrypted under the agency's secret
    sqlite_with_rowid=False,
)

figure_releases = Table(
    "figure_releases",
    metadata,
    Column("number", Serial, primary_key=True, autoincrement=True),
    Column("agreement", String(63), nullable=False),
    Column("period", String(7), nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),  # encrypted under the agency's secret
    Index("ix_figure_releases_period", "agreement", "period", "number"),
    sqlite_autoincrement=True,
)
