"""Rows of the outbox table: which wait, what they hold, and their answers.

A row waits while it has no answer. No number of a last row is kept, so a row of a transaction that
commits late is never passed over, whatever its number is.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    column,
    delete,
    exists,
    func,
    insert,
    literal,
    literal_column,
    null,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import quoted_name
from sqlalchemy.types import NullType

from adapters.tables.connecting import Database, sql_state
from adapters.tables.definition import (
    ACCEPTED,
    ANSWER_COLUMNS,
    answers_table,
    outbox_table,
)
from broker.agency.database_section import OutboxSection

ID_CHARACTERS: Final = 200
VERSION_CHARACTERS: Final = 100
DETAIL_CHARACTERS: Final = 500
_TOO_LARGE_STATES: Final = frozenset({"54000", "53200", "22021", "22P05"})
"""PostgreSQL's codes of a value that it cannot give as text."""


@dataclass(frozen=True, slots=True)
class UnansweredRow:
    """A row without an answer.

    Attributes:
        id: the idempotency key, as text.
        version: the change marker, as text; empty for a table without one.
        raw_id, raw_version: both as the driver returned them.
    """

    id: str
    version: str
    raw_id: object
    raw_version: object

    @property
    def item(self) -> str:
        """Return the name of the row among held items."""
        return f"{self.id} {self.version}" if self.version else self.id


@dataclass(frozen=True, slots=True)
class RowContent:
    """Content of a row; a value is None if it is NULL or the row is too large.

    Attributes:
        size: bytes of the whole content.
        values: column -> text in UTF-8.
    """

    size: int
    values: dict[str, bytes | None]


@dataclass(frozen=True, slots=True)
class RowAnswer:
    """Answer to a row.

    Attributes:
        state: `accepted`, `refused` or `filtered`.
        code, field, detail: reason of a refusal.
        event_id: id of the accepted event.
        answer: JSON as `POST /events` answers.
    """

    state: str
    code: str | None = None
    field: str | None = None
    detail: str | None = None
    event_id: str | None = None
    answer: str | None = None


class OutboxRows:
    """Reads rows of the outbox and answers them.

    Args:
        database: the agency's own database.
        section: names and form of the outbox.
        row_bytes: most bytes of a row.
    """

    def __init__(self, database: Database, section: OutboxSection, row_bytes: int) -> None:
        self._database = database
        self._section = section
        self._row_bytes = row_bytes
        self._postgres = database.postgres
        self._names = section.columns
        self._outbox = outbox_table(section, postgres=self._postgres).table
        self._answers = answers_table(section, postgres=self._postgres).table
        self._id = self._outbox.c[self._names.id]
        self._version = None if self._names.version is None else self._outbox.c[self._names.version]

    # --- statements ------------------------------------------------------------------------------

    def _column(self, name: str) -> ColumnElement[Any]:
        """Return a column of the settings, or of a mapping, which may change."""
        known = self._outbox.c.get(name)
        return column(quoted_name(name, quote=True)) if known is None else known

    def _text(self, name: str) -> ColumnElement[Any]:
        return cast(self._column(name), Text)

    def _bytes(self, name: str) -> ColumnElement[Any]:
        """Return a column as bytes: a text that is not valid UTF-8 is no error of the driver."""
        if self._postgres:
            return func.convert_to(self._text(name), literal_column("'UTF8'"))
        return cast(self._column(name), LargeBinary)

    def _size(self, name: str) -> ColumnElement[Any]:
        if self._postgres:
            return func.coalesce(func.octet_length(self._text(name)), 0)
        return func.coalesce(func.length(cast(self._column(name), LargeBinary)), 0)

    def _usable(self) -> ColumnElement[bool]:
        """Return the condition for rows with a key of visible ASCII characters."""
        found = self._plain(self._names.id, "!", ID_CHARACTERS)
        if self._names.version is None:
            return found
        return and_(found, self._plain(self._names.version, " ", VERSION_CHARACTERS))

    def _plain(self, name: str, first: str, most: int) -> ColumnElement[bool]:
        if self._postgres:
            pattern: ColumnElement[Any] = literal_column(f"'^[{first}-~]{{1,{most}}}$'")
            return and_(
                self._outbox.c[name].is_not(None),
                cast(self._outbox.c[name], Text).collate("C").op("~", is_comparison=True)(pattern),
            )
        size = func.length(cast(self._column(name), LargeBinary))
        strange: ColumnElement[Any] = literal_column(f"'*[^{first}-~]*'")
        return and_(
            size.between(1, most),
            cast(self._outbox.c[name], Text).op("NOT GLOB", is_comparison=True)(strange),
        )

    def _waits(self) -> ColumnElement[bool]:
        if self._section.answers == "columns":
            found: ColumnElement[bool] = self._outbox.c[self._names.state].is_(None)
        else:
            version: ColumnElement[Any] = (
                literal_column("''")
                if self._names.version is None
                else self._text(self._names.version)
            )
            answered = and_(
                self._answers.c.id == self._text(self._names.id),
                self._answers.c.version == version,
            )
            found = ~exists(select(literal(1)).where(answered).select_from(self._answers))
        chosen = self._section.aggregatetypes
        if chosen and self._section.form == "events":
            kinds = [_bound(f"kind_{n}", one) for n, one in enumerate(chosen)]
            found = and_(found, self._text(self._names.aggregatetype).in_(kinds))
        return found

    def _waiting(self, limit: int) -> Select[Any]:
        versions = (
            (null(), literal_column("''"))
            if self._version is None or self._names.version is None
            else (self._version, self._text(self._names.version))
        )
        raw_version, version = versions
        return (
            select(
                self._text(self._names.id).label("id_"),
                version.label("version_"),
                self._id.label("raw_id"),
                raw_version.label("raw_version"),
            )
            .where(self._waits(), self._usable())
            .order_by(self._outbox.c[self._names.position], self._text(self._names.id))
            .limit(limit)
        )

    def _this(self, row: UnansweredRow) -> ColumnElement[bool]:
        found: ColumnElement[bool] = self._id == _bound("raw_id_", row.raw_id)
        if self._version is None:
            return found
        return and_(found, self._version == _bound("raw_version_", row.raw_version))

    # --- reading ---------------------------------------------------------------------------------

    def waiting(self, connection: Connection, limit: int) -> list[UnansweredRow]:
        """Return the first rows without an answer, in the order of their position."""
        return [UnansweredRow(*found) for found in connection.execute(self._waiting(limit))]

    def unusable(self, connection: Connection) -> int:
        """Return how many waiting rows have a key that cannot be used."""
        asked = (
            select(func.count())
            .select_from(self._outbox)
            .where(self._waits(), func.coalesce(self._usable(), literal_column("1=0")).is_(False))
            if self._postgres
            else select(func.count())
            .select_from(self._outbox)
            .where(self._waits(), func.coalesce(self._usable(), 0) == 0)
        )
        return int(connection.execute(asked).scalar_one())

    def content(
        self, connection: Connection, row: UnansweredRow, columns: Sequence[str]
    ) -> RowContent | None:
        """Return the content of a row; None if it was answered or removed meanwhile.

        The server measures the content and does not send one that is too large.
        """
        size: ColumnElement[Any] = literal_column("0")
        for name in columns:
            size = size + self._size(name)
        within = size <= self._row_bytes
        values = [
            case((within, self._bytes(name)), else_=null()).label(f"v{number}")
            for number, name in enumerate(columns)
        ]
        asked = (
            select(size.label("size_"), *values)
            .select_from(self._outbox)
            .where(self._this(row), self._waits())
        )
        try:
            with connection.begin_nested() if self._postgres else nullcontext():
                found = connection.execute(asked).first()
        except DBAPIError as error:
            if sql_state(error) not in _TOO_LARGE_STATES or error.connection_invalidated:
                raise
            return RowContent(self._row_bytes + 1, dict.fromkeys(columns))
        if found is None:
            return None
        texts = (None if one is None else bytes(one) for one in found[1:])
        return RowContent(int(found[0]), dict(zip(columns, texts, strict=True)))

    # --- answers ---------------------------------------------------------------------------------

    def answer(
        self, connection: Connection, row: UnansweredRow, answer: RowAnswer, now: int
    ) -> bool:
        """Write the answer of a row. Return False if it has one, or was changed or removed."""
        if self._section.answers == "columns":
            values = self._values(answer, now)
            named = {getattr(self._names, one): value for one, value in values.items()}
            done = connection.execute(
                update(self._outbox).where(self._this(row), self._waits()).values(named)
            )
            return done.rowcount > 0
        own = and_(
            self._answers.c.id == _bound("id_", row.id),
            self._answers.c.version == _bound("version_", row.version),
        )
        connection.execute(delete(self._answers).where(own))
        if self._section.answers == "delete" and answer.state == ACCEPTED:
            return connection.execute(delete(self._outbox).where(self._this(row))).rowcount > 0
        values = self._values(answer, now)
        values |= {"id": _bound("id_", row.id), "version": _bound("version_", row.version)}
        connection.execute(insert(self._answers).values(values))
        return True

    def take_back(self, connection: Connection, item: str) -> bool:
        """Remove the answer of a refused row, so that it waits again. Return whether it was there.

        Args:
            connection: a transaction.
            item: `UnansweredRow.item`.
        """
        id_, _, version = item.partition(" ")
        if self._section.answers == "columns":
            refused = and_(
                self._text(self._names.id) == _bound("id_", id_),
                self._outbox.c[self._names.state] == literal_column("'refused'"),
            )
            if self._names.version is not None:
                refused = and_(refused, self._text(self._names.version) == _bound("v_", version))
            values: dict[str, Any] = {getattr(self._names, one): null() for one in ANSWER_COLUMNS}
            return (
                connection.execute(update(self._outbox).where(refused).values(values)).rowcount > 0
            )
        own = and_(
            self._answers.c.id == _bound("id_", id_),
            self._answers.c.version == _bound("version_", version),
            self._answers.c.state == literal_column("'refused'"),
        )
        return connection.execute(delete(self._answers).where(own)).rowcount > 0

    def _values(self, answer: RowAnswer, now: int) -> dict[str, Any]:
        at = datetime.fromtimestamp(now / 1000, UTC)
        detail = answer.detail and answer.detail[:DETAIL_CHARACTERS]
        values: dict[str, object] = {
            "state": answer.state,
            "code": answer.code,
            "field": answer.field,
            "detail": detail,
            "event_id": answer.event_id,
            "answer": answer.answer,
            "answered_at": at if self._postgres else at.isoformat(timespec="milliseconds"),
        }
        return {name: _bound(f"{name}_", value) for name, value in values.items()}


def _bound(name: str, value: object) -> Any:
    """Return a parameter without a type: the type of the column decides."""
    return bindparam(name, value, type_=NullType())
