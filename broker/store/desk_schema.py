"""Tables of the desk: events for people without a case system, their referrals and drafts.

Content is encrypted under the agency's secret (`broker.envelope.at_rest`). The columns beside it
are only those that lists and filters need. None of them identifies a person.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    LargeBinary,
    Table,
    UniqueConstraint,
)

from broker.store.dialects import Serial, partial, short_text
from broker.store.schema import metadata

desk_events = Table(
    "desk_events",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("source", short_text(200), nullable=False),  # empty for our own
    Column("event_id", short_text(36), nullable=False),
    Column("type", short_text(100), nullable=False),
    Column("case_key", LargeBinary(32), nullable=False),
    Column("referral_id", short_text(36)),
    Column("critical", Boolean, nullable=False),  # of a type that goes before all others
    Column("received_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("confirmed_ms", BigInteger),  # when a person confirmed a critical event
    Column("content", LargeBinary),  # null once it is removed
    UniqueConstraint("source", "event_id"),
    Index("ix_desk_events_case", "case_key", "seq"),
    partial("ix_desk_events_critical", "case_key", where="critical = 1", postgresql="critical"),
    partial(
        "ix_desk_events_unconfirmed",
        "seq",
        where="critical = 1 AND confirmed_ms IS NULL",
        postgresql="critical AND confirmed_ms IS NULL",
    ),
    partial("ix_desk_events_expiring", "expires_ms", where="content IS NOT NULL"),
    sqlite_autoincrement=True,
)

desk_referrals = Table(
    "desk_referrals",
    metadata,
    Column("referral_id", short_text(300), primary_key=True),  # the key of `referrals`
    Column("case_key", LargeBinary(32), nullable=False),
    Column("service", short_text(64)),
    Column("urgency", short_text(64)),
    Column("critical", Boolean, nullable=False),  # of a case with a critical event
    Index("ix_desk_referrals_case", "case_key"),
    partial(
        "ix_desk_referrals_critical", "referral_id", where="critical = 1", postgresql="critical"
    ),
    sqlite_with_rowid=False,
)

desk_drafts = Table(
    "desk_drafts",
    metadata,
    Column("draft_id", short_text(36), primary_key=True),
    Column("owner", short_text(200), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("case_key", LargeBinary(32), nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Index("ix_desk_drafts_owner", "owner", "changed_ms"),
    Index("ix_desk_drafts_changed", "changed_ms"),
    Index("ix_desk_drafts_case", "case_key"),
    sqlite_with_rowid=False,
)
