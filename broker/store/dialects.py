"""Types, indexes and statements whose SQL differs between SQLite and PostgreSQL.

`INSERT ... ON CONFLICT` has one syntax in both, so SQLAlchemy's statement for SQLite serves both;
importing the one for PostgreSQL would cost every command 60 ms.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from sqlalchemy import BigInteger, Index, Integer, String, Table, text
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.dialects.sqlite.dml import OnConflictDoNothing, OnConflictDoUpdate
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import GenericFunction

Serial = BigInteger().with_variant(Integer, "sqlite")
"""Number of a row. Only the type INTEGER is an alias of SQLite's rowid."""

Upsert: TypeAlias = Insert
"""An insert that says what happens to a row that is there already."""


def short_text(length: int) -> String:
    """Return the type of a name or a code, which is compared by its code points.

    SQLite compares so by itself, but does not check the length. So PostgreSQL checks none either,
    and its collation is `C` in every database.
    """
    return String(length).with_variant(String(collation="C"), "postgresql")


def partial(
    name: str,
    *columns: str | ColumnElement[int],
    where: str,
    postgresql: str | None = None,
) -> Index:
    """Return an index over the rows of a condition.

    Args:
        name: of the index.
        columns: names of columns, or an expression.
        where: the condition. SQLite uses the index only for a query with the same text.
        postgresql: the condition for PostgreSQL, if it differs.
    """
    there = text(where if postgresql is None else postgresql)
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=there)


def upsert(table: Table) -> Upsert:
    """Return an insert with `on_conflict_do_nothing` and `on_conflict_do_update`."""
    return insert(table)


@compiles(OnConflictDoNothing, "postgresql")
@compiles(OnConflictDoUpdate, "postgresql")
def _on_conflict(
    clause: OnConflictDoNothing | OnConflictDoUpdate, compiler: SQLCompiler, **options: Any
) -> str:
    clause.constraint_target = None  # type: ignore[union-attr]  # PostgreSQL alone can name one
    visit = getattr(compiler, f"visit_{clause.__visit_name__}")
    text: str = visit(clause, **options)
    return text


class least(GenericFunction[int]):  # noqa: N801 - SQLAlchemy names functions as SQL does
    """The smallest of several numbers, none of them null."""

    type = BigInteger()
    inherit_cache = True


@compiles(least, "sqlite")
def _least(element: least, compiler: SQLCompiler, **options: Any) -> str:
    return f"min({compiler.process(element.clause_expr.element, **options)})"
