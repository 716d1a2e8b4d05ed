"""SQL of the client on the connection that the caller's program has.

A step of the client is a generator that yields statements and gets their rows back. So the same
step runs on SQLAlchemy, on sqlite3, on psycopg and on any other DB-API connection, sync or async.
Statements have `:name` parameters, and are for PostgreSQL and SQLite.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from concordant.client.errors import ClientError

T = TypeVar("T")

Transactions: TypeAlias = Callable[[], AbstractContextManager[Any]]
"""Begins a transaction, and ends it with the block: for example ``engine.begin``."""
AsyncTransactions: TypeAlias = Callable[
    [], AbstractAsyncContextManager[Any] | AbstractContextManager[Any]
]


class SqlStatement(NamedTuple):
    """A statement with its parameters."""

    sql: str
    parameters: Mapping[str, object]


class Answer(NamedTuple):
    """Rows of a query, and the number of rows that a statement has changed."""

    rows: Sequence[Sequence[Any]]
    changed: int


Step: TypeAlias = Generator[SqlStatement, Answer, T]

_PARAMETER: Final = re.compile(r"(?<!:):([a-z_]+)")


def run(connection: Any, step: Step[T]) -> T:
    """Run a step on a connection, in the transaction that is open there."""
    try:
        statement = next(step)
        while True:
            cursor = _execute(connection, statement)
            rows = cursor.fetchall() if _has_rows(cursor) else []
            statement = step.send(Answer([tuple(row) for row in rows], cursor.rowcount))
    except StopIteration as ended:
        result: T = ended.value
        return result


async def run_async(connection: Any, step: Step[T]) -> T:
    """Run a step on a connection whose calls may be awaitable."""
    try:
        statement = next(step)
        while True:
            cursor = await _awaited(_execute(connection, statement))
            rows = await _awaited(cursor.fetchall()) if _has_rows(cursor) else []
            statement = step.send(Answer([tuple(row) for row in rows], cursor.rowcount))
    except StopIteration as ended:
        result: T = ended.value
        return result


def require_transaction(connection: Any) -> None:
    """Refuse a connection that commits each statement, because nothing is then stored together.

    Raises:
        ClientError: `transaction_missing`.
    """
    if _of_sqlalchemy(connection):
        return
    commits = getattr(connection, "autocommit", False) is True  # psycopg; sqlite3 since 3.12
    if (
        getattr(connection, "isolation_level", "") is None
        and "sqlite" in type(connection).__module__
    ):
        commits = True
    info = getattr(connection, "info", None)
    begun = getattr(connection, "in_transaction", False) or (
        info is not None and getattr(info, "transaction_status", 0) != 0
    )
    if commits and not begun:
        raise ClientError(
            "The connection commits each statement, so no transaction is open.",
            code="transaction_missing",
            where="transaction",
            fix="Open the connection without autocommit, or begin a transaction on it first.",
        )


def is_sqlite(connection: Any) -> bool:
    """Return whether a connection is one to SQLite."""
    if _of_sqlalchemy(connection):
        bound = connection.get_bind() if hasattr(connection, "get_bind") else connection
        return bool(bound.dialect.name == "sqlite")
    return "sqlite" in type(connection).__module__


async def _awaited(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


def _has_rows(cursor: Any) -> bool:
    returns = getattr(cursor, "returns_rows", None)  # SQLAlchemy
    return bool(cursor.description) if returns is None else bool(returns)


def _of_sqlalchemy(connection: Any) -> bool:
    return any(base.__module__.startswith("sqlalchemy.") for base in type(connection).__mro__)


def _execute(connection: Any, statement: SqlStatement) -> Any:
    sql, parameters = statement
    if _of_sqlalchemy(connection):
        from sqlalchemy import bindparam, text
        from sqlalchemy.types import NullType

        # a parameter without a type: the column decides, also a jsonb or a uuid
        typed = [bindparam(name, type_=NullType()) for name in parameters]
        return connection.execute(text(sql).bindparams(*typed), dict(parameters))
    style = _style(connection)
    if style == "named":
        return _on_cursor(connection, sql, dict(parameters))
    if style == "pyformat":
        return _on_cursor(connection, _PARAMETER.sub(r"%(\1)s", sql), dict(parameters))
    names = _PARAMETER.findall(sql)
    mark = "%s" if style == "format" else "?"
    return _on_cursor(connection, _PARAMETER.sub(mark, sql), [parameters[name] for name in names])


def _on_cursor(connection: Any, sql: str, parameters: Any) -> Any:
    if hasattr(connection, "execute"):  # sqlite3, psycopg, and their async forms
        return connection.execute(sql, parameters)
    cursor = connection.cursor()
    cursor.execute(sql, parameters)
    return cursor


def _style(connection: Any) -> str:
    """Return the style of parameters of a DB-API connection (PEP 249)."""
    module = type(connection).__module__.partition(".")[0]
    if "sqlite" in module:
        return "named"
    return str(getattr(sys.modules.get(module), "paramstyle", "pyformat"))
