"""Position of a subscription and the events that it has handled, in two tables.

The tables are in the caller's database, or in an SQLite file of the client. The caller's
transaction writes the row of an event. So the effect of the handler and the row are stored
together or not at all: each event has its effect exactly once, also if the adapter offers it again
after a crash, a retry or a restore.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from concordant.client.errors import ClientError
from concordant.client.statements import SqlStatement, Step

IMPORTED: Final = "imported"
REJECTED: Final = "rejected"
WAITS: Final = 0
TOLD: Final = 1
"""State of a result that the adapter has been told. `WAITS`: it has to be told yet."""
POSITIONS: Final = "concordant_positions"
HANDLED: Final = "concordant_handled"
TABLES: Final = (
    f"CREATE TABLE IF NOT EXISTS {POSITIONS} ("
    " subscription VARCHAR(32) NOT NULL PRIMARY KEY,"
    " position VARCHAR(64) NOT NULL)",
    f"CREATE TABLE IF NOT EXISTS {HANDLED} ("
    " subscription VARCHAR(32) NOT NULL,"
    " source VARCHAR(63) NOT NULL,"
    " event_id VARCHAR(36) NOT NULL,"
    " outcome VARCHAR(8) NOT NULL,"
    " reason VARCHAR(48) NOT NULL,"
    " detail VARCHAR(500) NOT NULL,"
    " told INTEGER NOT NULL,"
    " handled_at VARCHAR(24) NOT NULL,"
    " position VARCHAR(64) NOT NULL,"
    " PRIMARY KEY (subscription, source, event_id))",
)
"""Statements that make the tables, for PostgreSQL and SQLite."""

_POSITION: Final = f"SELECT position FROM {POSITIONS} WHERE subscription = :subscription"  # noqa: S608
_MOVE: Final = (
    f"INSERT INTO {POSITIONS} (subscription, position) VALUES (:subscription, :position)"  # noqa: S608
    " ON CONFLICT (subscription) DO UPDATE SET position = excluded.position"
)
_OUTCOME: Final = (
    f"SELECT outcome, position FROM {HANDLED}"  # noqa: S608
    " WHERE subscription = :subscription AND source = :source AND event_id = :event_id"
)
_HANDLE: Final = (
    f"INSERT INTO {HANDLED} (subscription, source, event_id, outcome, reason, detail, told,"  # noqa: S608
    " handled_at, position) VALUES (:subscription, :source, :event_id, :outcome, :reason, :detail,"
    " :told, :handled_at, :position) ON CONFLICT (subscription, source, event_id) DO UPDATE SET"
    " outcome = excluded.outcome, reason = excluded.reason, detail = excluded.detail,"
    " told = excluded.told, handled_at = excluded.handled_at, position = excluded.position"
    f" WHERE {HANDLED}.outcome = '{REJECTED}' AND {HANDLED}.position <> excluded.position"
)
_UNTOLD: Final = (
    f"SELECT source, event_id, outcome, reason, detail FROM {HANDLED}"  # noqa: S608
    f" WHERE subscription = :subscription AND told = {WAITS} ORDER BY handled_at"
)
_TELL: Final = (
    f"UPDATE {HANDLED} SET told = {TOLD}, detail = ''"  # noqa: S608
    " WHERE subscription = :subscription AND source = :source AND event_id = :event_id"
    " AND outcome = :outcome"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of an event in the caller's system.

    Attributes:
        outcome: ``imported`` or ``rejected``.
        reason: a code of the caller's system, if it rejected the event.
        detail: in words; stored until the adapter has been told.
    """

    outcome: str = IMPORTED
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Untold:
    """A result that the adapter has to be told."""

    source: str
    event_id: str
    result: Outcome


def create() -> Step[None]:
    """Make the tables if they are missing."""
    for sql in TABLES:
        yield SqlStatement(sql, {})


def position(subscription: str) -> Step[str | None]:
    """Return the stored position of a subscription."""
    found = yield SqlStatement(_POSITION, {"subscription": subscription})
    return str(found.rows[0][0]) if found.rows else None


def is_handled(subscription: str, source: str, event_id: str, cursor: str) -> Step[bool]:
    """Return whether an event was handled.

    A rejected event that the adapter offers again, under another cursor, was not.
    """
    asked = {"subscription": subscription, "source": source, "event_id": event_id}
    found = yield SqlStatement(_OUTCOME, asked)
    return any(row[0] == IMPORTED or row[1] == cursor for row in found.rows)


def handle(
    subscription: str, source: str, event_id: str, cursor: str, done: Outcome, *, tell: bool
) -> Step[None]:
    """Store that an event was handled, and the position after it.

    Raises:
        ClientError: `event_handled`: another process of this subscription handled it.
    """
    row = {
        "subscription": subscription,
        "source": source,
        "event_id": event_id,
        "outcome": done.outcome,
        "reason": done.reason,
        "detail": done.detail,
        "told": WAITS if tell else TOLD,
        "position": cursor,
        "handled_at": datetime.now(UTC).isoformat(timespec="milliseconds")[:23] + "Z",
    }
    added = yield SqlStatement(_HANDLE, row)
    if added.changed == 0:
        raise ClientError(
            "Another process of this subscription has handled the event.",
            code="event_handled",
            where=subscription,
            fix="Let the transaction roll back, which this error does. Run one process for each "
            "subscription, or expect this error.",
        )
    yield from move(subscription, cursor)


def move(subscription: str, cursor: str) -> Step[None]:
    """Store the position of a subscription."""
    yield SqlStatement(_MOVE, {"subscription": subscription, "position": cursor})


def untold(subscription: str) -> Step[list[Untold]]:
    """Return the results that the adapter has to be told, oldest first."""
    found = yield SqlStatement(_UNTOLD, {"subscription": subscription})
    return [Untold(row[0], row[1], Outcome(row[2], row[3], row[4])) for row in found.rows]


def tell(subscription: str, one: Untold) -> Step[None]:
    """Store that the adapter was told a result."""
    yield SqlStatement(
        _TELL,
        {
            "subscription": subscription,
            "source": one.source,
            "event_id": one.event_id,
            "outcome": one.result.outcome,
        },
    )
