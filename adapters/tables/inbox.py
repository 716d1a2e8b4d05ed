"""Rows of the inbox table: received events, and the results that the application writes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    LargeBinary,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    func,
    insert,
    literal,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.types import NullType

from adapters.exchange.results import MOST_TEXT
from adapters.tables.connecting import Database
from adapters.tables.definition import named_table
from broker.agency.database_section import InboxSection

_RESULT_CHARACTERS: Final = 16
_REASON_CHARACTERS: Final = 48
_ID_CHARACTERS: Final = 64
_ENCODING: Final = (
    "(CASE WHEN current_setting('server_encoding') = 'SQL_ASCII' THEN 'SQL_ASCII' "
    "ELSE 'UTF8' END)::name"
)
"""Encoding for PostgreSQL's texts; one with the encoding SQL_ASCII may hold any bytes."""


@dataclass(frozen=True, slots=True)
class TableInboxRow:
    """A received event as a row.

    Attributes:
        source: the agency that sent it.
        id: its id; unique for a sender.
        offer: number of its offer; a later offer of the same event has a higher one.
        values: our name of a column -> value, or the agency's own column -> value.
    """

    source: str
    id: str
    offer: int
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class FoundResult:
    """Result that the application wrote, as bytes: an SQLite file may hold what is no UTF-8.

    Attributes:
        source, id: the event.
        result, reason, text: as written, cut off above their limits.
    """

    source: bytes
    id: bytes
    result: bytes
    reason: bytes | None
    text: bytes | None


class InboxRows:
    """Inserts received events and reads results.

    Args:
        database: the agency's own database.
        section: names of the inbox.
        own: further columns of the agency, for the form ``mapped``.
    """

    def __init__(
        self, database: Database, section: InboxSection, own: Collection[str] = ()
    ) -> None:
        self._postgres = database.postgres
        self._names = section.columns
        self._mapped = section.form == "mapped"
        names = [*section.columns.model_dump().values(), *own]
        self._table = named_table(
            section.schema_, section.table, names, postgres=self._postgres
        ).table

    def _column(self, name: str) -> ColumnElement[Any]:
        found: ColumnElement[Any] = self._table.c[getattr(self._names, name)]
        return found

    def _this(self, source: str, id_: str) -> ColumnElement[bool]:
        return and_(
            self._column("source") == _bound("source_", source),
            self._column("id") == _bound("id_", id_),
        )

    def _as_bytes(self, name: str, most: int | None = None) -> ColumnElement[Any]:
        """Return a column as bytes: a text that is not valid UTF-8 is no error of the driver."""
        found: ColumnElement[Any] = cast(self._column(name), Text)
        if most is not None:
            found = func.substr(found, 1, most)
        if self._postgres:
            return func.convert_to(found, literal_column(_ENCODING))
        return cast(found, LargeBinary)

    def _equals(self, name: str, value: bytes) -> ColumnElement[bool]:
        try:
            found: ColumnElement[bool] = self._column(name) == _bound(f"{name}_", value.decode())
        except UnicodeDecodeError:
            found = self._as_bytes(name) == _bound(f"{name}_", value)
        return found

    def put(self, connection: Connection, row: TableInboxRow) -> None:
        """Insert an event once. If it is offered again, remove its result.

        An event is offered again after `quarantine retry`. A repeated insert of the same offer,
        for example after a crash, changes nothing.
        """
        offer, result = cast(self._column("offer"), BigInteger), self._as_bytes("result")
        there = self._this(row.source, row.id)
        offered = connection.execute(select(offer, result).where(there)).first()
        own = (
            dict(row.values)
            if self._mapped
            else {getattr(self._names, name): value for name, value in row.values.items()}
        )
        own[self._names.offer] = row.offer
        if offered is None:
            own[self._names.source], own[self._names.id] = row.source, row.id
            connection.execute(insert(self._table).values(_all_bound(own)))
        elif offered[0] != row.offer and offered[1] != b"imported":
            for name in ("result", "reason", "text", "recorded_at", "result_code"):
                own[getattr(self._names, name)] = None
            connection.execute(
                update(self._table).where(self._this(row.source, row.id)).values(_all_bound(own))
            )
        else:
            # A repeat, or a restored adapter: its result, if there is one, is read again.
            again = {self._names.recorded_at: None, self._names.result_code: None}
            connection.execute(
                update(self._table).where(self._this(row.source, row.id)).values(_all_bound(again))
            )

    def results(self, connection: Connection, limit: int) -> list[FoundResult]:
        """Return results that are not recorded yet, in the order of their events."""
        return [FoundResult(*found) for found in connection.execute(self._open(limit))]

    def _open(self, limit: int) -> Select[Any]:
        size = func.octet_length if self._postgres else func.length
        return (
            select(
                self._as_bytes("source", _ID_CHARACTERS + 1),
                self._as_bytes("id", _ID_CHARACTERS + 1),
                self._as_bytes("result", _RESULT_CHARACTERS + 1),
                self._as_bytes("reason", _REASON_CHARACTERS + 1),
                self._as_bytes("text", MOST_TEXT + 1),
            )
            .where(
                self._column("result").is_not(None),
                self._column("recorded_at").is_(None),
                self._column("result_code").is_(None),
                size(self._as_bytes("source")) <= _ID_CHARACTERS,
                size(self._as_bytes("id")) <= _ID_CHARACTERS,
            )
            .order_by(self._column("position"))
            .limit(limit)
        )

    def record(
        self, connection: Connection, found: FoundResult, code: str | None, now: int
    ) -> None:
        """State that a result is recorded, or the code with which it is refused."""
        at = self.moment_of(now, postgres=self._postgres) if code is None else None
        named = {self._names.recorded_at: at, self._names.result_code: code}
        same = or_(
            self._as_bytes("result") == _bound("result_", found.result),
            literal(len(found.result) > _RESULT_CHARACTERS),
        )
        connection.execute(
            update(self._table)
            .where(self._equals("source", found.source), self._equals("id", found.id), same)
            .values(_all_bound(named))
        )

    def refused(self, connection: Connection) -> int:
        """Return how many results are refused, and wait for a correction."""
        asked = (
            select(func.count())
            .select_from(self._table)
            .where(self._column("result_code").is_not(None))
        )
        return int(connection.execute(asked).scalar_one())

    @staticmethod
    def moment_of(ms: int, *, postgres: bool) -> object:
        """Return a time as the database takes it."""
        at = datetime.fromtimestamp(ms / 1000, UTC)
        return at if postgres else at.isoformat(timespec="milliseconds")


def _bound(name: str, value: object) -> Any:
    return bindparam(name, value, type_=NullType())


def _all_bound(values: Mapping[str, object]) -> dict[str, Any]:
    return {
        name: null() if value is None else _bound(f"value_{number}", value)
        for number, (name, value) in enumerate(values.items())
    }
