"""Tables of this agency's own events, items, records on hold and disclosure log.

They are portable SQLAlchemy Core; `broker.store.dialects` has the differences between SQLite and
PostgreSQL. Queues (outbox, inbox,
quarantine) have partial indexes over the open rows, so that their cost depends on the backlog and
not on the history: flat from 10^3 to 10^6 rows. Tables of other agencies' streams are in
`broker.store.reader_schema`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    column,
    func,
    literal_column,
)

from broker.store.dialects import Serial, least, partial, short_text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

NO_DEADLINE_MS = 2**62
"""Next deadline of a referral without one, so that it sorts last."""

NEXT_DUE: ColumnElement[int] = least(
    func.coalesce(column("acknowledge_by_ms", BigInteger), literal_column(str(NO_DEADLINE_MS))),
    func.coalesce(column("respond_by_ms", BigInteger), literal_column(str(NO_DEADLINE_MS))),
)
"""The next deadline of a referral. SQLite finds the index only if a query has the same text."""


meta = Table(
    "meta",
    metadata,
    Column("name", short_text(200), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

lease = Table(
    "lease",
    metadata,
    Column("name", short_text(200), primary_key=True),
    Column("token", BigInteger, nullable=False),
    Column("holder", short_text(200), nullable=False),
    Column("taken_ms", BigInteger, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("event_id", short_text(36), nullable=False),
    Column("clear_id", short_text(36)),  # set if it is not the event's id
    Column("topic", short_text(249), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("value", LargeBinary),
    Column("priority", Integer, nullable=False),  # 0 urgent, 1 not: sorts without DESC
    Column("added_ms", BigInteger, nullable=False),
    Column("generation", short_text(64)),
    Column("idx", BigInteger),
    Column("leaf", LargeBinary(32)),
    Column("proof", LargeBinary),
    Column("kafka_offset", BigInteger),
    Column("sent_ms", BigInteger),
    Column("held_code", short_text(64)),
    Column("held_ms", BigInteger),
    # Unique: two records must never share an index of a stream, which would be a fork by our own
    # fault.
    UniqueConstraint("topic", "partition", "generation", "idx"),
    partial("ix_outbox_pending", "priority", "seq", where="generation IS NULL"),
    partial(
        "ix_outbox_unsent",
        "generation",
        "idx",
        where="generation IS NOT NULL AND sent_ms IS NULL",
    ),
    partial("ix_outbox_held", "held_ms", where="held_code IS NOT NULL"),
    partial("ix_outbox_content", "sent_ms", where="value IS NOT NULL AND sent_ms IS NOT NULL"),
    sqlite_autoincrement=True,
)

recipients = Table(
    "recipients",
    metadata,
    Column("event_id", short_text(36), primary_key=True),
    Column("agency", short_text(200), primary_key=True),
    Column("clear_id", short_text(36)),  # of its record, if it is not the event's id
    Column("outbox_seq", BigInteger),  # its record; null while it waits as a copy
    Column("report_every_ms", BigInteger),  # null if the agreement has no reports
    Column("state", short_text(16)),  # what the recipient reports; null until it does
    Column("code", short_text(64)),
    Column("since_ms", BigInteger),  # time of the report, by the recipient's clock
    Column("heard_ms", BigInteger),  # when it was taken, by ours
    Column("added_ms", BigInteger, nullable=False),
    partial("ix_recipients_clear_id", "clear_id", where="clear_id IS NOT NULL"),
    partial("ix_recipients_not_taken", "heard_ms", where="state IN ('put_aside', 'refused')"),
    sqlite_with_rowid=False,
)

results = Table(
    "results",
    metadata,
    Column("agency", short_text(200), primary_key=True),
    Column("event_id", short_text(36), primary_key=True),
    Column("state", short_text(16), nullable=False),
    Column("code", short_text(64), nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("report_ms", BigInteger),  # time of the report that tells it; null while it waits
    partial("ix_results_waiting", "agency", "since_ms", where="report_ms IS NULL"),
    sqlite_with_rowid=False,
)

reports = Table(
    "reports",
    metadata,
    Column("agency", short_text(200), primary_key=True),
    Column("made_ms", BigInteger),  # time of our last report to it
    Column("sent_ms", BigInteger),  # when Kafka had acknowledged that report
    Column("heard_ms", BigInteger),  # time of its newest report to us
    sqlite_with_rowid=False,
)

early_reports = Table(
    "early_reports",
    metadata,
    Column("agency", short_text(200), primary_key=True),
    Column("time_ms", BigInteger, primary_key=True),
    Column("value", LargeBinary, nullable=False),  # sealed, as it came
    sqlite_with_rowid=False,
)

generations = Table(
    "generations",
    metadata,
    Column("topic", short_text(249), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("name", short_text(64), primary_key=True),
    Column("predecessor", short_text(64), nullable=False),
    Column("predecessor_size", BigInteger, nullable=False),
    Column("predecessor_root", LargeBinary(32), nullable=False),
    Column("extra", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("log_time_s", BigInteger, nullable=False),
    Column("opened_ms", BigInteger, nullable=False),
    Column("trial", Boolean, nullable=False),
)

copies = Table(
    "copies",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("event_id", short_text(36), nullable=False),
    Column("agency", short_text(200), nullable=False),
    Column("case_key", LargeBinary(32), nullable=False),
    Column("type", short_text(100), nullable=False),
    Column("reason", short_text(64), nullable=False),
    Column("content", LargeBinary),  # encrypted under the agency's secret
    Column("added_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("due_ms", BigInteger),
    Column("ended_ms", BigInteger),
    Column("ended_code", short_text(64)),
    Index("ix_copies_event", "event_id"),
    partial("ix_copies_waiting", "seq", where="ended_ms IS NULL"),
    sqlite_autoincrement=True,
)

inbox = Table(
    "inbox",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("source", short_text(200), nullable=False),
    Column("event_id", short_text(36), nullable=False),
    Column("clear_id", short_text(36)),  # of its record, if it is not the event's id
    Column("type", short_text(100), nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("topic", short_text(249), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("generation", short_text(64), nullable=False),
    Column("idx", BigInteger, nullable=False),
    Column("payload", LargeBinary),
    Column("digests", LargeBinary, nullable=False),
    Column("case_key", LargeBinary(32), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("delivered_ms", BigInteger),
    Column("sink_reference", Text),
    # Set while the agency's system does not take the event; `held_ms` is the first time.
    Column("held_code", short_text(64)),
    Column("held_field", short_text(200)),
    Column("held_detail", Text),
    Column("held_ms", BigInteger),
    Column("holds_case", Boolean),  # whether later events of its case wait for it
    Column("tries", Integer, nullable=False, server_default="0"),
    # Set when a person discarded the event; `delivered_ms` is then set too, so that it waits for
    # nothing.
    Column("discarded_code", short_text(64)),  # reason code of the hold
    Column("discarded_ms", BigInteger),
    UniqueConstraint("source", "event_id"),
    partial("ix_inbox_clear_id", "source", "clear_id", where="clear_id IS NOT NULL"),
    partial("ix_inbox_undelivered", "priority", "seq", where="delivered_ms IS NULL"),
    partial("ix_inbox_held", "seq", where="held_code IS NOT NULL"),
    partial("ix_inbox_held_case", "case_key", "seq", where="held_code IS NOT NULL"),
    partial("ix_inbox_waiting_case", "case_key", "seq", where="delivered_ms IS NULL"),
    partial("ix_inbox_discarded", "seq", where="discarded_ms IS NOT NULL"),
    sqlite_autoincrement=True,
)

offers = Table(
    "offers",
    metadata,
    Column("number", Serial, primary_key=True, autoincrement=True),
    Column("inbox_seq", BigInteger, nullable=False),
    Column("offered_ms", BigInteger, nullable=False),
    Column("answered_ms", BigInteger),  # when the system's result came
    Column("outcome", short_text(16)),
    Column("reader", short_text(64)),  # name of the token that sent the result
    Index("ix_offers_event", "inbox_seq", "number"),
    partial("ix_offers_open", "inbox_seq", where="answered_ms IS NULL"),
    sqlite_autoincrement=True,
)

attempts = Table(
    "attempts",
    metadata,
    Column("inbox_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("tries", Integer, nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("next_ms", BigInteger, nullable=False),
    Column("code", short_text(64), nullable=False),  # reason why the last one failed
    sqlite_with_rowid=False,
)

requests = Table(
    "requests",
    metadata,
    Column("request_key", LargeBinary(32), primary_key=True),
    Column("body_digest", LargeBinary(32), nullable=False),
    Column("answer", LargeBinary),  # null while the event is refused
    Column("added_ms", BigInteger, nullable=False),
    Column("event_id", short_text(36)),
    # Rows of the outbox with its records: after the first number, up to the last one.
    Column("outbox_after", BigInteger),
    Column("outbox_last", BigInteger),
    partial("ix_requests_event_id", "event_id", where="event_id IS NOT NULL"),
    sqlite_with_rowid=False,
)

refused_rows = Table(
    "refused_rows",
    metadata,
    Column("number", Serial, primary_key=True, autoincrement=True),
    Column("item", short_text(320), nullable=False),  # key of a row of the agency's own database
    Column("code", short_text(64), nullable=False),
    Column("field", short_text(255)),
    Column("detail", Text, nullable=False),
    Column("held_ms", BigInteger, nullable=False),
    Column("retry_ms", BigInteger),  # when a person asked to try it again
    UniqueConstraint("item"),
    sqlite_autoincrement=True,
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("topic", short_text(249), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("kafka_offset", BigInteger, nullable=False),
    Column("origin", short_text(500), nullable=False),
    Column("agency", short_text(100), nullable=False),
    Column("idx", BigInteger, nullable=False),
    Column("step", Float, nullable=False),
    Column("code", short_text(64), nullable=False),
    Column("detail", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("headers_json", Text, nullable=False),
    Column("status", short_text(16), nullable=False),
    Column("added_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),  # bytes of value and headers
    Index("ix_quarantine_status", "status", "agency", "bytes"),
    sqlite_autoincrement=True,
)

unauthenticated = Table(
    "unauthenticated",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("topic", short_text(249), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("kafka_offset", BigInteger, nullable=False),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("code", short_text(64), nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

evidence = Table(
    "evidence",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("kind", short_text(64), nullable=False),
    Column("origin", short_text(500), nullable=False),
    Column("text_a", LargeBinary, nullable=False),
    Column("text_b", LargeBinary, nullable=False),
    Column("found_ms", BigInteger, nullable=False),
)

items = Table(
    "items",
    metadata,
    Column("source_key", LargeBinary(64), primary_key=True),
    Column("event_id", short_text(36)),
    Column("outcome", short_text(16), nullable=False),
    Column("code", short_text(64)),
    Column("added_ms", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

exports = Table(
    "exports",
    metadata,
    Column("sha256", LargeBinary(32), primary_key=True),
    Column("name", Text, nullable=False),  # as it was dropped
    Column("added_ms", BigInteger, nullable=False),
    Column("looked_ms", BigInteger, nullable=False),  # when its result file was last checked
    Column("path", Text),  # its name in the folder of processed exports
    Column("written", LargeBinary(32)),  # hash of its result file
    Column("ended", Boolean, nullable=False),  # nothing in its result file can change
    partial("ix_exports_open", "looked_ms", where="NOT ended"),
    sqlite_with_rowid=False,
)

export_rows = Table(
    "export_rows",
    metadata,
    Column("sha256", LargeBinary(32), primary_key=True),
    Column("line", BigInteger, primary_key=True),
    Column("event_id", short_text(36), primary_key=True),
    sqlite_with_rowid=False,
)

links = Table(
    "links",
    metadata,
    Column("kind", short_text(32), primary_key=True),
    Column("own_reference", short_text(200), primary_key=True),
    Column("shared_id", short_text(36), nullable=False),
    UniqueConstraint("kind", "shared_id"),
)

referrals = Table(
    "referrals",
    metadata,
    Column("referral_id", short_text(36), primary_key=True),
    Column("case_id", short_text(36), nullable=False, index=True),
    Column("role", short_text(16), nullable=False),
    Column("counterparty", short_text(100), nullable=False),
    Column("status", short_text(32), nullable=False),
    Column("business_status", short_text(64)),
    Column("version", BigInteger, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("acknowledge_by_ms", BigInteger),
    Column("respond_by_ms", BigInteger),
    Column("updated_ms", BigInteger, nullable=False),
    # null while open, so that every SQL dialect can use the same index
    Column("closed_ms", BigInteger),
    Column("event_source", short_text(200), nullable=False),
    Column("event_id", short_text(36), nullable=False),
    partial("ix_referrals_open", "made_ms", where="closed_ms IS NULL"),
    partial("ix_referrals_partner", "role", "counterparty", where="closed_ms IS NULL"),
    partial("ix_referrals_ended", "status", where="closed_ms IS NOT NULL"),
    partial("ix_referrals_due", "role", NEXT_DUE, "referral_id", where="closed_ms IS NULL"),
    partial(
        "ix_referrals_closed", "role", "closed_ms", "referral_id", where="closed_ms IS NOT NULL"
    ),
)

disclosures = Table(
    "disclosures",
    metadata,
    Column("idx", Serial, primary_key=True, autoincrement=False),
    Column("time_ms", BigInteger, nullable=False),
    Column("kind", short_text(16), nullable=False),
    Column("case_key", LargeBinary(32)),
    Column("salt", LargeBinary(32), nullable=False),
    Column("entry", LargeBinary, nullable=False),
    Column("leaf", LargeBinary(32), nullable=False),
    partial("ix_disclosures_case", "case_key", where="case_key IS NOT NULL"),
)

disclosure_checkpoints = Table(
    "disclosure_checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("time_s", BigInteger, nullable=False),
    Column("text", LargeBinary, nullable=False),
)

case_sources = Table(
    "case_sources",
    metadata,
    Column("case_key", LargeBinary(32), primary_key=True),
    Column("source", short_text(100), primary_key=True),  # empty: this agency's own system
    sqlite_with_rowid=False,
)

log_reasons = Table(
    "log_reasons",
    metadata,
    Column("sha256", LargeBinary(32), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)

listings = Table(
    "listings",
    metadata,
    Column("agency", short_text(63), primary_key=True),
    Column("time_ms", BigInteger, nullable=False),
    Column("note", LargeBinary),  # null for our own
    Column("content", LargeBinary, nullable=False),
)

told_notices = Table(
    "told_notices",
    metadata,
    Column("way", short_text(16), primary_key=True),
    Column("key", short_text(400), primary_key=True),
    Column("told_ms", BigInteger, nullable=False),
)

flow_hours = Table(
    "flow_hours",
    metadata,
    Column("hour_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("published", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column(
        "lags", LargeBinary, nullable=False
    ),  # JSON, a count for each step of broker.observing.flow
)
