"""Outbox table in the caller's database: events that its own transaction publishes.

The row is written in the caller's transaction, so an event is sent if and only if the transaction
is committed. The columns are those of the adapter's side `database` and of Debezium's outbox. That
side takes the rows, or `Client.relay` sends them over HTTP. The id of a row is its idempotency key,
so a row that is sent twice is accepted once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from concordant.client.errors import ClientError
from concordant.client.events import Accepted
from concordant.client.statements import SqlStatement, Step

OUTBOX: Final = "concordant_outbox"
AGGREGATE: Final = "event"
_COLUMNS: Final = (
    " id VARCHAR(200) NOT NULL UNIQUE,"
    " aggregatetype TEXT NOT NULL,"
    " aggregateid TEXT NOT NULL,"
    " type TEXT NOT NULL,"
    " payload TEXT NOT NULL,"
    " state TEXT,"
    " code TEXT,"
    " field TEXT,"
    " detail TEXT,"
    " event_id TEXT,"
    " answer TEXT,"
    " answered_at {instant},"
    " position {number})"
)
_HEAD: Final = f"CREATE TABLE IF NOT EXISTS {OUTBOX} ("
ON_SQLITE: Final = _HEAD + _COLUMNS.format(
    instant="TEXT", number="INTEGER PRIMARY KEY AUTOINCREMENT"
)
ON_POSTGRESQL: Final = _HEAD + _COLUMNS.format(
    instant="TIMESTAMPTZ", number="BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
)
_ADD: Final = (
    f"INSERT INTO {OUTBOX} (id, aggregatetype, aggregateid, type, payload)"  # noqa: S608
    " VALUES (:id, :aggregatetype, :aggregateid, :type, :payload)"
)
_WAITING: Final = (
    f"SELECT position, id, CAST(payload AS TEXT) FROM {OUTBOX}"  # noqa: S608
    " WHERE answered_at IS NULL AND position > :after ORDER BY position LIMIT 100"
)
_ANSWER: Final = (
    f"UPDATE {OUTBOX} SET state = :state, code = :code, field = :field, detail = :detail,"  # noqa: S608
    " event_id = :event_id, answer = :answer, answered_at = :answered_at"
    " WHERE id = :id AND answered_at IS NULL"
)


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A row that has no answer yet."""

    position: int
    key: str
    body: str


@dataclass(frozen=True, slots=True)
class Relayed:
    """Number of rows that one call of ``relay`` sent.

    Attributes:
        accepted: rows whose event was accepted.
        refused: rows whose event was refused. Their state, code, field and detail say why.
    """

    accepted: int = 0
    refused: int = 0


def create(*, sqlite: bool) -> Step[None]:
    """Make the table if it is missing."""
    yield SqlStatement(ON_SQLITE if sqlite else ON_POSTGRESQL, {})


def add(key: str, event: str) -> Step[None]:
    """Write an event, given as JSON, into the table."""
    document = json.loads(event)
    yield SqlStatement(
        _ADD,
        {
            "id": key,
            "aggregatetype": AGGREGATE,
            "aggregateid": key,  # the client has no agreement, which names the field of the case
            "type": document["type"],
            "payload": event,
        },
    )


def waiting(after: int) -> Step[Sequence[WaitingRow]]:
    """Return the next rows without an answer."""
    found = yield SqlStatement(_WAITING, {"after": after})
    return [WaitingRow(row[0], str(row[1]), str(row[2])) for row in found.rows]


def accepted(key: str, answer: Accepted) -> Step[None]:
    """Store that an event was accepted."""
    document = {
        "id": answer.id,
        "left_out": list(answer.left_out),
        "not_sealed": list(answer.not_sealed),
    }
    yield _answer(key, "accepted", event_id=answer.id, answer=json.dumps(document))


def refused(key: str, error: ClientError) -> Step[None]:
    """Store that an event was refused. A correction is a new row with a new id."""
    yield _answer(key, "refused", code=error.code, field=error.where, detail=error.detail)


def _answer(key: str, state: str, **members: str | None) -> SqlStatement:
    empty = dict.fromkeys(("code", "field", "detail", "event_id", "answer"))
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return SqlStatement(
        _ANSWER, {**empty, **members, "id": key, "state": state, "answered_at": now}
    )
