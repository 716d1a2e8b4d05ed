"""Columns and rights of a table, from the catalogue of the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

PRIVILEGES: Final = ("SELECT", "INSERT", "UPDATE")
_KINDS: Final = {"r": "table", "p": "table", "v": "view", "m": "view", "f": "foreign table"}
_OF_POSTGRES: Final = text(
    """
    SELECT c.relkind, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
           has_column_privilege(c.oid, a.attnum, 'SELECT'),
           has_column_privilege(c.oid, a.attnum, 'INSERT'),
           has_column_privilege(c.oid, a.attnum, 'UPDATE')
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE n.nspname = :schema AND c.relname = :name AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    ORDER BY a.attnum
    """
)
_RIGHTS: Final = text(
    """
    SELECT has_table_privilege(c.oid, 'DELETE'), has_table_privilege(c.oid, 'TRUNCATE'),
           has_table_privilege(c.oid, 'INSERT'), has_table_privilege(c.oid, 'UPDATE'),
           pg_has_role(c.relowner, 'USAGE')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = :schema AND c.relname = :name
    """
)
_UNIQUE_OF_POSTGRES: Final = text(
    """
    SELECT array_agg(a.attname::text)
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
    WHERE n.nspname = :schema AND c.relname = :name AND i.indisunique AND i.indpred IS NULL
    GROUP BY i.indexrelid
    """
)
_OF_SQLITE: Final = text('SELECT name, type, "notnull", pk FROM pragma_table_info(:name)')
_KIND_OF_SQLITE: Final = text("SELECT type FROM sqlite_schema WHERE name = :name")
_INDEXES_OF_SQLITE: Final = text(
    'SELECT name FROM pragma_index_list(:name) WHERE "unique" AND NOT partial'
)
_PARTS_OF_SQLITE: Final = text("SELECT name FROM pragma_index_info(:name)")


@dataclass(frozen=True, slots=True)
class FoundColumn:
    """A column of a table.

    Attributes:
        type: its type, in the words of the database.
        rights: those of PRIVILEGES that this user has.
    """

    type: str
    rights: frozenset[str]


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table or view.

    Attributes:
        kind: `table`, `view` or `foreign table`.
        columns: name -> column.
        unique: sets of columns of which each value occurs once.
        rights: of the table as a whole: DELETE, TRUNCATE, INSERT, UPDATE, OWNER.
    """

    kind: str
    columns: dict[str, FoundColumn]
    unique: tuple[frozenset[str], ...]
    rights: frozenset[str]


def find_table(connection: Connection, schema: str, name: str) -> FoundTable | None:
    """Return a table or view; None if there is none of this name."""
    if connection.dialect.name == "sqlite":
        return _in_sqlite(connection, name)
    asked = {"schema": schema, "name": name}
    rows = connection.execute(_OF_POSTGRES, asked).all()
    if not rows:
        return None
    columns = {
        row[1]: FoundColumn(
            row[2], frozenset(one for one, has in zip(PRIVILEGES, row[4:], strict=True) if has)
        )
        for row in rows
    }
    unique = tuple(frozenset(row[0]) for row in connection.execute(_UNIQUE_OF_POSTGRES, asked))
    names = ("DELETE", "TRUNCATE", "INSERT", "UPDATE", "OWNER")
    has = connection.execute(_RIGHTS, asked).one()
    kind = rows[0][0]
    rights = frozenset(one for one, held in zip(names, has, strict=True) if held)
    return FoundTable(
        _KINDS[kind.decode() if isinstance(kind, bytes) else kind], columns, unique, rights
    )


def _in_sqlite(connection: Connection, name: str) -> FoundTable | None:
    rows = connection.execute(_OF_SQLITE, {"name": name}).all()
    if not rows:
        return None
    every = frozenset(PRIVILEGES)  # SQLite has no rights: who may open the file may do everything
    columns = {row[0]: FoundColumn(row[1].lower(), every) for row in rows}
    unique = [frozenset(row[0] for row in rows if row[3])]
    for (index,) in connection.execute(_INDEXES_OF_SQLITE, {"name": name}).all():
        parts = connection.execute(_PARTS_OF_SQLITE, {"name": index}).scalars()
        unique.append(frozenset(parts))
    kind = connection.execute(_KIND_OF_SQLITE, {"name": name}).scalar() or "table"
    return FoundTable(str(kind), columns, tuple(one for one in unique if one), every)
